"""The test systems that can be named, and what is known of each without loading it."""

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

Dynamics = Literal["published", "synthesised"]


@dataclass(frozen=True)
class Entry:
    """One test system of the catalogue; powers in MW, inertia in MW s (sum of H times MVA).

    ``dynamics`` says whether machines and controls come from a published data set or were made from typical data.
    ``file`` is the case file, of ANDES or, under ``cases/``, of this package; ``added`` names the data set whose
    machines and controls are added to it, where it has none of its own.
    """

    name: str
    file: str
    title: str
    buses: int
    machines: int
    load_mw: float
    generation_mw: float
    inertia_mws: float
    nominal_hz: float
    dynamics: Dynamics
    source: str
    licence: str
    added: Literal["wscc9", "nordic44", "typical"] | None = None
    quirks: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """Case file: the network, and for most systems the dynamics too."""
        from grids.andes_runtime import stock_case

        if self.file.startswith("cases/"):
            return Path(str(resources.files("grids").joinpath(self.file)))
        return stock_case(self.file)

    def add_dynamics(self, system: Any) -> list[str]:
        """Add machines and controls to the system's network where its case file has none; return notes on it."""
        if self.added == "wscc9":
            from grids.wscc9 import add_wscc9_dynamics

            return add_wscc9_dynamics(system)
        if self.added == "nordic44":
            from grids.nordic44 import add_nordic44_dynamics

            return add_nordic44_dynamics(system)
        if self.added == "typical":
            from grids.andes_runtime import read_case
            from grids.synthesised import add_typical_dynamics, solved_generators

            solved, _ = read_case(self.path)
            return add_typical_dynamics(system, solved_generators(solved, self.path.name))
        return []


@cache
def catalogue() -> dict[str, Entry]:
    """All entries by name, in the order of their size."""
    text = resources.files("grids").joinpath("catalogue.yaml").read_text(encoding="utf-8")
    data = YAML(typ="safe", pure=True).load(text)
    return {name: Entry(name=name, **fields) for name, fields in data.items()}
