"""What axes of a sweep's plots have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cosim.report.drawing import safe

PANEL_PX = 290
TITLE_PX = 6
"""Between the numbers of a vertical axis and its title."""


def name_axis(names: Sequence[str]) -> dict[str, Any]:
    """An axis of names in their order, none left out."""
    shown = [safe(name) for name in names]
    return {"type": "category", "categoryorder": "array", "categoryarray": shown, "dtick": 1}
