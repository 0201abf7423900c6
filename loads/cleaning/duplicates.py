"""Samples of one channel with the same time stamp: averaged."""

from __future__ import annotations

import numpy as np

from loads.cleaning.blocks import Block
from loads.cleaning.findings import Finding
from loads.errors import LoadDataError

_MANY = 0.5


def average_duplicates(blocks: list[Block], path: str) -> tuple[list[Block], list[Finding]]:
    """Put the mean in the place of samples that share a time; times are in order.

    Raises
    ------
    LoadDataError
        If a channel has fewer than two distinct times.
    """
    cleaned, findings = [], []
    for block in blocks:
        is_first = np.concatenate([[True], np.diff(block.time_s) > 0])
        firsts = np.flatnonzero(is_first)
        if firsts.size < 2:
            raise LoadDataError(
                f"a trace needs at least 2 samples, got {firsts.size}",
                path=path,
                line=block.line_at(0),
                hint=f"in channel {block.names[0]}",
            )
        repeated = block.size - firsts.size
        if not repeated:
            cleaned.append(block)
            continue
        counts = np.diff(np.append(firsts, block.size))
        means = tuple(np.add.reduceat(power, firsts) / counts for power in block.power_w)
        line = None if block.line is None else block.line[firsts]
        cleaned.append(Block(block.names, block.time_s[firsts], means, line))
        where = block.place(int(np.argmin(is_first)))
        detail = f"{repeated} samples share a time stamp with another, first at {where}"
        action = "averaged"
        if repeated > _MANY * block.size:
            action += " as samples of one device; if they are of several, name the device column"
        findings.append(Finding("duplicate_time", block.names, repeated, detail, action))
    return cleaned, findings
