"""The commands `cosim grid check | info | compile`: a grid by itself, or with the sites of a scenario on it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosim.case_argument import Case, Dyr, JsonOption, SetOption, names

if TYPE_CHECKING:
    from cosim.scenario.model import Scenario
    from cosim.scenario.source import Source
    from cosim.study import Study
    from grids import Grid

EXIT_VIOLATED = 3

app = typer.Typer(
    name="grid",
    help="Look at a grid, alone or with the sites of a scenario, or compile it ahead of runs.",
    epilog="Example:  cosim grid check ieee39-training",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


MinPu = Annotated[float, typer.Option(min=0, max=2, help="Lowest voltage that is allowed (pu).")]
MaxPu = Annotated[float, typer.Option(min=0, max=2, help="Highest voltage that is allowed (pu).")]
WithContingencies = Annotated[bool, typer.Option("--contingencies/--no-contingencies", help="Do N-1 as well.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 if a limit is passed or an outage does harm.")]
Plot = Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Draw the network: .png, .svg or .pdf.")]


@app.command(epilog="Examples:  cosim grid check ieee39;  cosim grid check ieee39-training --json")
def check(
    case: Case,
    dyr: Dyr = None,
    overrides: SetOption = [],  # noqa: B006
    min_pu: MinPu = 0.9,
    max_pu: MaxPu = 1.1,
    with_contingencies: WithContingencies = True,
    strict: Strict = False,
    as_json: JsonOption = False,
) -> None:
    """Check a grid statically: power flow in ANDES and in pandapower, limits, and N-1 over branches and generators.

    With a scenario, its edits are made and its sites are on, at their power at t = 0. Voltages are judged against the
    band, branches against rate A where the case has one, generators against their limits.
    """
    from cosim import grid_report
    from cosim.case_or_scenario import is_scenario
    from cosim.errors import InputError, Problem
    from grids import GridError
    from grids.limits import Band
    from grids.static_check import check_statically

    if min_pu >= max_pu:
        raise InputError(Problem(f"--min-pu ({min_pu:g}) must be below --max-pu ({max_pu:g})"))
    scenario = is_scenario(case)
    _check_options(scenario, dyr, overrides)
    try:
        if scenario:
            study, sites_mw = _scenario_study(case, overrides)
            grid = study.grid
        else:
            grid, sites_mw = _case_grid(case, dyr), {}
        with grid_report.outages_progress(not as_json) as progress:
            outcome = check_statically(grid.system, Band(min_pu, max_pu), with_contingencies, progress)
    except GridError as error:
        raise InputError(Problem(str(error))) from error
    grid_report.show_check(grid, outcome, sites_mw, as_json)
    if strict and not outcome.secure:
        raise typer.Exit(EXIT_VIOLATED)


@app.command(epilog="Examples:  cosim grid info kundur --plot kundur.png;  cosim grid info ieee39-training --json")
def info(
    case: Case,
    dyr: Dyr = None,
    overrides: SetOption = [],  # noqa: B006
    plot: Plot = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a grid holds: totals, machines with their controls, inertia, voltage levels; with a picture on request.

    With a scenario, its edits are made and its sites are on the grid.
    """
    from cosim.case_or_scenario import is_scenario
    from cosim.errors import InputError, Problem
    from cosim.grid_info import show_info
    from grids import GridError

    scenario = is_scenario(case)
    _check_options(scenario, dyr, overrides)
    try:
        if scenario:
            study, _ = _scenario_study(case, overrides)
            sites = {str(site.name): site.bus for site in study.scenario.sites if site.bus is not None}
            show_info(study.grid, sites, as_json, plot)
        else:
            show_info(_case_grid(case, dyr), {}, as_json, plot)
    except GridError as error:
        raise InputError(Problem(str(error))) from error


Cases = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CASE_OR_SCENARIO...",
        help="Grids (cosim list grids), case files, scenario files or their names in the library.",
        autocompletion=names,
        show_default=False,
    ),
]


