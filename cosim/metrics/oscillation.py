"""Oscillations by frequency band: swings of generators, lines, voltages and load, and what they amplify."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.metrics.band_filter import band_pass
from cosim.metrics.mode_table import MODE_KEYS, add_modes
from cosim.metrics.section import Place, Section, not_recorded
from cosim.metrics.uniform import even_times, resampled
from cosim.result import Result

Array = NDArray[np.float64]

BANDS_HZ = {"inter_area": (0.1, 0.8), "local": (0.8, 2.0), "control": (2.0, 5.0), "torsional": (5.0, 55.0)}
SWINGING_LINES = 20
"""Lines whose bands are looked at, besides all tie lines: those that swing most over the record."""
NEGLIGIBLE_LOAD = 1e-4
"""A load that swings in a band by less than this share of its mean amplifies nothing."""
_KEYS = {
    "frequency": ("frequency_peak_to_peak_mhz", "frequency_rms_mhz", "frequency_generator"),
    "generator": ("generator_peak_to_peak_mw", "generator_rms_mw", "swinging_generator"),
    "line": ("line_peak_to_peak_mw", "line_rms_mw", "swinging_line"),
    "tie": ("tie_peak_to_peak_mw", None, "swinging_tie_line"),
    "voltage": ("voltage_peak_to_peak_pu", "voltage_rms_pu", "voltage_bus"),
    "load": ("load_peak_to_peak_mw", "load_rms_mw", None),
}
"""Kind of signal -> keys of its swing, its rms and the element that swings most."""
_AMPLIFICATIONS = {"generator_amplification": "generator", "tie_amplification": "tie"}


@dataclass(frozen=True)
class Signals:
    """Signals of one kind: values [time, element] and the elements' names."""

    values: Array
    names: tuple[str, ...]


def template() -> dict[str, Any]:
    """Every key of the section, with nothing assessed."""
    keys = [key for triple in _KEYS.values() for key in triple if key]
    keys += ["dominant_hz", "damping_percent", *_AMPLIFICATIONS]
    return {name: dict.fromkeys(keys) for name in BANDS_HZ} | dict.fromkeys(MODE_KEYS)


def assess(result: Result) -> Section:
    """Assess the oscillation section of a run's metrics."""
    section = Section(template())
    if result.time_s.size < 2:
        section.reasons["oscillation"] = "no time step was stored"
        return section
    at_s, rate_hz = even_times(result.time_s)
    signals, reasons = _signals(result, at_s)
    for band in BANDS_HZ:
        _add_band(section, band, signals, reasons, (at_s.size, rate_hz))
    add_modes(section, result, signals.get("frequency"), signals.get("load"), at_s, rate_hz, BANDS_HZ)
    return section


def _signals(result: Result, at_s: Array) -> tuple[dict[str, Signals], dict[str, str]]:
    """Signals of each kind on even times, and why a kind has none."""
    found: dict[str, Signals] = {}
    reasons: dict[str, str] = {}
    nominal_hz = float(result.attributes["nominal_hz"])
    sources = {"frequency": ("speed_pu", 1e3 * nominal_hz), "generator": ("generator_mw", 1.0)}
    for kind, (channel, scale) in sources.items():
        names = result.elements(channel) if result.has_channel(channel) else []
        _take(result, found, reasons, kind, channel, names, at_s, scale)
    network = result.network
    ties = [] if network is None else list(network.tie_lines)
    if result.has_channel("line_mw"):
        table = result.extrema("line_mw").dropna()
        swings = (table["max"] - table["min"]).sort_values(ascending=False, kind="stable")
        known = set(table.index)
        ties = [name for name in ties if name in known]
        chosen = list(dict.fromkeys([*swings.index[:SWINGING_LINES], *ties]))
        _take(result, found, reasons, "line", "line_mw", chosen, at_s)
        if "line" in found and ties:
            columns = [found["line"].names.index(name) for name in ties if name in found["line"].names]
            if columns:
                lines = found["line"]
                found["tie"] = Signals(lines.values[:, columns], tuple(lines.names[k] for k in columns))
        reasons.setdefault("tie", "no lines between areas are known")
    else:
        reasons |= dict.fromkeys(("line", "tie"), not_recorded("line_mw"))
    pois = dict.fromkeys(str(result.site_attributes(name).get("bus")) for name in result.sites)
    if not pois:
        reasons |= dict.fromkeys(("voltage", "load"), "the scenario has no sites")
        return found, reasons
    recorded = result.elements("voltage_pu") if result.has_channel("voltage_pu") else []
    _take(result, found, reasons, "voltage", "voltage_pu", [bus for bus in pois if bus in recorded], at_s)
    draws = [result.site(name, ["power_mw"]) for name in result.sites]
    load_mw = np.zeros(at_s.size)
    for draw in draws:
        if not draw.empty:
            load_mw += np.interp(at_s, draw.index.to_numpy(), draw["power_mw"].to_numpy())
    if any(draw.empty for draw in draws):
        reasons["load"] = "no time step was stored for a site"
    elif np.isfinite(load_mw).all():
        found["load"] = Signals(load_mw[:, None], ("total",))
    else:
        reasons["load"] = "the sites' power is not finite throughout"
    return found, reasons


