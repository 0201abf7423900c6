"""The grid of a scenario: which one, what is changed in it, and who supplies the sites."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from cosim.scenario.edits import Edit, UnderFrequencyLoadShedding
from cosim.scenario.elements import BaseLoad, Idx
from cosim.scenario.part import Part

__all__ = ["GridSpec", "Redispatch", "UnderFrequencyLoadShedding"]


class GridSpec(Part):
    """Which grid, and what is changed in it."""

    case: str = Field(description="catalogue name (cosim list grids), or path of a case (.raw, .m, .xlsx or .json)")
    dyr: str | None = Field(None, description="PSS/E dynamic data that goes with a .raw case")
    substitutes: dict[str, str] = Field(
        {}, description="dynamic models of the dyr that ANDES lacks: each to a model that it has, or to drop"
    )
    dynamics: Literal["case", "synthesised"] = Field(
        "case",
        description="synthesised: typical machines and controls for a case that has none",
    )
    base_load: BaseLoad = Field(BaseLoad(), description="voltage dependence of the case's own loads")
    edits: list[Edit] = Field([], description="changes to the grid, applied in order")

    @property
    def load_shedding(self) -> list[UnderFrequencyLoadShedding]:
        """The relays of the edits, which act during the run."""
        return [edit.ufls for edit in self.edits if edit.ufls is not None]


class Redispatch(Part):
    """Which generators supply the sites that are added."""

    mode: Literal["headroom", "slack", "machines"] = Field(
        "headroom",
        description="all in proportion to their headroom, the slack generator alone, or the named machines",
    )
    machines: list[Idx] = Field([], description="machines that share it, in proportion to their headroom")

    @model_validator(mode="before")
    @classmethod
    def _machines_name_the_mode(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("machines") and "mode" not in data:
            return {**data, "mode": "machines"}
        return data

    @model_validator(mode="after")
    def _machines_go_with_mode(self) -> Self:
        if (self.mode == "machines") != bool(self.machines):
            raise ValueError("mode: machines needs a list of machines, and only it takes one")
        return self
