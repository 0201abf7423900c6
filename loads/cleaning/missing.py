"""Cells without a number: the samples are dropped, channel by channel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loads.cleaning.blocks import Block
from loads.cleaning.findings import Finding
from loads.errors import LoadDataError


def drop_missing(blocks: list[Block], path: str, reported: bool) -> tuple[list[Block], list[Finding]]:
    """Drop the samples that are not finite; a channel without any is left out.

    Channels of a block that lack the same samples stay together.

    Parameters
    ----------
    blocks
        To clean.
    path
        Of the file.
    reported
        Whether the reader has already counted such cells.

    Raises
    ------
    LoadDataError
        If no channel holds a number.
    """
    cleaned: list[Block] = []
    findings: list[Finding] = []
    for block in blocks:
        by_mask: dict[bytes, list[int]] = {}
        masks = [np.isfinite(power) for power in block.power_w]
        for i, mask in enumerate(masks):
            by_mask.setdefault(b"" if mask.all() else mask.tobytes(), []).append(i)
        for same in by_mask.values():
            mask = masks[same[0]]
            part = replace(
                block, names=tuple(block.names[i] for i in same), power_w=tuple(block.power_w[i] for i in same)
            )
            absent = int(mask.size - np.count_nonzero(mask))
            if absent == block.size:
                findings.append(
                    Finding("empty_channel", part.names, len(same), "no sample holds a number", "left out of the sum")
                )
                continue
            if absent:
                part = part.take(mask)
                if not reported:
                    where = block.place(int(np.argmin(mask)))
                    detail = f"{absent} samples hold no number, first at {where}"
                    findings.append(Finding("missing_samples", part.names, absent, detail, "dropped"))
            cleaned.append(part)
    if not cleaned:
        raise LoadDataError("no sample holds a number", path=path, hint="expected power readings")
    return cleaned, findings
