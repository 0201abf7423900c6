"""A dynamic test system: what it holds, and how its elements are found."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from grids.elements import Bus, Inverter, Line, Machine
from grids.errors import GridError

__all__ = ["INFINITE_INERTIA", "Bus", "Grid", "Inverter", "Line", "Machine", "synchronous_models"]

INFINITE_INERTIA = 1e10
"""M (2 H on system base) given to a machine with H = 0: PSS/E's infinite bus. ANDES would replace 0 by 6."""


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

    @property
    def inverters(self) -> list[Inverter]:
        """Inverter-based plants in service (ANDES's group of renewable generators)."""
        return [
            Inverter(model.idx.v[i], model.class_name, model.bus.v[i], float(model.Sn.v[i]), model.gen.v[i])
            for model in self.system.groups["RenGen"].models.values()
            for i in range(model.n)
            if model.u.v[i]
        ]

    def find_bus(self, wanted: int | str) -> Bus:
        """Bus by its number or idx; `GridError` names the nearest one when there is none."""
        for bus in self.buses:
            if str(bus.idx) == str(wanted):
                return bus
        raise GridError(f"grid '{self.name}' has no bus {wanted}", nearest(wanted, [b.idx for b in self.buses]))

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
                f"grid '{self.name}' has no line {wanted}", nearest(wanted, [line.idx for line in self.lines])
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

    def find_machine(self, wanted: int | str) -> Machine:
        """Machine by its idx or by the idx of its power-flow generator."""
        for machine in self.machines:
            if str(wanted) in (str(machine.idx), str(machine.generator)):
                return machine
        raise GridError(f"grid '{self.name}' has no machine {wanted}", nearest(wanted, [m.idx for m in self.machines]))


def synchronous_models(system: Any) -> list[Any]:
    """ANDES's synchronous machine models that have devices, in ANDES's own order."""
    return [model for model in system.groups["SynGen"].models.values() if model.n]


def nearest(wanted: object, valid: Iterable[object]) -> str:
    """Hint with the valid name nearest to a word; where none is near, what there is."""
    names = [str(v) for v in valid]
    near = difflib.get_close_matches(str(wanted), names, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]}?"
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"there are {shown}"
