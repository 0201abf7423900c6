"""An ANDES system as a pandapower net: the same buses, branches, loads, shunts and generators, for static studies.

pandapower's own converter from arrays turns the charging of a branch with a tap into a magnetising current, which
loses its sign, and all but one generator of a bus into fixed injections. Here charging of transformers becomes two
shunts, which is exact, and every generator stays one.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from grids.errors import GridError

_CONVERTED = ("Bus", "Line", "PQ", "Shunt", "PV", "Slack", "Area", "ControlledLoad")

_Element = TypeVar("_Element", "Branch", "Generator")

_NO_RATING_KA = 1e5
"""Current rating given to a branch without one: pandapower wants a number."""


@dataclass(frozen=True)
class Branch:
    """A branch of the net: its ANDES idx and end buses, its row in ``table``, and the shunts that are its charging."""

    idx: int | str
    from_bus: int | str
    to_bus: int | str
    table: str
    row: int
    rating_mva: float | None
    charging: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Idx and end buses."""
        return f"{self.idx} ({self.from_bus}-{self.to_bus})"


@dataclass(frozen=True)
class Generator:
    """A generator of the net: its ANDES idx and bus, its row in ``table``; limits are None where the case has none."""

    idx: int | str
    bus: int | str
    table: str
    row: int
    min_mw: float | None
    max_mw: float | None
    min_mvar: float | None
    max_mvar: float | None

    @property
    def name(self) -> str:
        """Idx and bus."""
        return f"{self.idx} (bus {self.bus})"


@dataclass
class PandapowerCase:
    """A pandapower net and what each of its rows is called in ANDES. Bus number k of the net is the k-th bus."""

    net: Any
    buses: list[int | str]
    branches: list[Branch]
    generators: list[Generator]
    initial_voltage_pu: np.ndarray = field(repr=False)
    initial_angle_deg: np.ndarray = field(repr=False)


def in_service(case: PandapowerCase, elements: list[_Element]) -> list[_Element]:
    """Those branches or generators of the net that are in service."""
    return [e for e in elements if case.net[e.table].in_service.at[e.row]]


def connected_parts(case: PandapowerCase) -> np.ndarray:
    """Number of the connected part that each bus belongs to, shape (buses,)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    net, n = case.net, len(case.buses)
    on = {table: net[table].in_service.to_numpy() for table in ("line", "trafo")}
    pairs = [
        net.line[["from_bus", "to_bus"]].to_numpy()[on["line"]],
        net.trafo[["hv_bus", "lv_bus"]].to_numpy()[on["trafo"]],
    ]
    ends = np.concatenate(pairs).astype(int).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def to_pandapower(system: Any) -> PandapowerCase:
    """Convert an ANDES system that has been set up.

    Parameters
    ----------
    system : andes.System
        After ``setup()``: its parameters are then on the system base.

    Returns
    -------
    PandapowerCase
        Branches, loads, shunts and generators in the order of ANDES; those out of service are there, switched off.

    Raises
    ------
    GridError
        If the system has devices in its power flow that pandapower's net would lack.
    """
    import pandapower

    left_out = [
        f"{m.n} {name}" for name, m in system.models.items() if m.flags.pflow and m.n and name not in _CONVERTED
    ]
    if left_out:
        raise GridError(f"the case has {', '.join(left_out)}, which have no counterpart in pandapower")
    bus = system.Bus
    net = pandapower.create_empty_network(f_hz=float(system.config.freq), sn_mva=float(system.config.mva))
    pandapower.create_buses(
        net,
        bus.n,
        vn_kv=np.array(bus.Vn.v, dtype=float),
        name=[str(idx) for idx in bus.idx.v],
        in_service=np.array(bus.u.v) > 0,
    )
    _add_loads(net, system)
    _add_shunts(net, system)
    return PandapowerCase(
        net=net,
        buses=list(bus.idx.v),
        branches=_add_branches(net, system),
        generators=_add_generators(net, system),
        initial_voltage_pu=np.array(bus.v0.v, dtype=float),
        initial_angle_deg=np.degrees(np.array(bus.a0.v, dtype=float)),
    )


def _rows(system: Any, buses: list[int | str]) -> np.ndarray:
    """Position of each bus, which is its number in the net."""
    return np.array([system.Bus.idx2uid(idx) for idx in buses], dtype=int)


def _on(model: Any) -> np.ndarray:
    return np.array(model.u.v, dtype=float) > 0


def _add_loads(net: Any, system: Any) -> None:
    """Base loads draw constant power; loads under control have their z-i-p shares."""
    import pandapower

    mva, pq, driven = net.sn_mva, system.PQ, system.ControlledLoad
    if pq.n:
        pandapower.create_loads(
            net,
            _rows(system, pq.bus.v),
            p_mw=np.array(pq.p0.v) * mva,
            q_mvar=np.array(pq.q0.v) * mva,
            name=[str(idx) for idx in pq.idx.v],
            in_service=_on(pq),
        )
    if driven.n:
        z, i = 100 * np.array(driven.kz.v), 100 * np.array(driven.ki.v)
        pandapower.create_loads(
            net,
            _rows(system, driven.bus.v),
            p_mw=np.array(driven.p.v) * mva,
            q_mvar=np.array(driven.q.v) * mva,
            const_z_p_percent=z,
            const_i_p_percent=i,
            const_z_q_percent=z,
            const_i_q_percent=i,
            name=[str(idx) for idx in driven.idx.v],
            in_service=_on(driven),
        )


def _add_shunts(net: Any, system: Any) -> None:
    """ANDES counts a capacitor's susceptance positive, pandapower its demand of reactive power negative."""
    import pandapower

    shunt = system.Shunt
    if shunt.n:
        rows = _rows(system, shunt.bus.v)
        pandapower.create_shunts(
            net,
            rows,
            p_mw=np.array(shunt.g.v) * net.sn_mva,
            q_mvar=-np.array(shunt.b.v) * net.sn_mva,
            vn_kv=net.bus.vn_kv.to_numpy()[rows],
            name=[str(idx) for idx in shunt.idx.v],
            in_service=_on(shunt),
        )


