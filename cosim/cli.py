"""The command line. Heavy imports wait inside the commands, so that --help answers at once."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosim.compare_cli import compare
from cosim.grid_cli import app as grid_app
from cosim.host_cli import host
from cosim.modes_cli import modes
from cosim.size_cli import app as size_app
from cosim.sweep_cli import app as sweep_app
from cosim.trace_cli import app as trace_app
from cosim.transfer_cli import transfer

if TYPE_CHECKING:
    from cosim.result import Result

# Typer carries its own copy of Click from 0.16 on: take the class from what Typer exports.
_USAGE_ERROR = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

EXIT_BUG, EXIT_BAD_INPUT, EXIT_VERDICT_FAIL, EXIT_NOT_COMPLETED, EXIT_INTERRUPTED = 1, 2, 3, 4, 130

app = typer.Typer(
    name="cosim",
    help="How do LLM data centres disturb a power grid, and what helps?",
    epilog="Start with:  cosim run ieee14-quickstart   or   cosim init my-study.yaml",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(trace_app, name="trace")
app.add_typer(grid_app, name="grid")
app.add_typer(size_app, name="size")
app.add_typer(sweep_app, name="sweep")
app.command(epilog="Example:  cosim compare results/before results/after")(compare)
app.command(epilog="Examples:  cosim modes kundur;  cosim modes ieee39-training --to-hz 2 --out results/modes")(modes)
app.command(
    epilog="Examples:  cosim transfer kundur --at 7 --at 9;  cosim transfer ieee39-training --out results/transfer"
)(transfer)
app.command(epilog="Example:  cosim host ieee14 --buses 4,9,14 --criteria screening --out results/hosting")(host)


def _library_names(incomplete: str) -> list[str]:
    from cosim.scenario.library import library

    return [name for name in library() if name.startswith(incomplete)]


class Engine(StrEnum):
    """What integrates the grid."""

    AUTO = "auto"
    COMPILED = "compiled"
    ANDES = "andes"
    LINEAR = "linear"


ScenarioArgument = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO",
        help="Path of a scenario, or its name in the library.",
        autocompletion=_library_names,
    ),
]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value, such as sites[0].rating_mw=300. May be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command(epilog="Example:  cosim init my-study.yaml && cosim run my-study.yaml")
def init(
    file: Annotated[Path, typer.Argument(help="File to write.")] = Path("scenario.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a commented scenario to start from."""
    from cosim.files import write_template

    write_template(Path(__file__).parent / "scenario" / "template.yaml", file, force=force)
    typer.echo(f"wrote {file}; run it with:  cosim run {file}")


