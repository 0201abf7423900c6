"""Channels that hold the same series: one meter read twice."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from loads.cleaning.blocks import Block
from loads.cleaning.findings import Finding
from loads.readers.readings import Floats

_MOST_PAIRS = 5


def find_identical(blocks: list[Block]) -> list[Finding]:
    """Find pairs of channels whose times and powers are equal to the last digit.

    A constant channel does not count: that its twin is constant too is no sign of a common meter.
    """
    alike: dict[tuple[float, ...], list[tuple[str, Floats, Floats]]] = {}
    for block in blocks:
        for name, power_w in zip(block.names, block.power_w, strict=True):
            if (power_w == power_w[0]).all():
                continue
            # Cheap marks sort out nearly all pairs; those that agree in them are compared in full.
            marks = (power_w.size, block.time_s[0], block.time_s[-1], power_w[0], power_w[-1], float(power_w.sum()))
            alike.setdefault(marks, []).append((name, block.time_s, power_w))
    pairs = [
        (a, b)
        for same in alike.values()
        for (a, time_a, power_a), (b, time_b, power_b) in combinations(same, 2)
        if np.array_equal(power_a, power_b) and (time_a is time_b or np.array_equal(time_a, time_b))
    ]
    if not pairs:
        return []
    named = ", ".join(f"{a} = {b}" for a, b in pairs[:_MOST_PAIRS])
    more = f" and {len(pairs) - _MOST_PAIRS} more" if len(pairs) > _MOST_PAIRS else ""
    detail = f"{len(pairs)} {'pair' if len(pairs) == 1 else 'pairs'} of channels hold the same series ({named}{more})"
    names = tuple(name for block in blocks for name in block.names)
    return [
        Finding(
            "identical_channels", names, len(pairs), f"{detail}, probably one meter read twice", "the sum counts both"
        )
    ]
