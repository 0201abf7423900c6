"""Several columns of power in one table: devices side by side, parts, totals, or a choice left to the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loads.errors import LoadDataError
from loads.readers.columns import TOTAL_WORDS, are_devices_side_by_side, channel_name, tokens, words
from loads.readers.power_units import to_watts
from loads.readers.readings import Floats, ReadOptions
from loads.readers.table_rows import PowerColumn
from loads.trace import TraceWarning

SAME_TOTAL = 0.01
"""A total that equals the sum of its parts within this share contains nothing else."""

_READINGS = ({"instant"}, {"draw"}, {"average"}, {"avg"})
"""Words for readings of one sensor, the best first: one without a moving average."""


@dataclass(frozen=True, eq=False)
class Powers:
    """Columns of power in W, each of shape (n,), with what was assumed."""

    names: tuple[str, ...]
    power_w: tuple[Floats, ...]
    unit: str
    notes: tuple[str, ...]
    warnings: tuple[TraceWarning, ...]


def sort_out_powers(
    columns: Sequence[tuple[str, str, Floats]], of_devices: bool, options: ReadOptions, path: str
) -> Powers:
    """Choose among columns of power, so that their sum counts nothing twice, and convert them to W.

    Parameters
    ----------
    columns
        Name in the file, name with unit, and values of shape (n,).
    of_devices
        Whether each column is known to be that of one device.

    Raises
    ------
    LoadDataError
        If the columns are neither devices side by side nor parts of a total, or their unit is open.
    """
    kept, warnings = _without_parts(list(columns))
    kept, notes = _best_readings(kept)
    totals = [column for column in kept if words(column[1]) & TOTAL_WORDS]
    if len(kept) > 1 and len(totals) != 1 and not of_devices and not are_devices_side_by_side([c[1] for c in kept]):
        listed = ", ".join(name for name, _, _ in kept)
        raise LoadDataError(f"several columns of power: {listed}", path=path, hint="give power_column, one of them")
    as_read = [PowerColumn(header, values, None, frozenset()) for _, header, values in kept]
    power_w, unit, unit_notes, unit_warnings = to_watts(as_read, options, path, of_devices=of_devices)
    named = [(name, power) for (name, _, _), power in zip(kept, power_w, strict=True)]
    if len(totals) == 1 and len(named) > 1:
        named, note = _parts_or_total(named, totals[0][0], path)
        notes.append(note)
    names = [channel_name(name) for name, _ in named]
    if len(set(names)) < len(names):
        names = [name for name, _ in named]
    powers = tuple(power for _, power in named)
    return Powers(tuple(names), powers, unit, (*notes, *unit_notes), (*warnings, *unit_warnings))


def _without_parts(
    columns: list[tuple[str, str, Floats]],
) -> tuple[list[tuple[str, str, Floats]], list[TraceWarning]]:
    """Leave out columns contained in another by their name, as ``cpu-0-core`` is in ``cpu-0``."""
    of = {name: tokens(header) for name, header, _ in columns}
    wholes = {
        name: next(
            (other for other, theirs in of.items() if theirs and theirs != own and own[: len(theirs)] == theirs), None
        )
        for name, own in of.items()
    }
    listed = ", ".join(f"{name} (of {whole})" for name, whole in wholes.items() if whole is not None)
    if not listed:
        return columns, []
    kept = [column for column in columns if wholes[column[0]] is None]
    message = f"left out, being part of another channel: {listed}"
    return kept, [TraceWarning("part_of_channel", len(columns) - len(kept), message)]


def _best_readings(
    columns: list[tuple[str, str, Floats]],
) -> tuple[list[tuple[str, str, Floats]], list[str]]:
    """Of several readings of one sensor keep the one without a moving average."""
    if not all(any(words(header) & kind for kind in _READINGS) for _, header, _ in columns):
        return columns, []
    for kind in _READINGS:
        best = [column for column in columns if words(column[1]) & kind]
        others = [name for name, header, _ in columns if not words(header) & kind]
        if best and others:
            listed = ", ".join(others)
            return best, [f"columns {listed} are not used: other readings of the sensor of {best[0][0]}"]
    return columns, []


def _parts_or_total(columns: list[tuple[str, Floats]], total: str, path: str) -> tuple[list[tuple[str, Floats]], str]:
    parts = [(name, power) for name, power in columns if name != total]
    listed = ", ".join(name for name, _ in parts)
    whole = dict(columns)[total]
    summed = np.sum([power for _, power in parts], axis=0)
    both = np.isfinite(whole) & np.isfinite(summed)
    if not both.any():
        return parts, f"column {total!r} is left out: no row has both a total and all of {listed}"
    mean_total, mean_sum = float(whole[both].mean()), float(summed[both].mean())
    if abs(mean_total - mean_sum) <= SAME_TOTAL * abs(mean_total):
        return parts, f"column {total!r} is left out: it is the sum of {listed}"
    if mean_total > mean_sum:
        return [(total, whole)], f"only column {total!r} is used: it contains more than {listed}"
    raise LoadDataError(
        f"column {total!r} is less than the sum of {listed}", path=path, column=total, hint="give power_column"
    )
