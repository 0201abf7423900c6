"""Several columns of power in one table: devices side by side, parts, totals, or a choice left to the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loads.errors import LoadDataError
from loads.readers.columns import TOTAL_WORDS, are_devices_side_by_side, is_bare_device, tokens, words
from loads.readers.readings import Floats
from loads.trace import TraceWarning

SAME_TOTAL = 0.01
"""A total that equals the sum of its parts within this share contains nothing else."""

_READINGS = ({"instant"}, {"draw"}, {"average"}, {"avg"})
"""Words for readings of one sensor, the best first: one without a moving average."""


@dataclass(frozen=True)
class PowerChoice:
    """Columns of power that may be added up, except for a total, which their values will judge.

    Parameters
    ----------
    kept
        Indices into the headers.
    total
        That of `kept` which is called a total, beside others; None if there is none.
    of_devices
        Whether each of the others is the power of one device, so that a missing unit may be told from its size.
    notes, warnings
        What was left out.
    """

    kept: tuple[int, ...]
    total: int | None
    of_devices: bool
    notes: tuple[str, ...] = ()
    warnings: tuple[TraceWarning, ...] = ()


def choose_powers(
    headers: Sequence[str], path: str, line: int | None = None, of_device: Sequence[bool] | None = None
) -> PowerChoice:
    """Choose among columns of power by their headers, so that their sum counts nothing twice.

    Parameters
    ----------
    headers
        Names with units.
    of_device
        For each column, whether the format says that it is the power of one device; the name may say so too.

    Raises
    ------
    LoadDataError
        If the columns are neither devices side by side nor parts of a total.
    """
    devices = [is_bare_device(header) or bool(of_device and of_device[at]) for at, header in enumerate(headers)]
    kept, warnings = _without_parts(headers)
    kept, notes = _best_readings(kept, headers)
    totals = [at for at in kept if words(headers[at]) & TOTAL_WORDS]
    others = [at for at in kept if at not in totals] or totals
    side_by_side = all(devices[at] for at in others) or are_devices_side_by_side([headers[at] for at in others])
    is_open = len(others) > 1 and not side_by_side and (not totals or others is totals)
    if is_open or (others is not totals and len(totals) > 1):
        listed = ", ".join(headers[at] for at in kept)
        message, hint = f"several columns of power: {listed}", f"give power_column, one of {listed}"
        raise LoadDataError(message, path=path, line=line, hint=hint)
    total = totals[0] if totals and others is not totals else None
    of_devices = all(devices[at] for at in others)
    return PowerChoice(tuple(kept), total, of_devices, tuple(notes), tuple(warnings))


def without_the_total(
    choice: PowerChoice, headers: Sequence[str], power_w: Sequence[Floats], path: str, line: int | None = None
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return which of the kept columns to add up, now that their values are known, and notes.

    Parameters
    ----------
    choice
        Of `choose_powers`.
    headers
        All of them.
    power_w
        Of each kept column, shape (n,).

    Raises
    ------
    LoadDataError
        If the total is less than the sum of the others.
    """
    if choice.total is None:
        return choice.kept, ()
    of = dict(zip(choice.kept, power_w, strict=True))
    parts = tuple(at for at in choice.kept if at != choice.total)
    name, listed = headers[choice.total], ", ".join(headers[at] for at in parts)
    whole, summed = of[choice.total], np.sum([of[at] for at in parts], axis=0)
    both = np.isfinite(whole) & np.isfinite(summed)
    if not both.any():
        return parts, (f"column {name!r} is left out: no row has both a total and all of {listed}",)
    mean_total, mean_sum = float(whole[both].mean()), float(summed[both].mean())
    if abs(mean_total - mean_sum) <= SAME_TOTAL * abs(mean_total):
        return parts, (f"column {name!r} is left out: it is the sum of {listed}",)
    if mean_total > mean_sum:
        more = f" (by {mean_total / mean_sum - 1:.0%} on average)" if mean_sum > 0 else ""
        return (choice.total,), (f"only column {name!r} is used: it contains more than {listed}{more}",)
    message = f"column {name!r} is less than the sum of {listed}"
    raise LoadDataError(message, path=path, line=line, column=name, hint="give power_column")


def _without_parts(headers: Sequence[str]) -> tuple[list[int], list[TraceWarning]]:
    """Leave out columns contained in another by their name, as ``cpu-0-core`` is in ``cpu-0``."""
    of = [tokens(header) for header in headers]
    wholes = {
        at: next((w for w, theirs in enumerate(of) if theirs and theirs != own and own[: len(theirs)] == theirs), None)
        for at, own in enumerate(of)
    }
    kept = [at for at, whole in wholes.items() if whole is None]
    listed = ", ".join(f"{headers[at]} (of {headers[w]})" for at, w in wholes.items() if w is not None)
    if not listed:
        return kept, []
    message = f"left out, being part of another channel: {listed}"
    return kept, [TraceWarning("part_of_channel", len(headers) - len(kept), message)]


def _best_readings(kept: list[int], headers: Sequence[str]) -> tuple[list[int], list[str]]:
    """Of several readings of one sensor keep the one without a moving average."""
    if not all(any(words(headers[at]) & kind for kind in _READINGS) for at in kept):
        return kept, []
    for kind in _READINGS:
        best = [at for at in kept if words(headers[at]) & kind]
        if best and len(best) < len(kept):
            listed = ", ".join(headers[at] for at in kept if at not in best)
            return best, [f"columns {listed} are not used: other readings of the sensor of {headers[best[0]]}"]
    return kept, []
