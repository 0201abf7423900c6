"""What the columns of a table are, told from their names: time, power, device."""

from __future__ import annotations

import re
from collections.abc import Sequence

from loads.errors import LoadDataError
from loads.readers.units import power_unit_in, split_unit, suggestion, time_unit_in

TIME_WORDS = {"time", "timestamp", "timestamps", "datetime", "date", "t", "ts", "elapsed", "epoch"}
POWER_WORDS = {"power", "p", "pw", "pwr", "watt", "watts", "milliwatts", "kilowatts"}
SHARE_WORDS = {"norm", "normalised", "normalized", "pu", "fraction", "share", "tdp"}
"""A power that is a share of something, such as the TDP."""

TOTAL_WORDS = {"total", "sum", "overall", "aggregate"}
HOST_WORDS = {"node", "host", "hostname", "server"}
DEVICE_WORDS = {"gpu", "index", "uuid", "device", "card", "id", "gpuid", "idx", "entity"}

_OTHER_WORDS = {"limit", "cap", "tdp", "factor", "state", "mode", "energy", "reactive", "apparent", "reading"}
_OTHER_WORDS |= {"voltage", "status", "management", "throttle", "temperature", "temp", "clock"}
"""Words beside power or time that make a column something else: a cap, a state, a duration."""

_FILLING_WORDS = POWER_WORDS | {"draw", "usage", "consumption"}
_CONTAINERS = ("node", "host", "server", "rack", "pdu", "chassis")
_NUMBERED = re.compile(
    rf"(?<![a-z])(gpu|cpu|device|dev|card|socket|power|{'|'.join(_CONTAINERS)})[\s_.#-]*(\d+)(?![a-z0-9])"
)

_MODEL = re.compile(r"\b(?:NVIDIA|GeForce|Tesla|Quadro|AMD|Instinct|Radeon)\s|^(?:[ABHLV]|GH|MI)\d{2,3}[A-Z]?$")


def words(column: str) -> set[str]:
    """Return the words of a column name without its unit, in lower case."""
    return set(re.split(r"[^a-z]+", split_unit(column)[0].lower())) - {""}


def tokens(column: str) -> tuple[str, ...]:
    """Return what tells a column of power from others: its words and numbers without unit, ``power``, ``draw``."""
    base = column if power_unit_in_or_none(column) is None else split_unit(column)[0]
    return tuple(token for token in re.split(r"[^a-z0-9]+", base.lower()) if token and token not in _FILLING_WORDS)


def power_unit_in_or_none(column: str) -> str | None:
    """Return the unit of power in a column name, ``"mw"`` included, or None."""
    return "mw" if split_unit(column)[1] == "mw" else power_unit_in(column)


def is_share(column: str) -> bool:
    """Whether a column is power as a share of the rated power."""
    found = words(column)
    about_power = bool(found & {"power", "tdp"})
    return about_power and bool(found & SHARE_WORDS) and power_unit_in_or_none(column) is None


def is_power(column: str) -> bool:
    """Whether a column is power in some unit."""
    found = words(column)
    if found & _OTHER_WORDS or is_share(column):
        return False
    return bool(found & POWER_WORDS) or power_unit_in_or_none(column) is not None


def is_time(column: str) -> bool:
    """Whether a column is time."""
    found = words(column)
    if found & _OTHER_WORDS or is_power(column):
        return False
    is_bare_unit = time_unit_in(column) is not None and split_unit(column)[0] == column
    return bool(found & TIME_WORDS) or is_bare_unit


def is_bare_device(column: str) -> bool:
    """Whether a column's name is that of a device and nothing else, such as ``GPU0``."""
    return _NUMBERED.fullmatch(column.strip().lower()) is not None


def numbered_device(column: str) -> tuple[tuple[str, int], ...]:
    """Return the devices that a column name numbers: ``gpu0_power_w`` gives ``(("gpu", 0),)``; or nothing."""
    return tuple((kind, int(number)) for kind, number in _NUMBERED.findall(split_unit(column)[0].lower()))


