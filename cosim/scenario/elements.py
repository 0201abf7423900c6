"""How a scenario names elements of the grid, and how it gives the voltage dependence of a load."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from cosim.scenario.part import Part, Share


def _idx(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("expected the number or name of an element of the grid")
    return value


Idx = Annotated[int | str, BeforeValidator(_idx)]
"""Number or name of an element of the grid."""


class LineEnds(Part):
    """A line by its end buses."""

    from_: Idx = Field(alias="from", description="bus at one end")
    to: Idx = Field(description="bus at the other end")
    circuit: Annotated[int, Field(ge=1)] | None = Field(None, description="needed for parallel lines: 1, 2, ...")


LineRef = Annotated[
    Annotated[Idx, Tag("idx")] | Annotated[LineEnds, Tag("ends")],
    Discriminator(lambda value: "ends" if isinstance(value, dict | LineEnds) else "idx"),
]


class ZipShares(Part):
    """Voltage dependence of a load: shares of constant impedance, current and power, which add up to 1."""

    z: Share = Field(0.0, description="constant-impedance share")
    i: Share = Field(0.0, description="constant-current share")
    p: Share = Field(0.0, description="constant-power share")

    @model_validator(mode="before")
    @classmethod
    def _shares_not_given_are_zero(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.keys().isdisjoint("zip"):
            return {"z": 0.0, "i": 0.0, "p": 0.0, **data}
        return data

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = self.z + self.i + self.p
        if abs(total - 1) > 1e-9:
            raise ValueError(f"shares z, i and p must add up to 1, they add up to {total:.6g}")
        return self


class BaseLoad(ZipShares):
    """Voltage dependence of the case's own loads."""

    z: Share = Field(1.0, description="constant-impedance share")


class LoadModel(ZipShares):
    """Voltage dependence of a site: a constant impedance below ``v_min_pu``."""

    p: Share = Field(1.0, description="constant-power share")
    v_min_pu: float = Field(0.7, gt=0, lt=1, description="constant impedance below this voltage (pu)")
