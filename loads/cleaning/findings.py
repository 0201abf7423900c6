"""Oddities found in the samples, channel by channel, and the warnings they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loads.trace import TraceWarning

_MOST_NAMES = 3
_MOST_DETAILS = 3


@dataclass(frozen=True)
class Finding:
    """One oddity in the channels named.

    Parameters
    ----------
    code
        Of the warning it becomes.
    channels
        That have it.
    count
        How often it occurred.
    detail
        What was found, in words.
    action
        What was done about it, in words; empty if the detail says all.
    """

    code: str
    channels: tuple[str, ...]
    count: int
    detail: str
    action: str = ""


def warnings_of(findings: Iterable[Finding], channels: Sequence[str]) -> tuple[TraceWarning, ...]:
    """Join the findings that concern some of the channels, one warning a code, in order of appearance."""
    wanted = set(channels)
    by_code: dict[str, list[Finding]] = {}
    for finding in findings:
        if wanted.intersection(finding.channels):
            by_code.setdefault(finding.code, []).append(finding)
    return tuple(
        TraceWarning(code, sum(finding.count for finding in same), _message(same, channels))
        for code, same in by_code.items()
    )


def names_in_words(names: Sequence[str], most: int = _MOST_NAMES) -> str:
    """Write the first names, and how many more there are."""
    more = len(names) - most
    text = ", ".join(names[:most])
    return f"{text} and {more} more" if more > 0 else text


def _message(findings: list[Finding], channels: Sequence[str]) -> str:
    by_detail: dict[str, list[str]] = {}
    for finding in findings:
        named = by_detail.setdefault(finding.detail, [])
        named.extend(name for name in finding.channels if name in channels)
    details = [_labelled(detail, names, channels) for detail, names in by_detail.items()]
    text = "; ".join(details[:_MOST_DETAILS])
    if len(details) > _MOST_DETAILS:
        text += f"; and {len(details) - _MOST_DETAILS} more of the kind"
    action = findings[0].action
    return f"{text}: {action}" if action else text


def _labelled(detail: str, names: list[str], channels: Sequence[str]) -> str:
    """Put the names in front, unless the detail holds for all channels."""
    return detail if set(names) >= set(channels) else f"{names_in_words(names)}: {detail}"