def _add_branches(net: Any, system: Any) -> list[Branch]:
    """Lines as lines, branches with a ratio, a shift or unequal ends as transformers."""
    line = system.Line
    if not line.n:
        return []
    ends = (_rows(system, line.bus1.v), _rows(system, line.bus2.v))
    kv = net.bus.vn_kv.to_numpy()
    end_shunts = np.array([*line.g1.v, *line.b1.v, *line.g2.v, *line.b2.v]).reshape(4, line.n)
    plain = (
        (np.array(line.tap.v) == 1)
        & (np.array(line.phi.v) == 0)
        & (kv[ends[0]] == kv[ends[1]])
        & np.all(end_shunts == 0, axis=0)
    )
    ratings = [float(rate) if rate > 0 else None for rate in line.rate_a.v]
    rows = np.zeros(line.n, dtype=int)
    rows[plain] = _create_lines(net, line, plain, ends, ratings)
    rows[~plain] = _create_transformers(net, line, ~plain, ends, ratings)
    charging = _create_charging(net, line, ~plain, ends)
    return [
        Branch(
            line.idx.v[k],
            line.bus1.v[k],
            line.bus2.v[k],
            "line" if plain[k] else "trafo",
            int(rows[k]),
            ratings[k],
            charging.get(k, ()),
        )
        for k in range(line.n)
    ]


def _create_lines(net: Any, line: Any, chosen: np.ndarray, ends: Any, ratings: list[float | None]) -> np.ndarray:
    import pandapower

    if not chosen.any():
        return np.zeros(0, dtype=int)
    kv = net.bus.vn_kv.to_numpy()[ends[0][chosen]]
    ohm = kv**2 / net.sn_mva
    rating = np.array([_NO_RATING_KA * np.sqrt(3) if r is None else r for r in ratings])[chosen]
    rated = np.array([r is not None for r in ratings])[chosen]
    return pandapower.create_lines_from_parameters(
        net,
        ends[0][chosen],
        ends[1][chosen],
        length_km=1.0,
        r_ohm_per_km=np.array(line.r.v)[chosen] * ohm,
        x_ohm_per_km=np.array(line.x.v)[chosen] * ohm,
        c_nf_per_km=np.array(line.b.v)[chosen] / ohm / (2 * np.pi * net.f_hz) * 1e9,
        g_us_per_km=np.array(line.g.v)[chosen] / ohm * 1e6,
        max_i_ka=rating / np.sqrt(3) / np.where(rated, kv, 1.0),
        name=[str(line.idx.v[k]) for k in np.flatnonzero(chosen)],
        in_service=_on(line)[chosen],
    )