@app.command(epilog="Example:  cosim run ieee39-training --set sites[0].rating_mw=300 --out results/300mw")
def run(
    scenario: ScenarioArgument,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder to write to [results/NAME].")] = None,
    overrides: SetOption = [],  # noqa: B006
    engine: Annotated[
        Engine | None,
        typer.Option("--engine", help="What integrates the grid: short for --set simulation.engine=NAME."),
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Run it also without the sites' fluctuation, and show the difference.")
    ] = False,
    unmitigated: Annotated[
        bool, typer.Option("--unmitigated", help="Run it also without mitigation, and show the difference.")
    ] = False,
    check_step: Annotated[
        bool, typer.Option("--check-step", help="Run it also at half the step, and show what changes.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 if the verdict is fail.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Do not write report.html.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a scenario: simulate, measure, judge, report."""
    from cosim import console, runner
    from cosim.compilation import Compilation, watched
    from cosim.compile_console import prepare_andes
    from cosim.errors import InputError, Problem
    from cosim.scenario.load import load_scenario
    from cosim.study import prepare_study

    show = not quiet and not as_json
    prepare_andes(show=show)
    with console.status("reading the scenario, the grid and the traces", show):
        chosen = [f"simulation.engine={engine}"] if engine else []
        valid, source = load_scenario(scenario, [*overrides, *chosen])
        compilation = Compilation()
        study = prepare_study(valid, source, told=compilation.told)
    folder = out or runner.default_folder(valid)
    if baseline and not valid.sites:
        raise InputError(Problem("--baseline holds the sites' power steady, and the scenario has no sites"))
    if unmitigated and not any(site.mitigation for site in valid.sites):
        raise InputError(Problem("--unmitigated leaves the mitigation out, and no site of the scenario has any"))
    runs = 1 + baseline + unmitigated + check_step
    duration_s = runs * valid.simulation.duration_s
    with watched(compilation), console.progress(duration_s, show, compilation) as progress:
        result = runner.execute(
            study,
            folder,
            report=not no_report,
            baseline=baseline,
            unmitigated=unmitigated,
            check_step=check_step,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(result.summary, indent=2, ensure_ascii=False))
    elif show:
        console.print_summary(result, folder)
    _exit_by_status(result, strict)


def _exit_by_status(result: "Result", strict: bool) -> None:
    summary = result.summary
    if summary["status"] == "interrupted":
        raise typer.Exit(EXIT_INTERRUPTED)
    if summary["status"] != "completed":
        typer.echo(f"the simulation did not complete: {result.attributes['message']}", err=True)
        raise typer.Exit(EXIT_NOT_COMPLETED)
    if strict and summary["verdict"] == "fail":
        raise typer.Exit(EXIT_VERDICT_FAIL)


@app.command(epilog="Example:  cosim validate my-study.yaml ieee39-training")
def validate(
    scenarios: Annotated[
        list[str],
        typer.Argument(metavar="SCENARIO...", help="Paths or library names.", autocompletion=_library_names),
    ],
    overrides: SetOption = [],  # noqa: B006
) -> None:
    """Check scenarios, their grids and their traces without simulating."""
    from cosim.errors import InputError
    from cosim.scenario.load import load_scenario
    from cosim.study import prepare_study

    failed = False
    for name in scenarios:
        try:
            prepare_study(*load_scenario(name, overrides))
        except InputError as error:
            typer.echo(str(error), err=True)
            failed = True
        else:
            typer.echo(f"{name}: valid")
    if failed:
        raise typer.Exit(EXIT_BAD_INPUT)


class SchemaKind(StrEnum):
    """Files that have a schema."""

    SCENARIO = "scenario"
    SWEEP = "sweep"


@app.command(epilog="Example:  cosim schema > scenario.schema.json  or  cosim schema sweep")
def schema(
    kind: Annotated[SchemaKind, typer.Argument(help="Which files.")] = SchemaKind.SCENARIO,
) -> None:
    """Print the JSON Schema of scenario or sweep files (for editors and checks)."""
    if kind is SchemaKind.SWEEP:
        from cosim.sweep.model import Sweep as Model
    else:
        from cosim.scenario.model import Scenario as Model  # type: ignore[assignment]

    typer.echo(json.dumps(Model.model_json_schema(by_alias=True), indent=2))


def _kinds(incomplete: str) -> list[str]:
    return [
        kind
        for kind in ("scenarios", "sweeps", "grids", "workloads", "protection", "criteria", "metrics")
        if kind.startswith(incomplete)
    ]


def _profiles(incomplete: str) -> list[str]:
    from cosim.criteria.library import profile_files

    return [name for name in profile_files() if name.startswith(incomplete)]


@app.command("list", epilog="Example:  cosim list grids  or  cosim list criteria ercot")
def list_(
    kind: Annotated[
        str,
        typer.Argument(
            help="scenarios, sweeps, grids, workloads, protection, criteria or metrics.", autocompletion=_kinds
        ),
    ] = "scenarios",
    name: Annotated[
        str | None, typer.Argument(help="With criteria: one profile.", autocompletion=_profiles, show_default=False)
    ] = None,
    sparklines: Annotated[
        bool, typer.Option("--sparklines", help="With workloads: draw a line of each preset.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List what ships with the package."""
    from cosim import console, listing, verdict_console
    from cosim.errors import InputError, Problem, nearest

    if kind not in listing.KINDS:
        raise InputError(Problem(f"nothing is listed as '{kind}'", hint=nearest(kind, listing.KINDS)))
    if name is not None and kind != "criteria":
        raise InputError(Problem(f"'{kind}' are listed as a whole, got the name '{name}'"))
    if kind == "workloads":
        rows = listing.workloads(sparklines)
    else:
        rows = listing.criteria(name) if kind == "criteria" else listing.KINDS[kind]()
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif kind == "workloads":
        console.print_workloads(rows)
    elif kind == "criteria":
        verdict_console.print_limits(rows)
    else:
        console.print_rows(rows, kind)


@app.command(epilog="Example:  cosim report results/ieee39-training --pdf")
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.")],
    pdf: Annotated[bool, typer.Option("--pdf", help="Write report.pdf as well.")] = False,
) -> None:
    """Write report.html again from a stored result alone, and report.pdf if wanted."""
    from cosim import console
    from cosim.errors import InputError, Problem
    from cosim.report import write_pdf, write_report
    from cosim.result import Result, ResultError
    from cosim.runner import PDF_NAME, REPORT_NAME

    try:
        result = Result.open(folder)
        path = (folder if folder.is_dir() else folder.parent) / REPORT_NAME
        write_report(result, path)
        typer.echo(f"wrote {path}")
        if pdf:
            with console.status("laying out the pages", True):
                write_pdf(result, path.with_name(PDF_NAME))
            typer.echo(f"wrote {path.with_name(PDF_NAME)}")
    except ResultError as error:
        raise InputError(Problem(str(error))) from error


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"cosim {version('llm-grid-cosim')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Entry point: every way out has the exit code that the documentation promises."""
    try:
        code: Any = app(arguments, standalone_mode=False, prog_name="cosim")
    except Exception as error:
        code = _code_of(error)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        code = EXIT_INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def _code_of(error: Exception) -> int:
    """Say what went wrong in the user's words and choose the exit code."""
    from cosim.errors import InputError

    if isinstance(error, InputError):
        typer.echo(str(error), err=True)
        return EXIT_BAD_INPUT
    if isinstance(error, typer.Abort):
        typer.echo("interrupted", err=True)
        return EXIT_INTERRUPTED
    if isinstance(error, _USAGE_ERROR):
        error.show()  # type: ignore[attr-defined]
        return EXIT_BAD_INPUT
    if isinstance(error, OSError) and error.filename is not None:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        return EXIT_BAD_INPUT
    return _report_bug(error)


def _report_bug(error: Exception) -> int:
    """Keep the traceback in a file and tell the user in one line."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="cosim-", suffix=".log", delete=False, encoding="utf-8") as log:
        log.write(f"cosim {' '.join(sys.argv[1:])}\n")
        traceback.print_exception(error, file=log)
    typer.echo(f"internal error: {type(error).__name__}: {error}; details in {log.name}", err=True)
    return EXIT_BUG
