"""Plots of which drop-downs choose one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cosim.report.figures.base import Figure


@dataclass(frozen=True)
class Selector:
    """A drop-down: its label, and the value and text of each of its options."""

    label: str
    options: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Place:
    """A place on the page and the figures that it can show, by option."""

    id: str
    title: str
    figures: Mapping[str, Figure]
    is_wide: bool = False


@dataclass(frozen=True)
class Choice:
    """Places whose figures are chosen by the same drop-downs.

    An option is the values of the drop-downs, joined by ``|``.
    """

    id: str
    selectors: Sequence[Selector]
    places: Sequence[Place]

    @property
    def first(self) -> str:
        """The option that is shown at first."""
        return "|".join(selector.options[0][0] for selector in self.selectors)


def metric_selector(metrics: Sequence[str]) -> Selector:
    """A drop-down of metrics, by number; what each is called is its path."""
    return Selector("Metric", [(str(k), metric) for k, metric in enumerate(metrics)])
