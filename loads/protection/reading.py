"""Protection settings from plain data, such as a part of a YAML file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from loads.protection.settings import (
    COMPARISONS,
    Electronic,
    Envelope,
    EventCounter,
    ProtectionSettings,
    Return,
    Row,
    Spread,
    Ups,
)


def settings_from_dict(data: Mapping[str, Any]) -> ProtectionSettings:
    """Build the settings of a site.

    Parameters
    ----------
    data
        Parts by name: ``voltage`` and ``frequency`` with ``rows``, such as ``{below: 0.7, seconds: 0.02}``, and
        ``timers``; ``electronic``, ``counter``, ``return``, ``ups`` and ``spread`` with the fields of their classes.

    Raises
    ------
    ValueError
        With the part's name, if a key is unknown, a number is missing or out of range.
    """
    parts: dict[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {
        "voltage": ("voltage", envelope_from_dict),
        "frequency": ("frequency", envelope_from_dict),
        "electronic": ("electronic", lambda part: _build(Electronic, part)),
        "counter": ("counter", lambda part: _build(EventCounter, part)),
        "return": ("back", lambda part: _build(Return, part)),
        "ups": ("ups", lambda part: _build(Ups, part)),
        "spread": ("spread", lambda part: _build(Spread, part)),
    }
    _check_keys(data, parts)
    built = {}
    for name, part in data.items():
        field, make = parts[name]
        try:
            built[field] = make(part)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from error
    return ProtectionSettings(**built)


def envelope_from_dict(data: Mapping[str, Any]) -> Envelope:
    """Build an envelope from ``rows`` and ``timers``.

    Raises
    ------
    ValueError
        If a key is unknown or missing, or a number out of range.
    """
    _check_keys(data, ("rows", "timers"))
    rows = tuple(_row(row) for row in data.get("rows", ()))
    return Envelope(rows, data.get("timers", "per_excursion"))


def _row(data: Mapping[str, Any]) -> Row:
    _check_keys(data, (*COMPARISONS, "seconds"))
    levels = [name for name in COMPARISONS if name in data]
    if len(levels) != 1 or "seconds" not in data:
        raise ValueError(f"a row needs seconds and one of {', '.join(COMPARISONS)}, got {', '.join(data) or 'nothing'}")
    return Row(levels[0], data[levels[0]], data["seconds"])


def _build(kind: type, data: Mapping[str, Any]) -> Any:
    _check_keys(data, [field.name for field in fields(kind)])
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return kind(**values)


def _check_keys(data: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in data:
        if key not in known:
            raise ValueError(f"there is no {key!r}; {suggested(key, known)}")


def suggested(name: str, known: Iterable[str]) -> str:
    """Say which names there are, the one nearest to a misspelt one first."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"there are {', '.join(names)}"
