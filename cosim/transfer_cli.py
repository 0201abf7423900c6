"""The command `cosim transfer`: how strongly power at each bus moves a grid, and at which periods."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosim.case_argument import Case, Dyr, JsonOption, SetOption

if TYPE_CHECKING:
    from cosim.linear.load_spectrum import LoadSpectrum
    from cosim.transfer_study import TransferStudy

EXIT_NOT_COMPLETED = 4


class Quantity(StrEnum):
    """What power moves."""

    SPEED = "speed"
    FREQUENCY = "frequency"
    COI = "coi"
    VOLTAGE = "voltage"


def transfer(
    case: Case,
    dyr: Dyr = None,
    overrides: SetOption = [],  # noqa: B006
    at: Annotated[
        list[str],
        typer.Option(
            "--at", metavar="BUS", help="Draw the response to power here [the sites' buses]. May be repeated."
        ),
    ] = [],  # noqa: B006
    to: Annotated[Quantity, typer.Option("--to", help="What is moved: the largest of any machine or bus.")] = (
        Quantity.SPEED
    ),
    element: Annotated[
        str | None, typer.Option("--element", metavar="NAME", help="Machine or bus to draw [the one that moves most].")
    ] = None,
    power_factor: Annotated[
        float | None,
        typer.Option("--power-factor", help="Of the power that varies, lagging [that of the first site, or 1]."),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option("--trace", metavar="FILE", help="Recorded power to put at each bus [the sites' demand]."),
    ] = None,
    mean_mw: Annotated[
        float | None, typer.Option("--mean-mw", metavar="MW", help="Mean power that the recorded trace is scaled to.")
    ] = None,
    from_hz: Annotated[float, typer.Option("--from-hz", metavar="HZ", help="Lowest frequency.")] = 0.1,
    to_hz: Annotated[float, typer.Option("--to-hz", metavar="HZ", help="Highest frequency.")] = 5.0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for transfer.json, transfer.csv, transfer.html.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how strongly power that varies at each bus moves the grid, and which periods to avoid.

    The equations are linearised at the operating point, with the sites of a scenario at their power at t = 0. Buses are
    ranked by the largest response over frequency. With a trace, or with the demand of a scenario's sites, they are also
    ranked by what that load would do there. The page of --out draws magnitude and phase, and which bus reaches which
    mode.
    """
    from rich.console import Console

    from cosim import transfer_table
    from cosim.case_or_scenario import load_case_or_scenario
    from cosim.compile_console import prepare_andes
    from cosim.console import status
    from cosim.errors import InputError, Problem
    from cosim.linear.state_space import NotLinearisable
    from cosim.modal_study import NoOperatingPoint, modal_study
    from cosim.transfer_report import print_transfer
    from cosim.transfer_study import Question, transfer_study

    if not 0.0 < from_hz < to_hz:
        raise InputError(Problem(f"--from-hz must be above 0 and below --to-hz, got {from_hz:g} and {to_hz:g}"))
    if power_factor is not None and not 0.0 < power_factor <= 1.0:
        raise InputError(Problem(f"must be above 0 and at most 1, got {power_factor:g}", place="--power-factor"))
    if mean_mw is not None and (trace is None or not mean_mw > 0.0):
        raise InputError(Problem("scales a trace of --trace to a power above 0 MW", place=f"--mean-mw {mean_mw:g}"))
    prepare_andes()
    question = Question(str(to), from_hz, to_hz, tuple(at), element, power_factor)
    try:
        with status("linearising", not as_json):
            scenario, source = load_case_or_scenario(case, dyr, overrides)
            load, spectrum = _load(trace, mean_mw, to_hz)
            study = modal_study(scenario, source)
            if spectrum is None and study.sites_mw:
                load, spectrum = _sites(scenario, source, to_hz)
            found = transfer_study(study, question, spectrum, load)
    except (NoOperatingPoint, NotLinearisable) as error:
        typer.echo(f"cannot be linearised: {error}", err=True)
        raise typer.Exit(EXIT_NOT_COMPLETED) from error
    if out is not None:
        _write(found, out)
    if as_json:
        typer.echo(json.dumps(transfer_table.describe(found), indent=2, ensure_ascii=False, allow_nan=False))
        return
    print_transfer(Console(highlight=False), found)
    if out is not None:
        typer.echo(f"written to {out}: transfer.csv, transfer.html, transfer.json")


def _load(trace: Path | None, mean_mw: float | None, to_hz: float) -> "tuple[str, LoadSpectrum | None]":
    """Name and spectrum of a recorded trace."""
    from cosim.errors import InputError, Problem
    from cosim.linear.load_spectrum import load_spectrum
    from loads.errors import LoadDataError
    from loads.interpolation import Waveform
    from loads.readers import read_trace

    if trace is None:
        return "", None
    try:
        read = read_trace(trace)
    except LoadDataError as error:
        raise InputError(Problem(str(error))) from error
    mw_per_w = 1e-6 if mean_mw is None else mean_mw / read.mean_w
    interval_s = read.sample_interval_s
    count = max(1, int(read.duration_s / interval_s * (1.0 + 1e-9)))
    power_mw = mw_per_w * Waveform.from_trace(read, "hold").interval_means(interval_s, count)
    spectrum = load_spectrum({trace.name: (interval_s, power_mw)}, to_hz)
    if not spectrum.edge_hz.size:
        raise InputError(Problem(f"a record of {read.duration_s:.3g} s is too short for a spectrum", place=str(trace)))
    return f"{trace.name} ({mw_per_w * read.mean_w:.4g} MW on average)", spectrum


def _sites(scenario: object, source: object, to_hz: float) -> "tuple[str, LoadSpectrum | None]":
    """Name and spectrum of the sum of a scenario's sites."""
    from cosim.linear.load_spectrum import load_spectrum
    from cosim.metrics.demand import Demand, total
    from cosim.study import prepare_study

    study = prepare_study(scenario, source)  # type: ignore[arg-type]
    simulation = study.scenario.simulation
    known = {}
    for name, demand in study.demands.items():
        interval_s, power_mw = demand.native_series(simulation.duration_s, simulation.step_s)
        known[name] = Demand(power_mw, interval_s)
    whole = total(known)
    spectrum = load_spectrum({"total": (whole.interval_s, whole.power_mw)}, to_hz)
    if not spectrum.edge_hz.size:
        return "", None
    name = f"demand of {next(iter(known))}" if len(known) == 1 else f"demand of all {len(known)} sites as one load"
    return f"{name} ({whole.power_mw.mean():.4g} MW on average)", spectrum


def _write(study: "TransferStudy", folder: Path) -> None:
    from cosim import transfer_table
    from cosim.files import write_whole
    from cosim.transfer_report import render_transfer

    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(transfer_table.describe(study), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "transfer.json", text + "\n")
    write_whole(folder / "transfer.csv", transfer_table.as_csv(study))
    write_whole(folder / "transfer.html", render_transfer(study))
