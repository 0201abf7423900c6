"""What axes of a sweep's plots have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cosim.report.drawing import safe

MAX_NAMES = 60
PANEL_PX = 290
TITLE_PX = 6
"""Between the numbers of a vertical axis and its title."""


def name_axis(names: Sequence[str]) -> dict[str, Any]:
    """An axis of names in their order, none left out while there are not very many."""
    axis: dict[str, Any] = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [safe(name) for name in names],
    }
    return axis | ({"dtick": 1} if len(names) <= MAX_NAMES else {"nticks": MAX_NAMES})
