"""Cells of a table turned into numbers, whatever else stands in them; a block of cells at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loads.readers.readings import Floats
from loads.readers.units import POWER_UNITS, power_unit, power_unit_in

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_POWER = rf"^(?P<number>{_NUMBER})\s*(?P<unit>[A-Za-z]*)$"
_SAMPLE = 16
_WHOLE = r"^[+-]?0*(?:\d{1,18}|[1-8]\d{18})$"


@dataclass(frozen=True, eq=False)
class PowerCells:
    """Power of n cells.

    Parameters
    ----------
    power
        Shape (n,): W where the cell names its own unit, else the bare number; NaN where there is no finite number.
    own_unit
        Shape (n,): whether the cell names its unit.
    units
        The units named (standard spelling).
    """

    power: Floats
    own_unit: NDArray[np.bool_]
    units: frozenset[str]


def power_cells(cells: pa.Array, decimal_comma: bool = False) -> PowerCells:
    """Read cells such as ``17.65``, ``71.25 W`` or ``[N/A]``.

    Raises
    ------
    LoadDataError
        If a cell names the unit ``mw``, which may be a milliwatt or a megawatt.
    """
    if decimal_comma:
        cells = pc.replace_substring(cells, ",", ".")
    numbers = cast_all(cells, pa.float64())
    if numbers is not None:
        return PowerCells(_finite(numbers), np.zeros(len(cells), dtype=bool), frozenset())
    return _all_with_one_unit(cells) or _each_for_itself(cells)


def cast_all(cells: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Convert cells that are all well-formed, which pyarrow does quickly; None if they are not.

    A sample is tried first, since failing is slow: pyarrow words an error for each bad cell.
    """
    try:
        cells[:_SAMPLE].cast(kind)
        return cells.cast(kind)
    except pa.ArrowInvalid:
        return None


def _finite(converted: pa.Array) -> Floats:
    numbers = converted.to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _all_with_one_unit(cells: pa.Array) -> PowerCells | None:
    """Convert cells that all end in the same unit, as nvidia-smi writes them; None if they do not."""
    unit = power_unit_in(cells[0].as_py())
    ending = f" {unit}"
    if unit is None or not pc.all(pc.ends_with(cells, ending)).as_py():
        return None
    numbers = cast_all(pc.utf8_slice_codeunits(cells, 0, -len(ending)), pa.float64())
    if numbers is None:
        return None
    power = _finite(numbers) * POWER_UNITS[unit]
    return PowerCells(power, np.ones(len(cells), dtype=bool), frozenset({unit}))


def _each_for_itself(cells: pa.Array) -> PowerCells:
    # Most cells repeat in a log of telemetry, and the pattern is slow.
    encoded = pc.dictionary_encode(cells)
    parts = pc.extract_regex(encoded.dictionary, _POWER)
    found = pc.is_valid(parts).to_numpy(zero_copy_only=False)
    number = pc.if_else(pa.array(found), pc.struct_field(parts, "number"), "nan")
    power = _finite(number.cast(pa.float64()))
    written = np.array(pc.fill_null(pc.struct_field(parts, "unit"), "").to_pylist(), dtype=object)
    units: set[str] = set()
    own_unit = np.zeros(power.size, dtype=bool)
    for text in set(written[found]) - {""}:
        # A number with an ending that is no unit of power ("36 C") is no reading of power.
        unit = power_unit(text) if text == "mw" else power_unit_in(text)
        mask = written == text
        power[mask] *= POWER_UNITS[unit] if unit else np.nan
        if unit:
            own_unit |= mask
            units.add(unit)
    at = encoded.indices.to_numpy()
    return PowerCells(power[at], own_unit[at], frozenset(units))


def number_cells(cells: pa.Array, decimal_comma: bool = False) -> tuple[NDArray[np.int64] | Floats, NDArray[np.bool_]]:
    """Read plain numbers: int64 if all that can be read are whole, so that they keep every digit, else float64.

    Returns
    -------
    numbers
        Shape (n,): 0 where there is no finite number.
    ok
        Shape (n,): whether there is one.
    """
    if decimal_comma:
        cells = pc.replace_substring(cells, ",", ".")
    whole_numbers = cast_all(cells, pa.int64())
    if whole_numbers is not None:
        return whole_numbers.to_numpy(zero_copy_only=False), np.ones(len(cells), dtype=bool)
    floats = cast_all(cells, pa.float64())
    if floats is not None:
        numbers = floats.to_numpy(zero_copy_only=False)
        ok = np.isfinite(numbers)
        return np.where(ok, numbers, 0.0), ok
    readable = pc.match_substring_regex(cells, f"^{_NUMBER}$")
    whole = pc.match_substring_regex(cells, _WHOLE)
    ok = readable.to_numpy(zero_copy_only=False)
    if pc.all(pc.equal(readable, whole)).as_py():
        text = pc.replace_substring(pc.if_else(whole, cells, "0"), "+", "")
        return text.cast(pa.int64()).to_numpy(zero_copy_only=False), ok
    numbers = pc.if_else(readable, cells, "nan").cast(pa.float64()).to_numpy(zero_copy_only=False)
    ok = ok & np.isfinite(numbers)
    return np.where(ok, numbers, 0.0), ok
