"""The commands `cosim sweep`: many runs of one scenario."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosim.cores import usable_cores

if TYPE_CHECKING:
    from rich.console import Console

    from cosim.sweep.drive import State, Workers
    from cosim.sweep.plan import Plan

app = typer.Typer(
    name="sweep",
    help="Run a scenario many times with other values: size, place, seeds, grid, mitigation.",
    epilog="Example:  cosim sweep plan ieee39-siting  and then  cosim sweep run ieee39-siting",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXIT_INTERRUPTED = 130


def _library_names(incomplete: str) -> list[str]:
    from cosim.scenario.library import sweep_library

    return [name for name in sweep_library() if name.startswith(incomplete)]


FileArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="Path of a sweep file, or its name in the library.", autocompletion=_library_names
    ),
]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a sweep.")]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the sweep file, such as replicates=1."),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, metavar="N", help="Worker processes on this machine [one for each core]."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


@app.command(epilog="Example:  cosim sweep init my-sweep.yaml && cosim sweep plan my-sweep.yaml")
def init(
    file: Annotated[Path, typer.Argument(help="File to write.")] = Path("sweep.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a commented sweep file to start from."""
    from cosim.files import write_template

    write_template(Path(__file__).parent / "sweep" / "template.yaml", file, force=force)
    typer.echo(f"wrote {file}; check it with:  cosim sweep plan {file}")


