"""The page of a grid's modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from cosim.linear.modes import Kind, Mode
from cosim.modal_study import ModalStudy
from cosim.modes_console import swing_text
from cosim.modes_table import machines_of, main_state, notes
from cosim.report.figures import modal
from cosim.report.page import asset, figure_json, policy, scripts, template
from cosim.report.tables.cells import Cell, Table, columns
from cosim.report.text import minus

MOST_SHAPES = 8


def render_modes(study: ModalStudy, inside: Sequence[Mode], band_hz: tuple[float, float]) -> str:
    """The page as text.

    Parameters
    ----------
    study : ModalStudy
    inside : sequence of Mode
        Oscillations of the band, the least damped first.
    band_hz : tuple of float
    """
    scenario, modes = study.scenario, study.modes
    maps = [
        modal.band_map(inside, [_hover(study, mode) for mode in inside], band_hz),
        modal.full_map(list(modes), [_hover(study, mode) for mode in modes]),
    ]
    swings = [mode for mode in inside if mode.kind.electromechanical and mode.is_reliable][:MOST_SHAPES]
    swing_table, other_table = _tables(study, inside, band_hz)
    return template("modes.html.j2").render(
        style=Markup(asset("style.css") + asset("modes.css")),
        scripts=[Markup(text) for text in scripts()],
        policy=policy(),
        printed=False,
        name=scenario.name,
        description=scenario.description or "",
        tiles=_tiles(study, inside),
        unstable=[_grows(study, mode) for mode in modes.unstable],
        maps=[(figure, figure_json(figure)) for figure in maps],
        swings=swing_table,
        others=other_table,
        shapes=[_shape(study, mode, number) for number, mode in enumerate(swings, start=1)],
        facts=_facts(study),
        notes=notes(study),
    )


def _tiles(study: ModalStudy, inside: Sequence[Mode]) -> list[tuple[str, str, str]]:
    """Title, value and note of the numbers at the top."""
    modes = study.modes
    unstable = sum(mode.repeated for mode in modes.unstable)
    tiles = [
        (
            "Operating point",
            "unstable" if unstable else "stable",
            f"{unstable} of its modes grow" if unstable else "no mode grows",
        )
    ]
    swings = [mode for mode in inside if mode.kind.electromechanical]
    for title, found in (
        ("Least damped swing", swings),
        ("Least damped inter-area", [mode for mode in swings if mode.kind is Kind.INTER_AREA]),
    ):
        if found:
            tiles.append((title, f"{minus(f'{found[0].damping_percent:.2f}')} %", f"at {found[0].frequency_hz:.3f} Hz"))
    rotors = sum(mode.repeated for mode in modes if mode.kind.electromechanical)
    tiles.append(("Oscillations of rotors", f"{rotors}", f"of {len(study.machines)} machines"))
    tiles.append(("States", f"{len(modes.states)}", "of machines, controls and measurements"))
    return tiles


def _grows(study: ModalStudy, mode: Mode) -> str:
    size = f"grows with {mode.eigenvalue.real:.4g} 1/s"
    kind = f"An oscillation of {mode.frequency_hz:.3f} Hz ({mode.kind})" if mode.eigenvalue.imag else "A real mode"
    return f"{kind} {size}; {main_state(study, mode).label} takes part most."


def _tables(study: ModalStudy, inside: Sequence[Mode], band_hz: tuple[float, float]) -> tuple[Table, Table]:
    """Oscillations of rotors in the band, and the other ones."""
    band = f"from {band_hz[0]:g} to {band_hz[1]:g} Hz"
    swings = [_row(study, mode) for mode in inside if mode.kind.electromechanical]
    others = [_row(study, mode) for mode in inside if not mode.kind.electromechanical]
    titles = columns("Frequency (Hz)>", "Damping (%)>", "Real part (1/s)>", "Kind", "Which swing", "Machines", "State")
    note = (
        "The least damped first. Machines take part with their controls; of machines and states the largest are named."
    )
    return (
        Table("table-swings", f"Oscillations of rotors {band}", titles, swings, f"There is none {band}.", note),
        Table("table-others", f"Other oscillations {band}", titles, others, f"There is none {band}."),
    )


def _row(study: ModalStudy, mode: Mode) -> list[Cell]:
    origin, share = study.by_state(mode, 0.0)[0]
    machines = [f"{name} {100 * part:.0f}\u00a0%" for name, part in machines_of(study, mode)[:2]]
    return [
        Cell(f"{mode.frequency_hz:.3f}", f"{mode.repeated} times" if mode.repeated > 1 else "", sort=mode.frequency_hz),
        Cell(minus(f"{mode.damping_percent:.2f}"), sort=mode.damping_percent),
        Cell(minus(f"{mode.eigenvalue.real:.3f}"), sort=mode.eigenvalue.real),
        Cell(str(mode.kind)),
        Cell(*_two_lines(swing_text(study, mode) or "–")),
        Cell(", ".join(machines) if mode.is_reliable and machines else "–"),
        Cell(f"{origin.label} {100 * share:.0f}\u00a0%" if mode.is_reliable else "–"),
    ]


def _two_lines(text: str) -> tuple[str, str]:
    first, _, second = text.partition("\n")
    return first, second


def _shape(study: ModalStudy, mode: Mode, number: int) -> dict[str, Any]:
    figures = [modal.compass(study, mode, number), modal.participation(study, mode, number)]
    return {
        "title": modal.describe(mode),
        "text": "; ".join(swing_text(study, mode).split("\n")),
        "figures": [(figure, figure_json(figure)) for figure in figures],
    }


def _hover(study: ModalStudy, mode: Mode) -> str:
    text = swing_text(study, mode).replace("\n", "; ") or main_state(study, mode).label
    return f"{modal.describe(mode)}: {text}"


def _facts(study: ModalStudy) -> list[tuple[str, str]]:
    scenario = study.scenario
    load = scenario.grid.base_load
    sites = ", ".join(
        f"{site.name} at bus {site.bus}, {study.sites_mw[str(site.name)]:.6g} MW" for site in scenario.sites
    )
    return [
        ("Grid", scenario.grid.case),
        ("Edits", ", ".join(edit.key for edit in scenario.grid.edits) or "none"),
        ("Sites at t = 0", sites or "none"),
        ("Base loads", f"constant impedance {load.z:g}, current {load.i:g}, power {load.p:g}"),
        ("Mismatch of the operating point", f"{study.residual:.2g} pu"),
        ("Nominal frequency", f"{study.linear.nominal_hz:g} Hz"),
    ]
