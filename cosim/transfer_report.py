"""What `cosim transfer` prints, and its page."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Printed
from rich.text import Text

from cosim.linear.transfer import Peak
from cosim.report.figures import transfer
from cosim.report.page import asset, figure_json, policy, scripts, template
from cosim.report.tables.cells import Cell, Table, columns
from cosim.report.text import general
from cosim.transfer_study import TransferStudy
from cosim.transfer_table import avoided_s, describe, expected_swing, swing_unit

TOP = 12


def print_transfer(console: Console, study: TransferStudy) -> None:
    """Print the buses with the largest peaks, those of the sites, and where a load would do most harm."""
    question, sites = study.question, {str(site.bus) for site in study.modal.scenario.sites}
    factor = question.power_factor
    console.print(
        Text.assemble(
            (str(study.modal.scenario.name), "bold"),
            f": from active power (power factor {factor:g}) to {study.moved}, "
            f"{question.from_hz:g} to {question.to_hz:g} Hz",
        )
    )
    for text in growing(study):
        console.print(Text(text, style="red"))
    console.print(_peaks(study, sites))
    if study.harm:
        console.print(_harm(study, sites))
        console.print(Text(_verdict(study)))


def _shown(count: int, named: list[bool]) -> list[int]:
    """Positions of the first rows of a ranking, and of named ones further down."""
    return [k for k in range(count) if k < TOP or named[k]]


def _peaks(study: TransferStudy, sites: set[str]) -> Printed:
    table = Printed(title=f"Largest responses, {len(study.peaks)} buses", title_justify="left", box=SIMPLE_HEAD)
    scale, unit = study.shown
    for title in ("rank", "bus", f"peak ({unit})", "at (Hz)", "periods to avoid (s)"):
        table.add_column(title, justify="right")
    table.add_column(_moves(study))
    named = [peak.bus in sites or peak.bus in study.question.buses for peak in study.peaks]
    for k in _shown(len(study.peaks), named):
        peak = study.peaks[k]
        style = "bold" if named[k] else ""
        row = (
            str(k + 1),
            peak.bus,
            f"{scale * peak.gain:.3g}",
            f"{peak.frequency_hz:.3f}",
            periods(peak),
            peak.element,
        )
        table.add_row(*row, style=style)
    return table


def _harm(study: TransferStudy, sites: set[str]) -> Printed:
    title = f"{study.load}, put at one bus after the other"
    table = Printed(title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in ("rank", "bus", f"expected swing ({swing_unit(study)})"):
        table.add_column(heading, justify="right")
    table.add_column(_moves(study))
    named = [swing.bus in sites for swing in study.harm]
    for k in _shown(len(study.harm), named):
        swing = study.harm[k]
        row = (str(k + 1), swing.bus, f"{expected_swing(swing.rms):.3g}", swing.element)
        table.add_row(*row, style="bold" if named[k] else "")
    return table


def _verdict(study: TransferStudy) -> str:
    worst, least, unit = study.harm[0], study.harm[-1], swing_unit(study)
    return (
        f"most harm at bus {worst.bus}: {expected_swing(worst.rms):.3g} {unit}; "
        f"least at bus {least.bus}: {expected_swing(least.rms):.3g} {unit}"
    )


def _moves(study: TransferStudy) -> str:
    """Title of a column."""
    return f"{study.kind} that moves most" if study.kind else "moves"


def periods(peak: Peak) -> str:
    """The periods that a bus's load should avoid."""
    shortest_s, longest_s = avoided_s(peak)
    return f"{shortest_s:.2f} to {longest_s:.2f}"


def growing(study: TransferStudy) -> list[str]:
    """Say what grows without any load: responses are what a load adds to it."""
    found = []
    for mode in study.modal.modes.unstable:
        how = f"oscillates at {mode.frequency_hz:.3f} Hz and grows" if mode.eigenvalue.imag else "grows"
        found.append(
            f"unstable: a mode {how} with {mode.eigenvalue.real:.3g} 1/s; responses are what a load adds to it"
        )
    return found


def render_transfer(study: TransferStudy) -> str:
    """The page as text."""
    figures = {"bode": [transfer.bode(study)], "modes": [transfer.heat(study)]}
    tables = {"buses": [_peak_table(study)]}
    sections = [("bode", "1 Response over frequency"), ("modes", "2 Buses and modes"), ("buses", "3 Buses")]
    if study.harm:
        tables["load"] = [_harm_table(study)]
        sections.append(("load", "4 Where a load does most harm"))
    sections.append(("basis", f"{len(sections) + 1} What this is based on"))
    scenario = study.modal.scenario
    return template("transfer.html.j2").render(
        style=Markup(asset("style.css")),
        scripts=[Markup(text) for text in scripts()],
        policy=policy(),
        printed=False,
        name=scenario.name,
        description=scenario.description or "",
        tiles=_tiles(study),
        growing=growing(study),
        sections=sections,
        figures={id: [(figure, figure_json(figure)) for figure in figures.get(id, [])] for id, _ in sections},
        tables={id: tables.get(id, []) for id, _ in sections},
        facts=_facts(study),
    )