def _create_transformers(net: Any, line: Any, chosen: np.ndarray, ends: Any, ratings: list[float | None]) -> np.ndarray:
    """Series branches only. The ratio is in the rated voltage of the from side; the shift delays the to side."""
    import pandapower

    if not chosen.any():
        return np.zeros(0, dtype=int)
    kv = net.bus.vn_kv.to_numpy()
    sn_mva = np.array([net.sn_mva if r is None else r for r in ratings])[chosen]
    r, x = np.array(line.r.v)[chosen], np.array(line.x.v)[chosen]
    percent = 100 * sn_mva / net.sn_mva
    return pandapower.create_transformers_from_parameters(
        net,
        ends[0][chosen],
        ends[1][chosen],
        sn_mva=sn_mva,
        vn_hv_kv=kv[ends[0][chosen]] * np.array(line.tap.v)[chosen],
        vn_lv_kv=kv[ends[1][chosen]],
        vkr_percent=r * percent,
        vk_percent=np.sign(x) * np.hypot(r, x) * percent,
        pfe_kw=0.0,
        i0_percent=0.0,
        shift_degree=np.degrees(np.array(line.phi.v)[chosen]),
        name=[str(line.idx.v[k]) for k in np.flatnonzero(chosen)],
        in_service=_on(line)[chosen],
    )


def _create_charging(net: Any, line: Any, chosen: np.ndarray, ends: Any) -> dict[int, tuple[int, ...]]:
    """Charging and magnetising admittance of transformers, as shunts at their ends that go out of service with them."""
    import pandapower

    charging: dict[int, tuple[int, ...]] = {}
    for k in np.flatnonzero(chosen):
        from_pu = (line.g1.v[k] + line.g.v[k] / 2 + 1j * (line.b1.v[k] + line.b.v[k] / 2)) / line.tap.v[k] ** 2
        to_pu = line.g2.v[k] + line.g.v[k] / 2 + 1j * (line.b2.v[k] + line.b.v[k] / 2)
        charging[int(k)] = tuple(
            int(
                pandapower.create_shunt(
                    net,
                    int(ends[side][k]),
                    p_mw=float(pu.real) * net.sn_mva,
                    q_mvar=-float(pu.imag) * net.sn_mva,
                    name=f"charging of {line.idx.v[k]}",
                    in_service=bool(line.u.v[k]),
                )
            )
            for side, pu in enumerate((from_pu, to_pu))
            if pu != 0
        )
    return charging


def _add_generators(net: Any, system: Any) -> list[Generator]:
    """PV generators hold power and voltage; the first slack of a bus holds its voltage and angle.

    Further slack generators of one bus keep their power: two references at one place have no unique solution.
    """
    import pandapower

    out, references = [], set()
    for model in (system.Slack, system.PV):
        for k in range(model.n):
            row = int(system.Bus.idx2uid(model.bus.v[k]))
            mva = net.sn_mva
            limits = _range(model.pmin.v[k], model.pmax.v[k]) + _range(model.qmin.v[k], model.qmax.v[k])
            limits_mw = [None if pu is None else pu * mva for pu in limits]
            common = {"vm_pu": float(model.v0.v[k]), "name": str(model.idx.v[k]), "in_service": bool(model.u.v[k])}
            if model is system.Slack and row not in references and model.u.v[k]:
                references.add(row)
                table = "ext_grid"
                index = pandapower.create_ext_grid(net, row, va_degree=float(np.degrees(model.a0.v[k])), **common)
            else:
                table = "gen"
                index = pandapower.create_gen(
                    net,
                    row,
                    p_mw=float(model.p0.v[k]) * mva,
                    min_q_mvar=-1e6 if limits_mw[2] is None else limits_mw[2],
                    max_q_mvar=1e6 if limits_mw[3] is None else limits_mw[3],
                    **common,
                )
            out.append(Generator(model.idx.v[k], model.bus.v[k], table, int(index), *limits_mw))
    return out


_PLACEHOLDER_PU = 90.0
"""A limit above this (system base), such as 9,999 MW, says nothing of the machine."""


def _range(low_pu: float, high_pu: float) -> list[float | None]:
    """Both limits, without placeholders; none where the case has them crossed and so contradicts itself."""
    if low_pu > high_pu:
        return [None, None]
    return [float(pu) if abs(pu) < _PLACEHOLDER_PU else None for pu in (low_pu, high_pu)]
