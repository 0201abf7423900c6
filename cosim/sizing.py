"""Search for the smallest battery with which a limit is kept: a bracket in MW first, then one in MWh.

That a larger battery keeps what a smaller one keeps is assumed, not known: what the steps show against it is said.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cosim.criteria import Verdict

SMALLEST_SHARE = 1e-3
"""The search for power ends at this share of the largest."""
HALVINGS = 5
"""So often the largest is halved in search of one that does, if it does not itself."""
SHORTEST_S = 1.0
"""The search for energy ends at this time at full power."""
DIGITS = 4
"""Significant digits of the sizes that are tried, so that what is printed is what was run."""
S_PER_H = 3600.0

Status = Literal["not_needed", "found", "not_met", "not_assessed", "not_reproduced"]
Aim = Literal["without", "largest", "halved", "power", "energy", "again", "larger"]


@dataclass(frozen=True)
class Size:
    """Power and energy of a battery; both 0 for none."""

    power_mw: float
    energy_mwh: float

    def __str__(self) -> str:
        return f"{self.power_mw:g} MW, {self.energy_mwh:g} MWh"

    @property
    def seconds(self) -> float:
        """How long its energy lasts at full power."""
        return self.energy_mwh / self.power_mw * S_PER_H

    def is_at_least(self, other: "Size") -> bool:
        """Whether it is as large in both, or larger."""
        return self.power_mw >= other.power_mw and self.energy_mwh >= other.energy_mwh


NONE = Size(0.0, 0.0)


@dataclass(frozen=True)
class Outcome:
    """What a run with a size gave for the limit. Only ``pass`` counts as met.

    ``margin`` is the distance from the limit, positive inside it; None if it was not judged. ``devices`` is what the
    battery, and a supercapacitor, did: part of ``metrics.site.<name>.mitigation.storage``.
    """

    verdict: Verdict
    value: float | None = None
    margin: float | None = None
    reason: str | None = None
    wall_time_s: float = 0.0
    devices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def is_met(self) -> bool:
        """Whether the limit was kept, in a run that completed."""
        return self.verdict == "pass"


@dataclass(frozen=True)
class Step:
    """One run of the search, and what it was for."""

    number: int
    aim: Aim
    size: Size
    outcome: Outcome


@dataclass(frozen=True)
class Bracket:
    """Where to search.

    Parameters
    ----------
    max_mw
        Power of the largest battery.
    hours
        Its energy over its power, and that of every battery while power is searched for.
    tolerance
        The size found is larger than the smallest by at most this share of itself, in power and in energy.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    max_mw: float
    hours: float = 1.0
    tolerance: float = 0.05

    def __post_init__(self) -> None:
        for name, unit in (("max_mw", "MW"), ("hours", "h")):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be above 0 {unit}, got {getattr(self, name):g}")
        if not 0.01 <= self.tolerance <= 0.5:
            raise ValueError(f"tolerance must be from 0.01 to 0.5, got {self.tolerance:g}")


@dataclass(frozen=True)
class Sizing:
    """A search: its steps, and what came out.

    ``size`` is the smallest battery found, `NONE` where none is needed, and None where there is no answer. ``basis`` is
    the step that the status rests on: where the limit is not met, that of the battery that comes closest.
    """

    status: Status
    size: Size | None
    basis: Step
    steps: tuple[Step, ...]
    warnings: tuple[str, ...]


def smallest_battery(
    trial: Callable[[Size], Outcome], bracket: Bracket, on_step: Callable[[Step], None] = lambda _: None
) -> Sizing:
    """Find the smallest power, with ample energy, and then the smallest energy at that power.

    First no battery is tried, then the largest; if that fails, halves of it until one does. Power is bisected between
    none and that; energy, by its logarithm, between what it was and a second at full power. In the end the size found
    is run again, and then a larger one.

    Parameters
    ----------
    trial
        Runs a size.
    bracket
        Where to search.
    on_step
        Told each step when it is done.
    """
    return _Search(trial, bracket, on_step).run()