def are_devices_side_by_side(columns: Sequence[str]) -> bool:
    """Whether columns are power of different numbered devices, none of which contains another."""
    devices = [numbered_device(column) for column in columns]
    if not all(devices) or len(set(devices)) < len(devices):
        return False
    return len({device[-1][0] in _CONTAINERS for device in devices}) == 1


def identity_columns(names: Sequence[str]) -> list[int]:
    """Return the columns that say whose a row is: at most one of a host, and one of a device in it."""
    hosts, devices = [], []
    for index, name in enumerate(names):
        found = words(name) - {"id", "name"}
        if found and found <= HOST_WORDS:
            hosts.append(index)
        elif words(name) and words(name) <= DEVICE_WORDS | {"bus"} and not is_bare_device(name):
            devices.append(index)
    # The index of a data frame has no name of its own; an index beside a device names nothing.
    named = [index for index in devices if words(names[index]) - {"id", "index", "idx"}] or devices
    return [*hosts[:1], *named[:1]]


def are_models(labels: Sequence[str]) -> bool:
    """Whether what stands in a column are models of devices, which several devices share, and not their names."""
    return all(_MODEL.search(label) for label in labels)


def column_index(argument: str, name: str, names: Sequence[str], path: str, line: int) -> int:
    """Return the index of a column that the user named.

    Raises
    ------
    LoadDataError
        If there is none of that name, or two.
    """
    if name not in names:
        raise LoadDataError(
            f"{argument} {name!r} is not in the table",
            path=path,
            line=line,
            column=name,
            hint=f"{suggestion(name, list(names))}columns are {', '.join(names)}",
        )
    if list(names).count(name) > 1:
        raise LoadDataError(f"column {name!r} occurs twice", path=path, line=line, column=name)
    return list(names).index(name)


def find_time(names: Sequence[str], option: str | None, path: str, line: int) -> tuple[int | None, list[str]]:
    """Return the column of time, or None if there is none, and what was assumed."""
    if option is not None:
        return column_index("time_column", option, names, path, line), []
    candidates = [index for index, name in enumerate(names) if is_time(name)]
    if not candidates:
        return None, []
    column_index("time_column", names[candidates[0]], names, path, line)
    listed = ", ".join(names[index] for index in candidates)
    notes = [f"time is column {names[candidates[0]]!r}, the first of {listed}"] if len(candidates) > 1 else []
    return candidates[0], notes


def power_columns(names: Sequence[str], of_device: Sequence[bool] | None = None) -> list[int]:
    """Return the columns of power; without any, shares of a rated power, else those called after devices.

    Parameters
    ----------
    names
        Of the columns, with units.
    of_device
        For each column, whether the format says that it is the power of one device.
    """
    found = [at for at, name in enumerate(names) if is_power(name) or (of_device and of_device[at])]
    bare = [at for at, name in enumerate(names) if is_bare_device(name)]
    if all(words(names[at]) & TOTAL_WORDS and power_unit_in_or_none(names[at]) is None for at in found):
        # A bare total beside bare devices is of their kind.
        found = sorted({*found, *bare}) if found else []
    return found or [at for at, name in enumerate(names) if is_share(name)] or bare


def channel_names(columns: Sequence[str]) -> list[str]:
    """Return the names of columns without their units, where they differ without them."""
    names = [channel_name(column) for column in columns]
    return names if len(set(names)) == len(names) else list(columns)


def channel_name(column: str) -> str:
    """Return a column's name without its unit."""
    return column if power_unit_in_or_none(column) is None else split_unit(column)[0]


def device_names(labels: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return the names of channels from what stands in identity columns: ``0`` of ``gpu_id`` becomes ``gpu0``."""
    found = words(columns[-1]) if columns else set()
    prefix = next((word for word in ("node", "host", "server", "card", "device") if word in found), "gpu")
    return [f"{prefix}{label}" if label.isdigit() else label or "(no name)" for label in labels]
