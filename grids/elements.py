"""Elements of a grid, as plain data."""

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Inverter:
    """An inverter-based plant; ``generator`` is its power-flow generator."""

    idx: int | str
    model: str
    bus: int | str
    rating_mva: float
    generator: int | str
