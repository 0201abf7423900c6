"""What `cosim grid info` shows: totals, machines with their controls, inertia, voltage levels, a network picture."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cosim.errors import InputError, Problem
from grids import Grid, GridError, catalogue
from grids.andes_runtime import andes_messages
from grids.edits.controls import governor_of
from grids.network_graph import draw_network
from grids.power_flow import andes_power_flow
from grids.short_circuit import METHOD, short_circuit

PLOT_SUFFIXES = (".png", ".svg", ".pdf")


def show_info(grid: Grid, sites: Mapping[str, int | str], as_json: bool, plot: str | Path | None) -> None:
    """Print what is known of a grid, and draw it.

    Parameters
    ----------
    grid : Grid
        Set up or not; it is set up afterwards.
    sites : mapping
        Bus of each site by the site's name; empty for a case alone.
    as_json : bool
        Print JSON instead of tables.
    plot : str or Path, optional
        Picture to write; its suffix says which kind.

    Raises
    ------
    InputError
        If the picture cannot be written.
    GridError
        If the grid cannot be set up.
    """
    if plot is not None:
        _draw(grid, sites, Path(plot))
    info = describe(grid, sites)
    if as_json:
        print(json.dumps(info, indent=2, allow_nan=False, ensure_ascii=False))
    else:
        _print(info)


def describe(grid: Grid, sites: Mapping[str, int | str]) -> dict[str, Any]:
    """What is known of a grid, in plain JSON types; infinite values are None.

    The power flow is that of the grid as it stands: with the sites if they are part of it.
    """
    finite = [m for m in grid.machines if not m.infinite]
    rating_mva = sum(m.rating_mva for m in finite)
    inertia_mws = sum(m.rating_mva * m.inertia_s for m in finite)
    entry = catalogue().get(grid.name)
    machines = [_machine(grid, machine) for machine in grid.machines]
    strengths = {str(s.bus): s for s in short_circuit(grid, list(dict.fromkeys(sites.values())))} if sites else {}
    areas, zones = _by_region(grid, "area"), _by_region(grid, "zone")
    return {
        "name": grid.name,
        "title": entry.title if entry else None,
        "source": grid.source,
        "licence": getattr(entry, "licence", None),
        "dynamics": getattr(entry, "dynamics", None),
        "nominal_hz": grid.nominal_hz,
        "base_mva": grid.base_mva,
        "buses": len(grid.buses),
        "lines": len(grid.lines),
        "open_lines": [str(line.idx) for line in grid.lines if not line.in_service],
        "load_mw": grid.load_mw,
        "machine_rating_mva": rating_mva,
        "inertia_mws": inertia_mws,
        "inertia_constant_s": inertia_mws / rating_mva if rating_mva else None,
        "infinite_buses": [str(m.idx) for m in grid.machines if m.infinite],
        "machines": machines,
        "inverters": [
            {"idx": str(i.idx), "model": i.model, "bus": str(i.bus), "rating_mva": i.rating_mva} for i in grid.inverters
        ],
        "areas": areas,
        "zones": zones,
        "voltage_levels": _voltage_levels(grid),
        "sites": {
            name: {"bus": str(bus), "short_circuit_mva": strengths[str(bus)].mva, "method": METHOD}
            for name, bus in sites.items()
        },
        "power_flow": _power_flow(grid),
        "quirks": list(entry.quirks) if entry else [],
        "notes": list(grid.notes),
    }


def _draw(grid: Grid, sites: Mapping[str, int | str], path: Path) -> None:
    if path.suffix.lower() not in PLOT_SUFFIXES:
        hint = f"its name ends in {', '.join(PLOT_SUFFIXES)}"
        raise InputError(Problem(f"{path.name} is no picture that can be written", place="--plot", hint=hint))
    drawn = draw_network(grid, sites)
    try:
        if path.suffix.lower() == ".svg":
            path.write_text(drawn.svg(), encoding="utf-8")
        else:
            drawn.figure.savefig(path, dpi=150, bbox_inches="tight")
    except OSError as error:
        raise InputError(Problem(f"cannot be written: {error.strerror}", place=str(path))) from error


def _machine(grid: Grid, machine: Any) -> dict[str, Any]:
    groups = grid.system.groups
    exciter = _user(groups["Exciter"], "syn", machine.idx)
    stabiliser = _user(groups["PSS"], "avr", exciter[0].idx.v[exciter[1]]) if exciter else None
    governor = governor_of(grid, machine)
    return {
        "idx": str(machine.idx),
        "bus": str(machine.bus),
        "rating_mva": None if machine.infinite else machine.rating_mva,
        "inertia_s": None if machine.infinite else machine.inertia_s,
        "machine": machine.model,
        "exciter": exciter[0].class_name if exciter else None,
        "governor": governor.kind if governor else None,
        "stabiliser": stabiliser[0].class_name if stabiliser else None,
    }


def _user(group: Any, reference: str, idx: object) -> tuple[Any, int] | None:
    """Device in service of a group that refers to another one, and its position."""
    for model in group.models.values():
        for k in range(model.n):
            if model.u.v[k] and getattr(model, reference).v[k] == idx:
                return model, k
    return None


def _by_region(grid: Grid, kind: str) -> list[dict[str, Any]]:
    """Load, ratings and inertia of each area or zone; empty if the case has only one."""
    bus = grid.system.Bus
    region = {str(b): str(r) for b, r in zip(bus.idx.v, getattr(bus, kind).v, strict=True)}
    if len(set(region.values())) < 2:
        return []
    rows: defaultdict[str, dict[str, Any]] = defaultdict(
        lambda: {"buses": 0, "machines": 0, "load_mw": 0.0, "rating_mva": 0.0, "inertia_mws": 0.0}
    )
    for b in grid.buses:
        row = rows[region[str(b.idx)]]
        row["buses"] += 1
        row["load_mw"] += b.load_mw
    for machine in grid.machines:
        row = rows[region[str(machine.bus)]]
        row["machines"] += 1
        if not machine.infinite:
            row["rating_mva"] += machine.rating_mva
            row["inertia_mws"] += machine.rating_mva * machine.inertia_s
    return [{kind: name, **row} for name, row in sorted(rows.items(), key=lambda item: (len(item[0]), item[0]))]


def _voltage_levels(grid: Grid) -> list[dict[str, Any]]:
    count = Counter(bus.base_kv for bus in grid.buses)
    load_mw: defaultdict[float, float] = defaultdict(float)
    for bus in grid.buses:
        load_mw[bus.base_kv] += bus.load_mw
    return [{"kv": kv, "buses": count[kv], "load_mw": load_mw[kv]} for kv in sorted(count, reverse=True)]


def _power_flow(grid: Grid) -> dict[str, Any]:
    """Generation, load and losses; the reason instead, if there is no solution."""
    if not grid.system.is_setup:
        with andes_messages() as messages:
            if not grid.system.setup():
                raise GridError(f"ANDES could not set up {grid.name}: {'; '.join(messages)}")
    try:
        flow = andes_power_flow(grid.system)
    except GridError as error:
        return {"converged": False, "reason": str(error)}
    return {
        "converged": True,
        "generation_mw": flow.generation_mw,
        "generation_mvar": flow.generation_mvar,
        "load_mw": flow.load_mw,
        "load_mvar": flow.load_mvar,
        "losses_mw": flow.losses_mw,
        "lowest_voltage_pu": float(np.nanmin(flow.voltage_pu)),
        "highest_voltage_pu": float(np.nanmax(flow.voltage_pu)),
    }


def _print(info: Mapping[str, Any]) -> None:
    console = Console(highlight=False)
    title = f" ({info['title']})" if info["title"] else ""
    console.print(f"[bold]{escape(info['name'])}[/bold]{escape(title)}")
    flow = info["power_flow"]
    totals: list[tuple[str, str]] = [
        ("source", info["source"]),
        ("licence", info["licence"] or ""),
        ("dynamics", info["dynamics"] or ""),
        ("nominal frequency", f"{info['nominal_hz']:g} Hz"),
        ("network", f"{info['buses']} buses, {info['lines']} lines and transformers"),
        ("open lines", ", ".join(info["open_lines"])),
        ("base load", f"{info['load_mw']:,.6g} MW"),
        ("machines", f"{len(info['machines'])}, {info['machine_rating_mva']:,.6g} MVA"),
        ("infinite buses", ", ".join(info["infinite_buses"])),
    ]
    if info["inertia_constant_s"] is not None:
        inertia = f"{info['inertia_mws']:,.6g} MW s, H = {info['inertia_constant_s']:.3g} s on the machines' MVA"
        totals.append(("inertia", inertia))
    if info["inverters"]:
        mva = sum(inverter["rating_mva"] for inverter in info["inverters"])
        totals.append(("inverter-based plants", f"{len(info['inverters'])}, {mva:,.6g} MVA"))
    if flow["converged"]:
        sums = f"generation {flow['generation_mw']:,.6g} MW, losses {flow['losses_mw']:,.5g} MW"
        totals.append(("power flow", f"{sums}, {flow['lowest_voltage_pu']:.3f} to {flow['highest_voltage_pu']:.3f} pu"))
    else:
        totals.append(("power flow", flow["reason"]))
    for name, site in info["sites"].items():
        totals.append(
            (f"site {name}", f"bus {site['bus']}, {site['short_circuit_mva']:,.5g} MVA of short-circuit power")
        )
    grid = Table.grid(padding=(0, 3, 0, 2))
    for label, text in totals:
        if text:
            grid.add_row(label, escape(text))
    console.print(grid)
    _table(console, "Voltage levels", info["voltage_levels"])
    _table(console, "Areas", info["areas"])
    _table(console, "Zones", info["zones"])
    _table(console, "Machines", info["machines"])
    for heading, texts in (("Quirks", info["quirks"]), ("Notes", info["notes"])):
        if texts:
            console.print(f"\n[bold]{heading}[/bold]")
            for text in texts:
                console.print(f"  - {escape(text)}")


_HEADINGS = {
    "kv": "kV",
    "machine": "model",
    "idx": "name",
    "load_mw": "load (MW)",
    "rating_mva": "MVA",
    "inertia_mws": "inertia (MW s)",
    "inertia_s": "H (s)",
}


def _table(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1))
    for key in rows[0]:
        numeric = any(isinstance(row[key], int | float) for row in rows)
        table.add_column(_HEADINGS.get(key, key), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print()
    console.print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.6g}" if isinstance(value, float) else escape(str(value))
