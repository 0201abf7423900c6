"""The command `cosim modes`: how a grid swings by itself, with the sites of a scenario on it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosim.case_argument import Case, Dyr, JsonOption, SetOption

if TYPE_CHECKING:
    from cosim.linear.modes import Mode
    from cosim.modal_study import ModalStudy

EXIT_NOT_COMPLETED = 4
DEFAULT_TOP = 20


def modes(
    case: Case,
    dyr: Dyr = None,
    overrides: SetOption = [],  # noqa: B006
    from_hz: Annotated[float, typer.Option("--from-hz", min=0, metavar="HZ", help="Lowest frequency.")] = 0.1,
    to_hz: Annotated[float, typer.Option("--to-hz", min=0, metavar="HZ", help="Highest frequency.")] = 3.0,
    top: Annotated[
        int | None, typer.Option("--top", min=1, metavar="N", help=f"So many of the least damped [{DEFAULT_TOP}].")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All modes, real ones too, whatever their frequency, by falling real part.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for modes.json, modes.csv and modes.html.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the modes of a grid: frequency, damping, which machines swing against which, and what takes part.

    The equations are linearised at the operating point, with the sites of a scenario at their power at t = 0; its
    events, protection and storage do nothing here. Shown are oscillations of a band, the least damped first. The files
    of --out hold all modes; the page draws those of the band.
    """
    from rich.console import Console

    from cosim import modes_console, modes_table
    from cosim.case_or_scenario import load_case_or_scenario
    from cosim.compile_console import prepare_andes
    from cosim.console import status
    from cosim.errors import InputError, Problem
    from cosim.linear.state_space import NotLinearisable
    from cosim.modal_study import NoOperatingPoint, modal_study

    if from_hz >= to_hz:
        raise InputError(Problem(f"--from-hz ({from_hz:g}) must be below --to-hz ({to_hz:g})"))
    prepare_andes()
    try:
        with status("linearising", not as_json):
            study = modal_study(*load_case_or_scenario(case, dyr, overrides))
    except (NoOperatingPoint, NotLinearisable) as error:
        typer.echo(f"cannot be linearised: {error}", err=True)
        raise typer.Exit(EXIT_NOT_COMPLETED) from error
    found = list(study.modes) if everything else study.modes.oscillatory(from_hz, to_hz)
    shown = found if top is None and as_json else found[: top or (len(found) if everything else DEFAULT_TOP)]
    if out is not None:
        _write(study, study.modes.oscillatory(from_hz, to_hz), (from_hz, to_hz), out)
    if as_json:
        typer.echo(json.dumps(modes_table.describe(study, shown), indent=2, ensure_ascii=False, allow_nan=False))
        return
    band = None if everything else (from_hz, to_hz)
    modes_console.print_modes(Console(highlight=False), study, shown, len(found), band)
    if out is not None:
        typer.echo(f"written to {out}: modes.csv, modes.html, modes.json")


def _write(study: "ModalStudy", inside: "list[Mode]", band_hz: tuple[float, float], folder: Path) -> None:
    from cosim import modes_table
    from cosim.files import write_whole
    from cosim.modes_report import render_modes

    every = list(study.modes)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(modes_table.describe(study, every), indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(folder / "modes.json", text + "\n")
    write_whole(folder / "modes.csv", modes_table.as_csv(study, every))
    write_whole(folder / "modes.html", render_modes(study, inside, band_hz))
