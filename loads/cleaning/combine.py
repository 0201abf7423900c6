"""The exact sum of channels that were read at different instants."""

from __future__ import annotations

import numpy as np

from loads.cleaning.blocks import Block
from loads.cleaning.findings import Finding, names_in_words
from loads.errors import LoadDataError
from loads.readers.readings import Floats
from loads.segments import kernel

_SAME_INSTANT_S = 0.9e-9
"""Knots nearer than a nanosecond are one; a little less, as a difference of two times is rounded."""
_LEAST_OVERLAP = 0.5


def total(blocks: list[Block], path: str) -> tuple[Floats, Floats, list[Finding]]:
    """Add the channels up as functions of time, each joined by straight lines.

    The sum is exact: it has the knots of all channels, over the time that all of them cover.

    Parameters
    ----------
    blocks
        At least one, with times from a common origin.
    path
        Of the file or files, for errors.

    Returns
    -------
    time_s, power_w
        Shape (n,), n >= 2.
    findings
        `unsynchronised_clocks`, where the times differ.

    Raises
    ------
    LoadDataError
        If the channels share less than half of the longest.
    """
    merged = _merge_equal_times(blocks)
    if len(merged) == 1:
        return merged[0].time_s, _added(merged[0]), []
    start_s = max(block.time_s[0] for block in merged)
    end_s = min(block.time_s[-1] for block in merged)
    longest_s = max(block.time_s[-1] - block.time_s[0] for block in merged)
    if end_s - start_s < _LEAST_OVERLAP * longest_s:
        raise _too_little_overlap(merged, end_s - start_s, longest_s, path)
    knots_s = _union(merged, start_s, end_s)
    power_w = np.zeros(knots_s.size)
    for block in merged:
        _add_linear(block.time_s, _added(block), knots_s, power_w)
    return knots_s, power_w, _unsynchronised(merged, knots_s)


def _merge_equal_times(blocks: list[Block]) -> list[Block]:
    """Join blocks that happen to have the same times."""
    merged: list[Block] = []
    for block in blocks:
        for i, other in enumerate(merged):
            if np.array_equal(block.time_s, other.time_s):
                merged[i] = Block(other.names + block.names, other.time_s, other.power_w + block.power_w)
                break
        else:
            merged.append(block)
    return merged


def _added(block: Block) -> Floats:
    if len(block.power_w) == 1:
        return block.power_w[0]
    power_w = np.zeros(block.size)
    for channel_w in block.power_w:
        power_w += channel_w
    return power_w


def _union(blocks: list[Block], start_s: float, end_s: float) -> Floats:
    inner = [block.time_s[(block.time_s > start_s) & (block.time_s < end_s)] for block in blocks]
    # A stable sort merges sorted runs in a few passes.
    times_s = np.sort(np.concatenate([[start_s], *inner, [end_s]]), kind="stable")
    is_new = np.concatenate([[True], np.diff(times_s) > _SAME_INSTANT_S])
    knots_s = times_s[is_new]
    knots_s[-1] = end_s
    return knots_s


@kernel
def _add_linear(time_s: Floats, power_w: Floats, knots_s: Floats, sum_w: Floats) -> None:
    """Add the straight lines through samples to a sum; the knots increase and lie within the samples."""
    last = time_s.size - 2
    j = 0
    while j < last and time_s[j + 1] <= knots_s[0]:
        j += 1
    slope = (power_w[j + 1] - power_w[j]) / (time_s[j + 1] - time_s[j])
    for k in range(knots_s.size):
        t = knots_s[k]
        if j < last and time_s[j + 1] <= t:
            while j < last and time_s[j + 1] <= t:
                j += 1
            slope = (power_w[j + 1] - power_w[j]) / (time_s[j + 1] - time_s[j])
        sum_w[k] += power_w[j] + slope * (t - time_s[j])


def _unsynchronised(blocks: list[Block], knots_s: Floats) -> list[Finding]:
    """Report clocks that differ, which a few dropped samples do not make."""
    starts_s = [block.time_s[0] for block in blocks]
    cut_head_s = knots_s[0] - min(starts_s)
    cut_tail_s = max(block.time_s[-1] for block in blocks) - knots_s[-1]
    if knots_s.size <= max(block.size for block in blocks) and not (cut_head_s or cut_tail_s):
        return []
    names = tuple(name for block in blocks for name in block.names)
    detail = (
        f"{len(names)} channels are not read at the same times, the starts lie up to "
        f"{max(starts_s) - min(starts_s):.6g} s apart"
    )
    action = (
        f"summed where all of them cover, {cut_head_s:.6g} s cut off at the start and {cut_tail_s:.6g} s at the end"
    )
    return [Finding("unsynchronised_clocks", names, len(names), detail, action)]


def _too_little_overlap(blocks: list[Block], overlap_s: float, longest_s: float, path: str) -> LoadDataError:
    latest = max(blocks, key=lambda block: block.time_s[0])
    earliest = min(blocks, key=lambda block: block.time_s[-1])
    shared = f"only {overlap_s:.6g} of {longest_s:.6g} s" if overlap_s > 0 else "no time"
    names = [name for block in blocks for name in block.names]
    return LoadDataError(
        f"the channels share {shared}: {latest.names[0]} starts at {latest.time_s[0]:.6g} s, "
        f"{earliest.names[0]} ends at {earliest.time_s[-1]:.6g} s",
        path=path,
        hint=f"choose channels among {names_in_words(names, 8)}",
    )
