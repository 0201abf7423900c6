"""From the numbers in a column of power to watts, and what had to be assumed for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loads.errors import LoadDataError
from loads.readers.columns import is_share
from loads.readers.readings import Floats, ReadOptions
from loads.readers.table_rows import PowerColumn
from loads.readers.units import POWER_UNITS, power_unit, power_unit_in
from loads.trace import TraceWarning

NORMALISED = "pu"
"""The unit of power as a share of `ReadOptions.rated_w`."""

DEVICE_POWER_W = (5.0, 2500.0)
"""What one powered device draws: an idle card to the largest accelerator announced, with some margin."""


def to_watts(
    columns: Sequence[PowerColumn],
    options: ReadOptions,
    path: str,
    *,
    defined: str | None = None,
    of_devices: bool = False,
) -> tuple[list[Floats], str, list[str], list[TraceWarning]]:
    """Convert columns of power to W.

    A cell's own unit is stronger than the header's; they must not contradict each other, nor what the user said.

    Parameters
    ----------
    columns
        One or more, all in the same kind of unit.
    defined
        Unit by the format's definition, for a header without one.
    of_devices
        Whether each column is one device by name, so that a missing unit may be told from the size of the numbers.

    Returns
    -------
    power_w
        A list of arrays of shape (n,).
    unit
        As it stood in the file, or ``"pu"``.
    notes, warnings
        What was assumed.

    Raises
    ------
    LoadDataError
        If the unit is open or contradictory, or a column has no number at all.
    """
    if not any(np.isfinite(column.power).any() for column in columns):
        listed = ", ".join(repr(column.name) for column in columns)
        raise LoadDataError(
            f"no cell of column {listed} holds a number",
            path=path,
            column=columns[0].name,
            hint="the sensor may not be supported; give power_column for another column",
        )
    named = [column for column in columns if column.own_unit is not None]
    bare = [column for column in columns if column.own_unit is None or _has_bare_numbers(column)]
    notes: list[str] = []
    warnings: list[TraceWarning] = []
    unit = None
    if bare:
        unit = _unit(bare, options, path, defined, of_devices, warnings)
    for column in named:
        _refuse_contradiction(column, options, path, unit if column in bare else None)
    factor = 1.0
    if unit is not None:
        factor = _rated_w(options, columns, path) if unit == NORMALISED else POWER_UNITS[unit]
    power_w = []
    for column in columns:
        own = column.own_unit
        # A damaged number may be too large for watts.
        with np.errstate(over="ignore"):
            watts = column.power * factor if own is None else np.where(own, column.power, column.power * factor)
        power_w.append(watts if np.isfinite(watts).all() else np.where(np.isfinite(watts), watts, np.nan))
    in_cells = sorted(set().union(*(column.units for column in named)))
    if len(in_cells) > 1:
        notes.append(f"cells are in different units ({', '.join(in_cells)}), each converted by its own")
    return power_w, unit or in_cells[0], notes, warnings


def _has_bare_numbers(column: PowerColumn) -> bool:
    return column.own_unit is not None and bool((np.isfinite(column.power) & ~column.own_unit).any())


def _refuse_contradiction(column: PowerColumn, options: ReadOptions, path: str, bare_unit: str | None) -> None:
    expected = power_unit(options.power_unit, path) if options.power_unit not in (None, NORMALISED) else bare_unit
    if (expected is not None and column.units != {expected}) or options.power_unit == NORMALISED:
        said = options.power_unit or expected
        in_cells = ", ".join(sorted(column.units))
        raise LoadDataError(
            f"cells of column {column.name!r} are in {in_cells}, but its unit is said to be {said}",
            path=path,
            column=column.name,
            hint="leave out power_unit" if options.power_unit else "give each number its unit, or none",
        )


def _unit(
    columns: Sequence[PowerColumn],
    options: ReadOptions,
    path: str,
    defined: str | None,
    of_devices: bool,
    warnings: list[TraceWarning],
) -> str:
    """Return the unit of numbers that do not name it themselves."""
    if options.power_unit is not None:
        return NORMALISED if options.power_unit == NORMALISED else power_unit(options.power_unit, path)
    in_names = {power_unit_in(column.name) for column in columns}
    if len(in_names) > 1:
        listed = ", ".join(column.name for column in columns)
        raise LoadDataError(f"columns of different units: {listed}", path=path, hint="give power_column")
    unit = in_names.pop()
    if unit is not None:
        return unit
    if defined is not None:
        return defined
    if all(is_share(column.name) for column in columns):
        return NORMALISED
    if of_devices:
        unit, warning = _unit_by_size(columns, options, path)
        if warning:
            warnings.append(warning)
        return unit
    raise LoadDataError(
        f"the unit of column {columns[0].name!r} is neither in its name nor given",
        path=path,
        column=columns[0].name,
        hint="give power_unit",
    )


def _unit_by_size(columns: Sequence[PowerColumn], options: ReadOptions, path: str) -> tuple[str, TraceWarning | None]:
    numbers = np.concatenate([column.power[np.isfinite(column.power)] for column in columns])
    middle = float(np.median(numbers)) if numbers.size else 0.0
    least_w, most_w = DEVICE_POWER_W
    for unit in ("W", "mW"):
        if least_w <= middle * POWER_UNITS[unit] <= most_w:
            name = columns[0].name
            message = (
                f"column {name!r} and its like have no unit: taken as {unit}, since their median is {middle:g} and a "
                f"powered device draws {least_w:g} W to {most_w / 1e3:g} kW"
            )
            return unit, TraceWarning("assumed_power_unit", numbers.size, message)
    if options.rated_w is not None and middle <= 1.5:
        return NORMALISED, None
    raise LoadDataError(
        f"columns of devices without a unit, such as {columns[0].name!r}, with a median of {middle:g}",
        path=path,
        column=columns[0].name,
        hint="give power_unit, or rated_w if the power is a share of the rated power",
    )


def _rated_w(options: ReadOptions, columns: Sequence[PowerColumn], path: str) -> float:
    if options.rated_w is None:
        raise LoadDataError(
            f"column {columns[0].name!r} is a share of the rated power",
            path=path,
            column=columns[0].name,
            hint="give rated_w, the power [W] that 1 stands for, such as the TDP",
        )
    return options.rated_w
