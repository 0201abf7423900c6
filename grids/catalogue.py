"""The test systems that can be named, and what is known of each without loading it."""

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from ruamel.yaml import YAML


@dataclass(frozen=True)
class Entry:
    """One test system of the catalogue; powers in MW, inertia in MW s (sum of H times MVA)."""

    name: str
    file: str
    title: str
    buses: int
    machines: int
    load_mw: float
    inertia_mws: float
    nominal_hz: float
    source: str
    quirks: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """Case file, as it ships with ANDES."""
        from grids.andes_runtime import stock_case

        return stock_case(self.file)


@cache
def catalogue() -> dict[str, Entry]:
    """All entries by name, in the order of their size."""
    text = resources.files("grids").joinpath("catalogue.yaml").read_text(encoding="utf-8")
    data = YAML(typ="safe", pure=True).load(text)
    return {name: Entry(name=name, **fields) for name, fields in data.items()}
