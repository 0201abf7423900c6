"""What a stored result knows of its network: plain data, so that metrics and reports need no grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grids import Grid


@dataclass(frozen=True)
class NetworkBus:
    """A bus by the name that channels have for it."""

    name: str
    base_kv: float
    area: str
    load_mw: float


@dataclass(frozen=True)
class NetworkGenerator:
    """A synchronous machine by the name that channels have for it."""

    name: str
    bus: str
    rating_mva: float
    infinite: bool


@dataclass(frozen=True)
class NetworkLine:
    """A line or transformer; without a rating, ``rating_mva`` is None."""

    name: str
    from_bus: str
    to_bus: str
    rating_mva: float | None
    in_service: bool


@dataclass(frozen=True)
class Network:
    """Buses, generators and lines of a run's grid as it was before the events."""

    buses: tuple[NetworkBus, ...]
    generators: tuple[NetworkGenerator, ...]
    lines: tuple[NetworkLine, ...]

    @classmethod
    def of(cls, grid: Grid) -> Network:
        """Describe a grid."""
        bus, line = grid.system.Bus, grid.system.Line
        areas = {str(idx): str(area) for idx, area in zip(bus.idx.v, bus.area.v, strict=True)}
        ratings = {str(idx): float(rate) for idx, rate in zip(line.idx.v, line.rate_a.v, strict=True)}
        return cls(
            tuple(NetworkBus(str(b.idx), float(b.base_kv), areas[str(b.idx)], float(b.load_mw)) for b in grid.buses),
            tuple(NetworkGenerator(str(m.idx), str(m.bus), float(m.rating_mva), m.infinite) for m in grid.machines),
            tuple(
                NetworkLine(str(x.idx), str(x.from_bus), str(x.to_bus), ratings[str(x.idx)] or None, x.in_service)
                for x in grid.lines
            ),
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Network:
        """Read what :meth:`as_dict` wrote."""
        return cls(
            tuple(NetworkBus(**item) for item in data["buses"]),
            tuple(NetworkGenerator(**item) for item in data["generators"]),
            tuple(NetworkLine(**item) for item in data["lines"]),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @property
    def tie_lines(self) -> tuple[str, ...]:
        """Names of the lines between two areas."""
        area = {bus.name: bus.area for bus in self.buses}
        return tuple(x.name for x in self.lines if area[x.from_bus] != area[x.to_bus])