class _Search:
    """The steps of a search while it goes on."""

    def __init__(self, trial: Callable[[Size], Outcome], bracket: Bracket, on_step: Callable[[Step], None]):
        self._trial, self._bracket, self._on_step = trial, bracket, on_step
        self._steps: list[Step] = []
        self._warnings: list[str] = []

    def run(self) -> Sizing:
        without = self._attempt("without", NONE)
        if without.outcome.is_met:
            return self._result("not_needed", NONE, without)
        top = self._attempt("largest", Size(self._bracket.max_mw, self._bracket.max_mw * self._bracket.hours))
        if {without.outcome.verdict, top.outcome.verdict} == {"not_assessed"}:
            return self._result("not_assessed", None, top)
        for _ in range(HALVINGS):
            if top.outcome.is_met:
                break
            top = self._attempt("halved", self._with_hours(top.size.power_mw / 2))
        if not top.outcome.is_met:
            return self._result("not_met", None, max(self._steps[1:], key=_margin))

        found = self._with_least_energy(self._with_least_power(top))
        again = self._attempt("again", found.size)
        halfway_mw = (found.size.power_mw + top.size.power_mw) / 2
        if halfway_mw > found.size.power_mw:
            self._attempt("larger", _rounded(halfway_mw, halfway_mw * found.size.energy_mwh / found.size.power_mw))
        self._warnings += contradictions(self._steps)
        if not again.outcome.is_met:
            return self._result("not_reproduced", None, again)
        return self._result("found", found.size, again)

    def _attempt(self, aim: Aim, size: Size) -> Step:
        step = Step(len(self._steps) + 1, aim, size, self._trial(size))
        self._steps.append(step)
        self._on_step(step)
        return step

    def _result(self, status: Status, size: Size | None, basis: Step) -> Sizing:
        return Sizing(status, size, basis, tuple(self._steps), tuple(self._warnings))

    def _with_hours(self, power_mw: float) -> Size:
        return _rounded(power_mw, power_mw * self._bracket.hours)

    def _with_least_power(self, found: Step) -> Step:
        """Bisect the power, from a size that meets the limit down to none."""
        low_mw, least_mw = 0.0, SMALLEST_SHARE * self._bracket.max_mw
        while (high_mw := found.size.power_mw) - low_mw > self._bracket.tolerance * high_mw:
            if high_mw <= least_mw:
                self._warnings.append(f"less power may do: the search ends near {SMALLEST_SHARE:.1%} of the largest")
                break
            step = self._attempt("power", self._with_hours((low_mw + high_mw) / 2))
            if step.outcome.is_met:
                found = step
            else:
                low_mw = step.size.power_mw
        return found

    def _with_least_energy(self, found: Step) -> Step:
        """Bisect the energy at the power of a size that meets the limit."""
        power_mw = found.size.power_mw
        shortest = _rounded(power_mw, power_mw * SHORTEST_S / S_PER_H)
        step = found if shortest.is_at_least(found.size) else self._attempt("energy", shortest)
        if step.outcome.is_met:
            self._warnings.append(f"less energy may do: the search ends at {SHORTEST_S:g} s at full power")
            return step
        low_mwh = step.size.energy_mwh
        while (high_mwh := found.size.energy_mwh) - low_mwh > self._bracket.tolerance * high_mwh:
            step = self._attempt("energy", _rounded(power_mw, (low_mwh * high_mwh) ** 0.5))
            if step.outcome.is_met:
                found = step
            else:
                low_mwh = step.size.energy_mwh
        return found


def contradictions(steps: Sequence[Step]) -> list[str]:
    """Say which sizes did not meet the limit although a smaller one did."""
    met = [step for step in steps if step.outcome.is_met]
    if not met:
        return []
    small = min(met, key=lambda step: (step.size.power_mw, step.size.energy_mwh))
    failed = [
        f"{step.size} (step {step.number})"
        for step in steps
        if not step.outcome.is_met and step.size != small.size and step.size.is_at_least(small.size)
    ]
    if not failed:
        return []
    return [
        f"a larger battery is not always better here: {small.size} meets the limit (step {small.number}), but not "
        f"{', '.join(failed)}; so one smaller than that found may do as well"
    ]


def _margin(step: Step) -> float:
    return -math.inf if step.outcome.margin is None else step.outcome.margin


def _rounded(power_mw: float, energy_mwh: float) -> Size:
    return Size(float(f"{power_mw:.{DIGITS}g}"), float(f"{energy_mwh:.{DIGITS}g}"))
