"""A dynamic test system: what it holds, and the changes that a study makes to it before it runs."""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from grids.errors import GridError

INFINITE_INERTIA = 1e10
"""M (2 H on system base) given to a machine with H = 0: PSS/E's infinite bus. ANDES would replace 0 by 6."""

_NO_LIMIT_PU = 90.0
"""A generator limit above this (system base) is a placeholder, such as 9,999 MW, and says nothing of the machine."""


@dataclass(frozen=True)
class Bus:
    """A bus and the base load connected to it."""

    idx: int | str
    name: str
    base_kv: float
    load_mw: float


@dataclass(frozen=True)
class Line:
    """A line or transformer; ``circuit`` counts parallel branches from 1 in the order of the case file."""

    idx: int | str
    from_bus: int | str
    to_bus: int | str
    circuit: int
    in_service: bool = True


@dataclass(frozen=True)
class Machine:
    """A synchronous machine; ``inertia_s`` is H on ``rating_mva``, ``generator`` its power-flow generator."""

    idx: int | str
    model: str
    bus: int | str
    rating_mva: float
    inertia_s: float
    generator: int | str
    infinite: bool


@dataclass
class Grid:
    """A case that has been read and can still be edited. ``system`` is the ANDES system, not yet set up."""

    name: str
    source: str
    system: Any
    buses: list[Bus]
    lines: list[Line]
    machines: list[Machine]
    notes: list[str] = field(default_factory=list)

    @property
    def nominal_hz(self) -> float:
        """Nominal frequency."""
        return float(self.system.config.freq)

    @property
    def base_mva(self) -> float:
        """System power base."""
        return float(self.system.config.mva)

    @property
    def load_mw(self) -> float:
        """Sum of the base loads."""
        return sum(bus.load_mw for bus in self.buses)

    @property
    def inertia_mws(self) -> float:
        """Sum of H times MVA; infinite with an infinite bus."""
        return sum(float("inf") if m.infinite else m.inertia_s * m.rating_mva for m in self.machines)

    @property
    def rating_mva(self) -> float:
        """Sum of the machines' ratings; infinite with an infinite bus."""
        return sum(float("inf") if m.infinite else m.rating_mva for m in self.machines)

    def find_bus(self, wanted: int | str) -> Bus:
        """Bus by its number or idx; `GridError` names the nearest one when there is none."""
        for bus in self.buses:
            if str(bus.idx) == str(wanted):
                return bus
        raise GridError(f"grid '{self.name}' has no bus {wanted}", _nearest(wanted, [b.idx for b in self.buses]))

    def find_line(
        self,
        wanted: int | str | None = None,
        *,
        ends: tuple[int | str, int | str] | None = None,
        circuit: int | None = None,
    ) -> Line:
        """Line by its idx, or by its two end buses in either order, with the circuit where several are parallel."""
        if ends is None:
            for line in self.lines:
                if str(line.idx) == str(wanted):
                    return line
            raise GridError(
                f"grid '{self.name}' has no line {wanted}", _nearest(wanted, [line.idx for line in self.lines])
            )
        for end in ends:
            self.find_bus(end)
        pair = {str(ends[0]), str(ends[1])}
        parallel = [line for line in self.lines if {str(line.from_bus), str(line.to_bus)} == pair]
        if not parallel:
            near = sorted(
                {
                    str(x)
                    for line in self.lines
                    for x in (line.from_bus, line.to_bus)
                    if str(ends[0]) in (str(line.from_bus), str(line.to_bus))
                }
                - {str(ends[0])}
            )
            raise GridError(
                f"grid '{self.name}' has no line from bus {ends[0]} to bus {ends[1]}",
                f"bus {ends[0]} is connected to {', '.join(near)}",
            )
        if circuit is None:
            closed = [line for line in parallel if line.in_service] or parallel
            if len(closed) > 1:
                raise GridError(
                    f"{len(closed)} lines run from bus {ends[0]} to bus {ends[1]}",
                    f"give circuit: {' or '.join(str(line.circuit) for line in closed)}",
                )
            return closed[0]
        for line in parallel:
            if line.circuit == circuit:
                return line
        raise GridError(
            f"no circuit {circuit} from bus {ends[0]} to bus {ends[1]}",
            f"there are circuits 1 to {len(parallel)}",
        )

    def set_base_load(self, z: float, i: float, p: float) -> None:
        """Voltage dependence of all base loads in the dynamics: shares of constant impedance, current and power."""
        config = self.system.PQ.config
        config.p2z, config.p2i, config.p2p = z, i, p
        config.q2z, config.q2i, config.q2q = z, i, p

    def scale_inertia(self, factor: float) -> None:
        """Multiply the inertia of every machine by ``factor``; an infinite bus stays infinite."""
        self.machines = [
            m if m.infinite else Machine(**{**vars(m), "inertia_s": m.inertia_s * factor}) for m in self.machines
        ]
        for model in synchronous_models(self.system):
            model.M.v = [m if m >= INFINITE_INERTIA else m * factor for m in model.M.v]

    def replace_load(self, bus: int | str, power_mw: float, reactive_mvar: float) -> None:
        """Take power off the base loads of a bus, each in proportion to its size."""
        pq = self.system.PQ
        uids = [i for i in range(pq.n) if str(pq.bus.v[i]) == str(bus) and pq.u.v[i]]
        total = sum(pq.p0.v[i] for i in uids) * self.base_mva
        if power_mw <= 0:
            return
        if power_mw > total:
            raise GridError(
                f"bus {bus} has {total:.6g} MW of base load, {power_mw:.6g} MW cannot be replaced",
                "use mode: add, or a smaller rating",
            )
        for i in uids:
            share = pq.p0.v[i] * self.base_mva / total
            pq.p0.v[i] -= share * power_mw / self.base_mva
            pq.q0.v[i] -= share * reactive_mvar / self.base_mva

    def redispatch(self, added_mw: float, machines: Sequence[int | str] | None = None) -> dict[str, float]:
        """Share added demand over generators in proportion to their headroom.

        The slack generator needs no new set point: it takes what is left, losses included.

        Parameters
        ----------
        added_mw : float
            Demand to share.
        machines : sequence of idx, optional
            Machines (or power-flow generators) that take part; all by default.

        Returns
        -------
        dict
            Added MW for each generator that takes part.
        """
        chosen = None if machines is None else {str(self.find_machine(m).generator) for m in machines}
        headroom = {g: mw for g, mw in self._headroom_mw().items() if chosen is None or g in chosen}
        total = sum(headroom.values())
        if added_mw > total:
            raise GridError(
                f"the generators that share {added_mw:.6g} MW have {total:.6g} MW of headroom",
                "use redispatch mode slack, other machines, or a smaller site",
            )
        shares = {g: added_mw * mw / total for g, mw in headroom.items()} if total > 0 else {}
        pv = self.system.PV
        for i in range(pv.n):
            pv.p0.v[i] += shares.get(str(pv.idx.v[i]), 0.0) / self.base_mva
        return shares

    def find_machine(self, wanted: int | str) -> Machine:
        """Machine by its idx or by the idx of its power-flow generator."""
        for machine in self.machines:
            if str(wanted) in (str(machine.idx), str(machine.generator)):
                return machine
        raise GridError(f"grid '{self.name}' has no machine {wanted}", _nearest(wanted, [m.idx for m in self.machines]))

    def _headroom_mw(self) -> dict[str, float]:
        """MW that each generator can still add: to its limit, or its machine's rating where that is a placeholder."""
        rating: defaultdict[str, float] = defaultdict(float)
        for machine in self.machines:
            rating[str(machine.generator)] += machine.rating_mva
        out = {}
        for model in (self.system.PV, self.system.Slack):
            for i in range(model.n):
                idx, limit = str(model.idx.v[i]), float(model.pmax.v[i])
                if idx not in rating or not model.u.v[i]:
                    continue
                limit_mw = rating[idx] if limit > _NO_LIMIT_PU else limit * self.base_mva
                out[idx] = max(0.0, limit_mw - float(model.p0.v[i]) * self.base_mva)
        return out


def synchronous_models(system: Any) -> list[Any]:
    """ANDES's synchronous machine models that have devices, in ANDES's own order."""
    return [model for model in system.groups["SynGen"].models.values() if model.n]


def _nearest(wanted: object, valid: Iterable[object]) -> str:
    names = [str(v) for v in valid]
    near = difflib.get_close_matches(str(wanted), names, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]}?"
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"there are {shown}"
