"""When a site leaves the grid and how it comes back: ride-through, transfer to UPS, return, recharge.

`build` makes flat arrays of a site's settings; compiled functions then step through voltage and frequency. At each
step the loop asks `share` and `recharge` for the site's power at its end and `due` whether something happens within it;
when the step is final it calls `account`, `observe`, and where something is due `act`.
"""

from loads.protection.fleet import EnergyReport, LogEntry, Protection, build
from loads.protection.kernel import act, due, manual_return, observe
from loads.protection.power import account, recharge, share
from loads.protection.presets import (
    NamedEnvelope,
    ProtectionPreset,
    envelopes,
    find_envelope,
    find_protection,
    protection_presets,
)
from loads.protection.reading import envelope_from_dict, settings_from_dict
from loads.protection.settings import (
    Electronic,
    Envelope,
    EventCounter,
    ProtectionSettings,
    Return,
    Row,
    Spread,
    Ups,
)

__all__ = [
    "Electronic",
    "EnergyReport",
    "Envelope",
    "EventCounter",
    "LogEntry",
    "NamedEnvelope",
    "Protection",
    "ProtectionPreset",
    "ProtectionSettings",
    "Return",
    "Row",
    "Spread",
    "Ups",
    "account",
    "act",
    "build",
    "due",
    "envelope_from_dict",
    "envelopes",
    "find_envelope",
    "find_protection",
    "manual_return",
    "observe",
    "protection_presets",
    "recharge",
    "settings_from_dict",
    "share",
]
