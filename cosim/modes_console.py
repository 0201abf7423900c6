"""Modes on the terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cosim.linear.modes import Mode
from cosim.modal_study import ModalStudy
from cosim.modes_table import machines_of, main_state, notes, swinging, swinging_areas

MOST_NAMES = 3
LOW_DAMPING_PERCENT = 3.0
"""Oscillations below are shown in another colour: a usual planning limit is 3 %."""


def print_modes(
    console: Console, study: ModalStudy, shown: Sequence[Mode], found: int, band_hz: tuple[float, float] | None
) -> None:
    """Print what the grid is, whether it is stable, and a table of modes.

    Parameters
    ----------
    console
    study
    shown
        Modes to show.
    found
        How many there are of that kind.
    band_hz
        Of the modes shown; None if they are all modes.
    """
    print_head(console, study)
    console.print(_table(study, shown, found, band_hz))
    if len(shown) < found:
        console.print(f"{found - len(shown)} more: use --top {found}")
    for note in notes(study):
        console.print(Text(f"note: {note}"))


def print_head(console: Console, study: ModalStudy) -> None:
    """Name, sites, states, stability."""
    sites = ", ".join(f"{name} at {mw:.6g} MW" for name, mw in study.sites_mw.items())
    console.print(Text.assemble((str(study.scenario.name), "bold"), f" with {sites}" if sites else ""))
    modes = study.modes
    swings = sum(mode.repeated for mode in modes if mode.kind.electromechanical)
    unstable = modes.unstable
    verdict = ("unstable", "bold red") if unstable else ("stable", "bold green")
    console.print(
        Text.assemble(
            f"{len(modes.states)} states, {len(study.machines)} machines, {swings} oscillations of rotors: ", verdict
        )
    )
    for mode in unstable:
        what = f"{mode.frequency_hz:.3f} Hz, damping {mode.damping_percent:.2f} %" if mode.eigenvalue.imag else "real"
        text = f"unstable: {mode.eigenvalue.real:+.4g} 1/s, {what}, mostly {main_state(study, mode).label}"
        console.print(Text(text, style="red"))


def _table(study: ModalStudy, shown: Sequence[Mode], found: int, band_hz: tuple[float, float] | None) -> Table:
    what = "All modes" if band_hz is None else f"Oscillations from {band_hz[0]:g} to {band_hz[1]:g} Hz"
    title = f"{what}: {len(shown)} of {found}" if len(shown) < found else f"{what}: {found}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("Hz", justify="right", no_wrap=True)
    table.add_column("damping\n(%)", justify="right", no_wrap=True)
    if band_hz is None:
        table.add_column("1/s", justify="right", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("which swing")
    table.add_column("what takes part most")
    for mode in shown:
        times = f"\n{mode.repeated} times" if mode.repeated > 1 else ""
        real = [f"{mode.eigenvalue.real:.4g}"] if band_hz is None else []
        table.add_row(
            f"{mode.frequency_hz:.3f}",
            Text(f"{mode.damping_percent:.2f}", style=_style(mode)),
            *real,
            str(mode.kind) + times,
            swing_text(study, mode),
            "\n".join(_takes_part(study, mode)),
        )
    return table


def swing_text(study: ModalStudy, mode: Mode) -> str:
    """Which machines swing against which, and which areas; empty if rotors do not swing."""
    together, against = (shortened(names) for names in swinging(study, mode))
    text = f"{together} against {against}" if against else together
    some, others = swinging_areas(study, mode)
    if others:
        text += f"\n{_areas(some)} against {_areas(others)}"
    return text


def _areas(names: Sequence[str]) -> str:
    return f"area{'s' if len(names) > 1 else ''} {shortened(names)}"


def _takes_part(study: ModalStudy, mode: Mode) -> list[str]:
    """Machines of an oscillation of rotors, the state of another mode; with their shares."""
    if not mode.is_reliable:
        return ["not known"]
    if not mode.kind.electromechanical:
        return [f"{origin.device} {origin.variable} {share:.0%}" for origin, share in study.by_state(mode, 0.0)[:1]]
    return [f"{name} {share:.0%}" for name, share in machines_of(study, mode)[:2]]


def shortened(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _style(mode: Mode) -> str:
    if mode.is_unstable:
        return "bold red"
    return "yellow" if mode.eigenvalue.imag and mode.damping_percent < LOW_DAMPING_PERCENT else ""