def _take(
    result: Result,
    found: dict[str, Signals],
    reasons: dict[str, str],
    kind: str,
    channel: str,
    names: list[str],
    at_s: Array,
    scale: float = 1.0,
) -> None:
    """Take the elements of a channel that are finite throughout."""
    if not result.has_channel(channel):
        reasons[kind] = not_recorded(channel)
        return
    frame = result.channel(channel, names)
    values = frame.to_numpy()
    whole = np.isfinite(values).all(axis=0) if values.size else np.zeros(len(names), dtype=bool)
    if not whole.any():
        reasons[kind] = f"no element of channel {channel} is finite throughout"
        return
    values = scale * resampled(frame.index.to_numpy(), values[:, whole], at_s)
    found[kind] = Signals(values, tuple(frame.columns[whole]))


def _add_band(
    section: Section, band: str, signals: dict[str, Signals], reasons: dict[str, str], sampling: tuple[int, float]
) -> None:
    low_hz, high_hz = BANDS_HZ[band]
    path, values = f"oscillation.{band}", section.values[band]
    count, rate_hz = sampling
    if low_hz >= rate_hz / 2:
        section.reasons[path] = f"{rate_hz:g} rows a second do not show {low_hz:g} Hz"
        return
    if count < rate_hz / low_hz:
        section.reasons[path] = f"the record is shorter than one period of {low_hz:g} Hz"
        return
    swings: dict[str, float] = {}
    filtered: dict[str, Array] = {}
    for kind, (swing_key, rms_key, name_key) in _KEYS.items():
        keys = [key for key in (swing_key, rms_key) if key]
        if kind not in signals:
            section.reasons.update({f"{path}.{key}": reasons.get(kind, "not known") for key in keys})
            continue
        if kind == "tie":
            columns = [signals["line"].names.index(name) for name in signals["tie"].names]
            filtered[kind] = filtered["line"][:, columns]
        else:
            filtered[kind] = band_pass(signals[kind].values, rate_hz, low_hz, high_hz)
        swing = np.ptp(filtered[kind], axis=0)
        worst = int(swing.argmax())
        swings[kind] = float(swing[worst])
        values[swing_key] = swings[kind]
        if rms_key:
            values[rms_key] = float(np.sqrt(np.mean(filtered[kind][:, worst] ** 2)))
        where = signals[kind].names[worst]
        if name_key:
            values[name_key] = where
        section.places.update({f"{path}.{key}": Place(where) for key in keys})
        if high_hz > rate_hz / 2 * (1 + 1e-9):
            why = f"{rate_hz:g} rows a second show nothing above {rate_hz / 2:g} Hz"
            section.lower_bounds.update({f"{path}.{key}": why for key in keys})
    for key, kind in _AMPLIFICATIONS.items():
        if "load" not in swings or kind not in swings:
            section.reasons[f"{path}.{key}"] = reasons.get("load" if "load" not in swings else kind, "not known")
        elif swings["load"] <= NEGLIGIBLE_LOAD * np.abs(signals["load"].values).mean():
            section.reasons[f"{path}.{key}"] = "the load does not swing in this band"
        else:
            values[key] = swings[kind] / swings["load"]
            section.places[f"{path}.{key}"] = section.places[f"{path}.{_KEYS[kind][0]}"]
