"""The command `cosim size storage`: the smallest battery with which a limit is kept."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cosim.sizing import Bracket

RESULT_NAME = "sizing.json"

app = typer.Typer(
    name="size",
    help="Find the smallest equipment with which a limit of a scenario is kept.",
    epilog='Example:  cosim size storage ieee39-training --criterion "power change in 1 s"',
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _size() -> None:
    """Keep `storage` a command of its own, as more are to come."""


def _library_names(incomplete: str) -> list[str]:
    from cosim.scenario.library import library

    return [name for name in library() if name.startswith(incomplete)]


ScenarioArgument = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO", help="Path of a scenario, or its name in the library.", autocompletion=_library_names
    ),
]
CriterionOption = Annotated[
    str, typer.Option("--criterion", metavar="ID", help="The limit: its id in the summary, or its metric.")
]
SiteOption = Annotated[
    str | None, typer.Option("--site", metavar="NAME", help="Where the battery is; needed where there are several.")
]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value, such as sites[0].rating_mw=300. May be repeated."),
]
MaxMw = Annotated[float | None, typer.Option("--max-mw", metavar="MW", help="Largest power [the site's rating].")]
Hours = Annotated[
    float, typer.Option("--hours", metavar="H", help="Energy over power while the power is searched for.")
]
Tolerance = Annotated[float, typer.Option("--tolerance", help="Share by which the size may be larger than needed.")]
SmoothingS = Annotated[
    float | None,
    typer.Option(
        "--smoothing-s", metavar="S", help="Time constant of the smoothing (s) [that of the site's own storage, or 10]."
    ),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help=f"Folder that keeps the runs and {RESULT_NAME}.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print the answer alone, without the steps.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts, and the steps to stderr.")]


@app.command(epilog='Example:  cosim size storage ieee39-training --criterion "power change in 1 s" --smoothing-s 5')
def storage(
    scenario: ScenarioArgument,
    criterion: CriterionOption,
    site: SiteOption = None,
    overrides: SetOption = [],  # noqa: B006
    max_mw: MaxMw = None,
    hours: Hours = 1.0,
    tolerance: Tolerance = 0.05,
    smoothing_s: SmoothingS = None,
    as_json: JsonOption = False,
    out: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Find the smallest battery (MW, MWh) at a site with which a limit is kept.

    The scenario is run without storage at the site, with the largest battery, and then with the sizes of a bisection:
    first of the power, with ample energy, then of the energy. All other settings of the battery, and a supercapacitor
    in proportion to it, come from the site's own storage, if the scenario has one. That a larger battery is no worse
    is assumed; two runs in the end check it.
    """
    from rich.console import Console

    from cosim import size_report
    from cosim.compile_console import compile_first_time, prepare_andes
    from cosim.errors import InputError, Problem
    from cosim.files import write_whole
    from cosim.scenario.load import load_scenario
    from cosim.scenario.source import Source
    from cosim.sizing import Outcome, Size, smallest_battery
    from cosim.storage_trials import StorageTrials
    from cosim.study import prepare_study

    if smoothing_s is not None and not 0.0 < smoothing_s < float("inf"):
        raise InputError(Problem(f"must be above 0 s, got {smoothing_s:g}", place="--smoothing-s"))
    prepare_andes()
    study = prepare_study(*load_scenario(scenario, overrides))
    trials = StorageTrials.of(study, criterion, site, smoothing_s)
    compile_first_time(study.scenario, Source(None, {}), not (quiet or as_json))
    bracket = _bracket(trials.site.rating_mw if max_mw is None else max_mw, hours, tolerance)
    duration_s = trials.scenario.simulation.duration_s
    folders: dict[int, Path] = {}
    steps = size_report.Steps(trials.limit, duration_s, Console(stderr=as_json, quiet=quiet))
    with tempfile.TemporaryDirectory(prefix="cosim-size-") as scratch, steps:

        def trial(size: Size) -> Outcome:
            folder = Path(scratch)
            if out is not None:
                number = len(folders) + 1
                folder = folders[number] = out / f"step-{number:02d}"
            steps.started(size)
            return trials.run(size, folder, steps.simulated)

        sizing = smallest_battery(trial, bracket, steps.done)
    found = size_report.as_dict(sizing, trials, bracket, folders)
    text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
    if out is not None:
        write_whole(out / RESULT_NAME, text + "\n")
    if as_json:
        typer.echo(text)
    else:
        size_report.print_result(found)


def _bracket(max_mw: float, hours: float, tolerance: float) -> "Bracket":
    from cosim.errors import InputError, Problem
    from cosim.sizing import Bracket

    try:
        return Bracket(max_mw, hours, tolerance)
    except ValueError as error:
        raise InputError(Problem(str(error))) from error
