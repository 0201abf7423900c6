"""Read a case, by catalogue name or by path, into a `Grid`."""

import difflib
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from grids.catalogue import catalogue
from grids.errors import GridError
from grids.grid import INFINITE_INERTIA, Bus, Grid, Line, Machine, synchronous_models

SUFFIXES = (".xlsx", ".json", ".raw", ".m")
"""Case files that are read: of ANDES, PSS/E, MATPOWER and, as .json too, pandapower."""


def resolve_case(case: str, folder: Path | None = None) -> Path:
    """Path of a case that is given by catalogue name or by path.

    Parameters
    ----------
    case : str
        A name of the catalogue, or a path; relative paths start at ``folder``.
    folder : Path, optional
        Where relative paths start; the working folder by default.

    Raises
    ------
    GridError
        If there is no such name and no such file.
    """
    if case in catalogue():
        return catalogue()[case].path
    if Path(case).suffix.lower() in SUFFIXES or "/" in case:
        return _existing(case, folder, SUFFIXES)
    near = difflib.get_close_matches(case.lower(), catalogue(), n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known names are {', '.join(catalogue())};"
    raise GridError(f"no grid is named '{case}'", f"{hint} (a path ends in {', '.join(SUFFIXES)})")


def load_grid(
    case: str,
    dyr: str | None = None,
    folder: Path | None = None,
    *,
    substitutes: Mapping[str, str] | None = None,
    dynamics: Literal["case", "synthesised"] = "case",
    static: bool = False,
) -> Grid:
    """Read a case with its stock disturbances switched off and PSS/E's infinite buses honoured.

    Parameters
    ----------
    case : str
        Catalogue name or path (see `resolve_case`).
    dyr : str, optional
        PSS/E dynamic data for a .raw case.
    folder : Path, optional
        Where relative paths start.
    substitutes : mapping, optional
        Models of the dyr that ANDES lacks, to models that it has, or to ``drop``.
    dynamics : str
        ``synthesised`` gives a case without dynamics typical machines and controls.
    static : bool
        Accept a case without dynamics as it is, for a power flow.

    Raises
    ------
    GridError
        If the case cannot be read, with the place of every mistake, or has no machines to simulate.
    """
    path = resolve_case(case, folder)
    if dyr and path.suffix.lower() != ".raw":
        raise GridError(f"dyr goes with a .raw case, this one is {path.name}", "remove dyr")
    dyr_path = _existing(dyr, folder, (".dyr",)) if dyr else None
    entry = catalogue().get(case)
    if entry:
        if substitutes or dynamics != "case":
            raise GridError(
                f"grid '{case}' has its dynamics in the catalogue", "remove grid.substitutes and grid.dynamics"
            )
        from grids.andes_runtime import read_case

        system, messages = read_case(path)
        added = entry.add_dynamics(system)
    else:
        from grids.own_case import DynamicData, read_own_case

        source: Literal["none", "case", "synthesised"] = "none" if static and dynamics == "case" else dynamics
        system, messages = read_own_case(path, DynamicData(dyr_path, substitutes or {}, source))
        added = []
    if not static and not synchronous_models(system):
        how = "give the machines' dynamic data with dyr, or " if path.suffix.lower() == ".raw" else ""
        raise GridError(
            f"{path} has no synchronous machines with dynamics", f"{how}ask for typical ones with dynamics: synthesised"
        )

    notes = [
        *messages,
        *added,
        *_honour_infinite_buses(system),
        *_rebase_gate_rates(system),
        *_switch_off_disturbances(system),
        *_corrections(system),
    ]
    return Grid(
        name=entry.name if entry else path.stem,
        source=entry.source if entry else path.name + (f" + {dyr_path.name}" if dyr_path else ""),
        system=system,
        buses=_buses(system),
        lines=_lines(system),
        machines=_machines(system),
        notes=notes,
    )


def _existing(path: str, folder: Path | None, suffixes: tuple[str, ...]) -> Path:
    full = (folder or Path()) / Path(path).expanduser()
    if full.suffix.lower() not in suffixes:
        raise GridError(f"{full.name} is not a case file that can be read", f"expected {', '.join(suffixes)}")
    if not full.is_file():
        names = [p.name for p in full.parent.glob("*")] if full.parent.is_dir() else []
        near = difflib.get_close_matches(full.name, names, n=1)
        raise GridError(f"there is no file {full}", f"did you mean {near[0]}?" if near else None)
    return full


def _honour_infinite_buses(system: Any) -> list[str]:
    """Undo ANDES's replacement of M = 0 (GENCLS with H = 0 is PSS/E's infinite bus)."""
    notes = []
    for model in synchronous_models(system):
        for idx in model._param_corrections.pop(("M", "non_zero"), []):
            model.M.v[model.idx.v.index(idx)] = INFINITE_INERTIA
            notes.append(f"{model.class_name} {idx} has H = 0: treated as an infinite bus")
    return notes


def _rebase_gate_rates(system: Any) -> list[str]:
    """Bring the gate's rate limits of IEEEG1 to the system's base.

    Like gain and power limits they are given on the turbine's rating (PSS/E); ANDES 2.0 rebases those but not these, so
    that a turbine of 2,000 MVA may not move faster than 1 pu/s of 100 MVA.
    """
    governor, base_mva = system.IEEEG1, float(system.config.mva)
    if not governor.n:
        return []
    rating_mva = {model.idx.v[i]: float(model.Sn.v[i]) for model in synchronous_models(system) for i in range(model.n)}
    for k in range(governor.n):
        machines_mva = sum(rating_mva.get(machine, 0.0) for machine in (governor.syn.v[k], governor.syn2.v[k]))
        scale = (float(governor.Tn.v[k] or 0.0) or machines_mva) / base_mva
        governor.UO.v[k], governor.UC.v[k] = float(governor.UO.v[k]) * scale, float(governor.UC.v[k]) * scale
    return ["IEEEG1: gate rates UO and UC taken on the turbines' ratings, which ANDES leaves on the system's base"]


def _switch_off_disturbances(system: Any) -> list[str]:
    notes = []
    for name in ("Toggle", "Fault", "Alter"):
        model = system.models[name]
        active = [i for i in range(model.n) if model.u.v[i]]
        for i in active:
            model.u.v[i] = 0
        if active:
            notes.append(f"{len(active)} stock disturbance(s) of the case switched off ({name})")
    return notes


def _corrections(system: Any) -> list[str]:
    """Values that ANDES replaced while reading, as notes of ours."""
    notes = []
    for model in system.models.values():
        for (name, violation), idxes in model._param_corrections.items():
            shown = ", ".join(str(i) for i in idxes[:5]) + (", ..." if len(idxes) > 5 else "")
            default = model.params[name].default
            notes.append(f"{model.class_name} {shown}: {name} is {violation}, ANDES uses {default}")
        model._param_corrections.clear()
    return notes


def _buses(system: Any) -> list[Bus]:
    load_mw: defaultdict[str, float] = defaultdict(float)
    pq = system.PQ
    for i in range(pq.n):
        load_mw[str(pq.bus.v[i])] += float(pq.p0.v[i]) * float(pq.u.v[i]) * float(system.config.mva)
    bus = system.Bus
    return [
        Bus(bus.idx.v[i], str(bus.name.v[i]).strip(), float(bus.Vn.v[i]), load_mw[str(bus.idx.v[i])])
        for i in range(bus.n)
    ]


def _lines(system: Any) -> list[Line]:
    seen: Counter[frozenset[str]] = Counter()
    out = []
    line = system.Line
    for i in range(line.n):
        ends = (line.bus1.v[i], line.bus2.v[i])
        pair = frozenset(map(str, ends))
        seen[pair] += 1
        out.append(Line(line.idx.v[i], *ends, circuit=seen[pair], in_service=bool(line.u.v[i])))
    return out


def _machines(system: Any) -> list[Machine]:
    return [
        Machine(
            idx=model.idx.v[i],
            model=model.class_name,
            bus=model.bus.v[i],
            rating_mva=float(model.Sn.v[i]),
            inertia_s=float(model.M.v[i]) / 2,
            generator=model.gen.v[i],
            infinite=model.M.v[i] >= INFINITE_INERTIA,
        )
        for model in synchronous_models(system)
        for i in range(model.n)
        if model.u.v[i]
    ]
