"""Values that a consumption cannot have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loads.cleaning.blocks import Block
from loads.cleaning.findings import Finding
from loads.errors import LoadDataError

_SPIKE_TIMES_99TH = 50.0


def clip_negative(blocks: list[Block], path: str) -> tuple[list[Block], list[Finding]]:
    """Set power below 0 to 0.

    Raises
    ------
    LoadDataError
        If more than half of a channel is negative: the sign then means something else.
    """
    cleaned, findings = [], []
    for block in blocks:
        powers = list(block.power_w)
        for i, (name, power_w) in enumerate(zip(block.names, block.power_w, strict=True)):
            is_negative = power_w < 0
            count = int(np.count_nonzero(is_negative))
            if not count:
                continue
            first = int(np.argmax(is_negative))
            if count > block.size / 2:
                raise LoadDataError(
                    f"{count} of {block.size} samples are negative, the first {power_w[first]:g} W",
                    path=path,
                    line=block.line_at(first),
                    column=name,
                    hint="consumption is expected to be positive: change the sign",
                )
            powers[i] = np.maximum(power_w, 0.0)
            detail = f"{count} samples are negative, down to {power_w.min():.6g} W, first at {block.place(first)}"
            findings.append(Finding("negative_power", (name,), count, detail, "set to 0"))
        cleaned.append(replace(block, power_w=tuple(powers)))
    return cleaned, findings


def find_spikes(blocks: list[Block]) -> list[Finding]:
    """Find single samples more than 50 times the 99th percentile of their channel."""
    findings = []
    for block in blocks:
        for name, power_w in zip(block.names, block.power_w, strict=True):
            high_w = float(np.percentile(power_w, 99))
            is_high = power_w > _SPIKE_TIMES_99TH * high_w
            if high_w <= 0 or not is_high.any():
                continue
            padded = np.pad(is_high, 1)
            spikes = np.flatnonzero(is_high & ~padded[:-2] & ~padded[2:])
            if spikes.size:
                top_w = power_w[spikes].max()
                detail = f"{spikes.size} single samples of up to {top_w:.6g} W, first at {block.place(int(spikes[0]))}"
                findings.append(
                    Finding("implausible_spike", (name,), int(spikes.size), detail, "kept, though probably wrong")
                )
    return findings