@app.command(epilog="Example:  cosim sweep plan ieee39-siting --set replicates=20")
def plan(
    file: FileArgument,
    overrides: SetOption = [],  # noqa: B006
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a sweep, count its runs, and estimate what they take, without making them."""
    import json

    from cosim import console
    from cosim.compile_console import prepare_andes
    from cosim.sweep import estimate, overview
    from cosim.sweep.plan import load_sweep, make_plan

    prepare_andes(show=not as_json)
    with console.status("checking the scenarios and timing a short run", not as_json):
        made = make_plan(*load_sweep(file, overrides))
        estimate.check(made)
        found = estimate.estimate(made)
    described = overview.describe(made, found, workers or usable_cores())
    if as_json:
        typer.echo(json.dumps(described, indent=2, ensure_ascii=False))
    else:
        overview.print_plan(described)


@app.command(
    epilog="Example:  cosim sweep run ieee39-siting --out results/siting --workers 2;  later, after an interruption, "
    "the same with --resume"
)
def run(
    file: FileArgument,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder to write to [results/NAME].")] = None,
    overrides: SetOption = [],  # noqa: B006
    workers: WorkersOption = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Run on a Dask cluster, such as tcp://head:8786."),
    ] = None,
    slurm: Annotated[
        Path | None,
        typer.Option("--slurm", metavar="FILE", help="Start Dask workers as batch jobs (SLURM, PBS or LSF)."),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="I/N", help="Run part I of N, as task I of a job array; then: sweep collect."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on in a folder that holds finished runs.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Do not write report.html.")] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the runs of a sweep: on this machine, a Dask cluster, or batch jobs.

    Runs that are finished stay so: after an interruption, or with more values in the file, --resume makes those that
    are missing. A run that fails is a row of the table with its status and reason.
    """
    from rich.console import Console

    from cosim.compile_console import prepare_andes
    from cosim.errors import InputError, Problem
    from cosim.runner import folder_named
    from cosim.sweep import estimate, overview
    from cosim.sweep.drive import run_sweep
    from cosim.sweep.plan import load_sweep, make_plan
    from cosim.sweep.pool import SweepStopped
    from cosim.sweep.progress import SweepProgress

    part = _shard(shard) if shard else None
    _check_choice({"--workers": workers, "--scheduler": scheduler, "--slurm": slurm})
    console = Console(stderr=True, quiet=quiet or as_json)
    prepare_andes(show=not (quiet or as_json))
    made = make_plan(*load_sweep(file, overrides))
    folder = out or folder_named(made.sweep.name)
    estimate.check(made)
    console.print(overview.headline(made, part), soft_wrap=True, highlight=False)
    _compile_first_time(made, not (quiet or as_json))
    progress = SweepProgress(console)
    try:
        with _workers(workers, scheduler, slurm) as chosen, progress:
            state = run_sweep(made, folder, chosen, resume=resume, shard=part, watch=progress.show)
    except SweepStopped as error:
        raise InputError(
            Problem(f"the sweep has stopped: {error}", place=str(folder), hint="mend it, then go on with --resume")
        ) from error
    except KeyboardInterrupt:
        typer.echo(f"interrupted; finished runs are kept in {folder}: go on with --resume", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _finish(made, folder, state, console, report=not no_report and part is None, as_json=as_json)


@app.command(epilog="Example:  cosim sweep collect results/siting")
def collect(
    folder: FolderArgument,
    no_report: Annotated[bool, typer.Option("--no-report", help="Do not write report.html.")] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Gather the runs of a folder, such as those of a job array, into its table."""
    from rich.console import Console

    from cosim.sweep.confirm import to_confirm
    from cosim.sweep.drive import state_of
    from cosim.sweep.folder import reopen
    from cosim.sweep.table import table, write_table

    made, records = reopen(folder)
    write_table(table(made, records.found), folder)
    console = Console(stderr=True, quiet=quiet or as_json)
    tasks = [*made.tasks, *to_confirm(made, records.found)]
    _finish(made, folder, state_of(tasks, records), console, report=not no_report, as_json=as_json)


@app.command(epilog="Example:  cosim sweep report results/siting --metric frequency.nadir_hz")
def report(
    folder: FolderArgument,
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="PATH", help="Metric to show first [that of the criteria].")
    ] = None,
    hosting: Annotated[
        str | None,
        typer.Option("--hosting", metavar="KEY", help="Parameter whose largest passing value is shown [the first MW]."),
    ] = None,
) -> None:
    """Write report.html of a sweep, finished or not: effects, heat maps, worst runs, hosting curves."""
    from cosim.report.sweep import write_sweep_report

    path = folder / "report.html"
    write_sweep_report(folder, path, metric=metric, hosting=hosting)
    typer.echo(f"wrote {path}")


def _finish(made: "Plan", folder: Path, state: "State", console: "Console", *, report: bool, as_json: bool) -> None:
    """Write the report, and say what came out."""
    import json

    from cosim.sweep import overview

    if report:
        from cosim.report.sweep import write_sweep_report

        write_sweep_report(folder, folder / "report.html")
    if as_json:
        typer.echo(json.dumps(overview.outcome(made, folder, state), indent=2, ensure_ascii=False))
    elif not console.quiet:
        overview.print_outcome(made, folder, state)


def _compile_first_time(made: "Plan", show: bool) -> None:
    """Compile what the first run needs, once, before workers start."""
    from cosim.compile_console import compile_first_time
    from cosim.errors import InputError
    from cosim.scenario.load import validate
    from cosim.scenario.source import Source

    run = made.tasks[0].confirmation or made.tasks[0]
    with contextlib.suppress(InputError):  # the run meets it too, and its record tells
        compile_first_time(validate(Source(None, run.data)), Source(None, {}), show)


def _check_choice(options: dict[str, object]) -> None:
    from cosim.errors import InputError, Problem

    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise InputError(Problem(f"{' and '.join(given)} exclude each other", hint="each says where the runs are made"))


def _shard(text: str) -> tuple[int, int]:
    from cosim.errors import InputError, Problem

    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise InputError(
            Problem(f"'{text}' is no part of a sweep", place="--shard", hint="write I/N, such as 1/4, I from 1 to N")
        )
    return int(number), int(count)


def _workers(
    workers: int | None, scheduler: str | None, slurm: Path | None
) -> "contextlib.AbstractContextManager[Workers]":
    """Who makes the runs, as a context that ends them."""
    if scheduler is not None or slurm is not None:
        from cosim.sweep import cluster

        return cluster.connected(scheduler) if scheduler is not None else cluster.started(slurm)  # type: ignore[arg-type]
    from cosim.sweep.pool import LocalWorkers

    return contextlib.nullcontext(LocalWorkers(workers or usable_cores()))