@app.command(
    "compile",
    epilog="Examples:  cosim grid compile ieee39 wecc179;  cosim grid compile --all;  make it part of an image",
)
def compile_(
    cases: Cases = None,
    every: Annotated[bool, typer.Option("--all", help="All grids of the catalogue.")] = False,
    dyr: Dyr = None,
    overrides: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Compile the equations of grids ahead of runs, and list which models are covered.

    The first run of a grid compiles its models, and the first of all the stepper: about a minute; then they
    are found on disk, in COSIM_CACHE_DIR or the user's cache folder. Run this once after installing, or before
    the jobs of a cluster start. A grid that is not covered is stepped by ANDES itself: the table says why.
    """
    from rich.console import Console

    from cosim import compile_console, stepper
    from cosim.compilation import Compilation
    from cosim.compile_ahead import SMALL_MW, compile_ahead
    from cosim.errors import InputError, Problem
    from grids import catalogue

    wanted = list(catalogue()) if every else list(cases or [])
    if every == bool(cases):
        raise InputError(Problem("name grids, or give --all", place="cosim grid compile"))
    if dyr is not None and len(wanted) > 1:
        raise InputError(Problem("goes with one case", place="--dyr"))
    stepper.compile_beside()
    compile_console.prepare_andes()
    loaded = [_to_compile(name, dyr, overrides, SMALL_MW) for name in wanted]
    found = []
    for name, (scenario, source) in zip(wanted, loaded, strict=True):
        compilation = Compilation()
        with compile_console.compiling(name, not as_json, compilation):
            found.append(compile_ahead(scenario, source, compilation))
        if not as_json:
            compile_console.print_compiled(Console(highlight=False), found[-1])
    if as_json:
        typer.echo(json.dumps([each.as_dict() for each in found], indent=2, ensure_ascii=False))
    else:
        compile_console.print_total(Console(highlight=False), found)


def _to_compile(name: str, dyr: str | None, overrides: list[str], site_mw: float) -> "tuple[Scenario, Source]":
    """A scenario, or one with a small steady site made of a case; for engine auto."""
    from cosim.case_or_scenario import is_scenario, load_case_or_scenario

    site = [] if is_scenario(name) else [f"sites=[{{name: site, rating_mw: {site_mw}}}]"]
    return load_case_or_scenario(name, dyr, [*site, *overrides, "simulation.engine=auto"])


def _check_options(scenario: bool, dyr: str | None, overrides: list[str]) -> None:
    from cosim.errors import InputError, Problem

    if scenario and dyr is not None:
        raise InputError(Problem("a scenario names its own dyr", place="--dyr", hint="use --set grid.dyr=FILE"))
    if not scenario and overrides:
        raise InputError(Problem("only a scenario has values to change", place=f"--set {overrides[0]}"))


def _case_grid(case: str, dyr: str | None) -> "Grid":
    """A case as it is, set up; machines with dynamics are not needed."""
    from grids import GridError, load_grid
    from grids.andes_runtime import andes_messages

    grid = load_grid(case, dyr, static=True)
    with andes_messages() as messages:
        ready = grid.system.setup()
    if not ready:
        raise GridError(f"ANDES could not set up {case}: {'; '.join(messages)}")
    return grid


def _scenario_study(name: str, overrides: list[str]) -> tuple["Study", dict[str, float]]:
    """A scenario's study with its sites on at their power at t = 0, and that power (MW) by site."""
    from cosim.scenario.load import load_scenario
    from cosim.study import prepare_study

    study = prepare_study(*load_scenario(name, overrides))
    active_mw: Any = study.start_level * [load.active_mw for load in study.loads]
    study.engine.set_power(active_mw, study.start_level * [load.reactive_mvar for load in study.loads])
    sites_mw = {load.name: float(mw) for load, mw in zip(study.loads, active_mw, strict=True) if load.is_site}
    return study, sites_mw
