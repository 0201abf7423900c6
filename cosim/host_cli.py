"""The command `cosim host`: the largest site, bus by bus, that keeps every limit."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosim.case_argument import Dyr, JsonOption, names
from cosim.cores import usable_cores

if TYPE_CHECKING:
    from cosim.hosting import Plan

FILES = ("hosting.csv", "hosting.html", "hosting.json")


def _share(text: str) -> float:
    """A share, written as 1% or 0.01."""
    number, percent, _ = text.strip().partition("%")
    try:
        return float(number) / (100.0 if percent else 1.0)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no share, such as 1% or 0.01") from None


def host(
    case: Annotated[
        str,
        typer.Argument(
            metavar="CASE_OR_SCENARIO",
            help="A grid (cosim list grids), a case file, or a scenario, whose first site is the one that is placed.",
            autocompletion=names,
        ),
    ],
    buses: Annotated[
        str, typer.Option("--buses", metavar="LIST", help="Buses, such as 4,9,14; or all; or loads: those with a load.")
    ] = "loads",
    criteria: Annotated[
        list[str],
        typer.Option(
            "--criteria",
            metavar="LIMITS",
            help="A profile (cosim list criteria), a file of limits, or a bound such as "
            "'frequency.max_deviation_mhz<=100'. May be repeated [the scenario's].",
        ),
    ] = [],  # noqa: B006
    workload: Annotated[
        str | None, typer.Option(metavar="NAME", help="Type of workload, or preset [the scenario's; a case: training].")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="How many seeds; all of them must pass.")] = 5,
    max_mw: Annotated[
        float | None, typer.Option("--max-mw", metavar="MW", help="Largest size [the machines' ratings in sum].")
    ] = None,
    tolerance: Annotated[
        str,
        typer.Option(metavar="SHARE", help="Most by which the smallest size that fails is larger: 1% or 0.01."),
    ] = "1%",
    confirm: Annotated[
        bool, typer.Option("--engine-confirm/--no-confirm", help="Confirm the sizes with the nonlinear equations.")
    ] = True,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, metavar="N", help="Worker processes [one for each core].")
    ] = None,
    dyr: Dyr = None,
    overrides: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value, such as simulation.duration_s=30."),
    ] = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help=f"Folder for {', '.join(FILES)}.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the result alone, not how far it is.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find the largest site (MW) at each bus that keeps every deciding limit, with every seed.

    The size at which the first limit binds is predicted with the linear equations, linearised anew at each size. Then
    nonlinear runs on either side of it confirm it, for the seed that decides and for those near it. That a larger
    site is no better than a smaller one is assumed; runs that show otherwise are told.
    """
    from rich.console import Console

    from cosim import hosting_console, hosting_result
    from cosim.compile_console import prepare_andes
    from cosim.console import status
    from cosim.hosting import Request, make_plan
    from cosim.hosting_workers import search_buses

    request = Request(
        case=case,
        buses=buses,
        criteria=tuple(criteria),
        workload=workload,
        seeds=seeds,
        max_mw=max_mw,
        tolerance=_share(tolerance),
        confirm=confirm,
        dyr=dyr,
        overrides=tuple(overrides),
    )
    prepare_andes()
    with status("reading the grid and the limits", not as_json):
        plan = make_plan(request)
    if confirm:
        _compile_first_time(plan, not (quiet or as_json))
    progress = hosting_console.HostingProgress(Console(stderr=True, quiet=quiet or as_json), len(plan.buses))
    with progress:
        found = search_buses(plan, workers or usable_cores(), progress.trial, progress.found)
    result = hosting_result.as_dict(plan, found)
    if out is not None:
        _write(plan, result, out)
    if as_json:
        typer.echo(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))
        return
    hosting_console.print_hosting(Console(highlight=False), result)
    if out is not None:
        typer.echo(f"written to {out}: {', '.join(FILES)}")


def _compile_first_time(plan: "Plan", show: bool) -> None:
    """Compile what the runs that confirm need, once, before workers start."""
    from cosim.compile_console import compile_first_time
    from cosim.hosting_trials import BusTrials
    from cosim.scenario.source import Source

    smallest = BusTrials(plan.scenario, plan.buses[0]).scenario(plan.confirm, plan.seeds[0], plan.bracket.smallest_mw)
    compile_first_time(smallest, Source(None, {}), show)


def _write(plan: "Plan", result: Mapping[str, Any], folder: Path) -> None:
    from cosim.files import write_whole
    from cosim.host_report import render_hosting
    from cosim.hosting_result import as_csv

    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "hosting.json", text + "\n")
    write_whole(folder / "hosting.csv", as_csv(result))
    write_whole(folder / "hosting.html", render_hosting(result, plan.network))