def _tiles(study: TransferStudy) -> list[tuple[str, str, str, str]]:
    worst, least = study.peaks[0], study.peaks[-1]
    scale, unit = study.shown
    tiles = [
        ("Largest peak", general(scale * worst.gain, 3), unit, f"bus {worst.bus}, {worst.frequency_hz:.3f} Hz"),
        ("Periods to avoid there", periods(worst), "s", f"bus {worst.bus}"),
        ("Smallest peak", general(scale * least.gain, 3), unit, f"bus {least.bus}, {least.frequency_hz:.3f} Hz"),
    ]
    if study.harm:
        most, swing = study.harm[0], general(expected_swing(study.harm[0].rms), 3)
        tiles.append(("Most harm of the load", f"bus {most.bus}", "", f"{swing} {swing_unit(study)} expected"))
    return tiles


def _peak_table(study: TransferStudy) -> Table:
    scale, unit = study.shown
    titles = (
        "Bus",
        f"Peak ({unit})>",
        "At (Hz)>",
        "Period (s)>",
        "Periods to avoid (s)>",
        _moves(study).capitalize(),
    )
    sites: dict[str, list[str]] = {}
    for site in study.modal.scenario.sites:
        sites.setdefault(str(site.bus), []).append(str(site.name))
    rows = [
        [
            Cell(peak.bus, ", ".join(sites.get(peak.bus, []))),
            Cell(general(scale * peak.gain, 4), sort=peak.gain),
            Cell(f"{peak.frequency_hz:.3f}", sort=peak.frequency_hz),
            Cell(f"{1 / peak.frequency_hz:.2f}", sort=1 / peak.frequency_hz),
            Cell(periods(peak), sort=avoided_s(peak)[0]),
            Cell(peak.element),
        ]
        for peak in study.peaks
    ]
    note = "Periods to avoid: those at which the response is at least 0.707 of the peak, within the band looked at."
    caption = "Largest response to active power at each bus"
    return Table("table-buses", caption, columns(*titles), rows, "The grid has no buses.", note)


def _harm_table(study: TransferStudy) -> Table:
    unit = swing_unit(study)
    rows = [
        [
            Cell(str(k), sort=k),
            Cell(swing.bus),
            Cell(general(expected_swing(swing.rms), 4), sort=swing.rms),
            Cell(general(swing.rms, 4), sort=swing.rms),
            Cell(swing.element),
        ]
        for k, swing in enumerate(study.harm, start=1)
    ]
    titles = ("Rank>", "Bus", f"Expected swing ({unit})>", f"rms ({unit})>", _moves(study).capitalize())
    note = "Once settled. Expected swing: √2 times the rms, the amplitude of a sinusoid."
    return Table("table-harm", f"{study.load}, put at one bus after the other", columns(*titles), rows, "", note)


def _facts(study: TransferStudy) -> list[tuple[str, str]]:
    scenario, question = study.modal.scenario, study.question
    load = scenario.grid.base_load
    sites = ", ".join(f"{s.name} at bus {s.bus}, {study.modal.sites_mw[str(s.name)]:.6g} MW" for s in scenario.sites)
    rows = [
        ("Grid", scenario.grid.case),
        ("Edits", ", ".join(edit.key for edit in scenario.grid.edits) or "none"),
        ("Sites at t = 0", sites or "none"),
        ("Base loads", f"constant impedance {load.z:g}, current {load.i:g}, power {load.p:g}"),
        ("Power that varies", f"active, with a power factor of {question.power_factor:g}"),
        ("Band", f"{question.from_hz:g} to {question.to_hz:g} Hz"),
        ("Mismatch of the operating point", f"{study.modal.residual:.2g} pu"),
    ]
    told: dict[str, Any] | None = describe(study)["load"]
    if told:
        lines = "; ".join(
            f"{line['amplitude_mw']:.3g} MW at {line['frequency_hz']:.4g} Hz" for line in told["lines"][:5]
        )
        text = f"{told['rms_mw']:.4g} MW rms over {told['record_s']:.4g} s; lines: {lines or 'none'}"
        rows.append((study.load, text))
    return rows
