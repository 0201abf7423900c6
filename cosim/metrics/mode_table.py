"""Modes seen in a run: dominant frequency and damping of each band, and which oscillations the load forces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.metrics.band_filter import band_pass
from cosim.metrics.demand import Demand
from cosim.metrics.frequency import centre_of_inertia, centre_weights
from cosim.metrics.modes import Mode, find_modes
from cosim.metrics.power_band import amplitude_spectrum
from cosim.metrics.section import Place, Section
from cosim.result import Result

if TYPE_CHECKING:
    from cosim.metrics.oscillation import Signals

Array = NDArray[np.float64]

MODE_KEYS = ("min_damping_percent", "min_damping_hz", "modes")
AFTER_EVENT_S = 0.5
"""The network's own transient after an event is over."""
LEAST_S, MOST_S = 5.0, 40.0
"""Shortest and longest stretch in which modes are looked for."""
HIGHEST_HZ = 5.0
CHANNELS = 4
"""Generators in which modes are looked for together: those that swing most."""
DAMPED_BAND_HZ = (0.1, 2.0)
"""Where the damping of natural modes is judged."""
SMALLEST_MHZ = 0.05
"""Oscillations smaller than this matter to nobody, and their damping is not judged."""
SMALLEST_SHARE = 0.05
"""Nor of those smaller than this share of the largest one: what noise leaves beside a large swing."""
FORCED_HZ = 0.02
FORCED_SHARE = 0.01
"""The load moves at a frequency if its spectrum there is at least this share of its largest line."""
FADES = 3.0
"""Where the load moves, an oscillation is natural only if it is this much larger early in the stretch than late."""
AROUND = 1.25
"""How much of its surroundings, as a factor of frequency, is looked at for that."""
STEADY_LOAD = 1e-5
"""A load that moves by less than this share of its mean forces nothing."""


def add_modes(
    section: Section,
    result: Result,
    speeds: Signals | None,
    load: Signals | None,
    at_s: Array,
    rate_hz: float,
    bands_hz: Mapping[str, tuple[float, float]],
) -> None:
    """Add modes to the oscillation section.

    Parameters
    ----------
    speeds, load
        Generator frequencies in mHz and the sites' total load in MW, on the times `at_s`.
    """
    reasons, values = section.reasons, section.values
    bands = [f"oscillation.{band}" for band in bands_hz]
    stretch = quiet_stretch(result.events, at_s)
    if speeds is None or isinstance(stretch, str):
        why = stretch if isinstance(stretch, str) else "no generator's speed is known throughout"
        for path in (*(f"oscillation.{key}" for key in MODE_KEYS), *(f"{band}.dominant_hz" for band in bands)):
            reasons[path] = why
        reasons.update({f"{band}.damping_percent": why for band in bands})
        return
    inside = slice(*stretch)
    relative = _against_centre(result, speeds)[inside]
    modes, names = _modes(relative, speeds.names, rate_hz)
    load_mw = None if load is None else load.values[inside, 0]
    load_lines = None if load_mw is None else _forcing(load_mw, rate_hz)
    columns = [speeds.names.index(name) for name in names]
    driven = [_is_forced(mode, relative[:, columns], load_mw, rate_hz, load_lines) for mode in modes]
    table = _table(modes, names, driven, bands_hz)
    values["modes"] = table
    for band, (low_hz, high_hz) in bands_hz.items():
        path = f"oscillation.{band}"
        found = [entry for entry in table if low_hz <= entry["frequency_hz"] < high_hz]
        if not found:
            why = (
                "no oscillation stands out"
                if high_hz <= HIGHEST_HZ
                else f"modes above {HIGHEST_HZ:g} Hz are not sought"
            )
            reasons.update({f"{path}.{key}": why for key in ("dominant_hz", "damping_percent")})
            continue
        largest = max(found, key=lambda entry: entry["amplitude"])
        values[band] |= {"dominant_hz": largest["frequency_hz"], "damping_percent": largest["damping_percent"]}
        for key in ("dominant_hz", "damping_percent"):
            section.places[f"{path}.{key}"] = Place(largest["signal"])
    smallest = max([SMALLEST_MHZ, *(SMALLEST_SHARE * entry["amplitude"] for entry in table)])
    natural = [e for e in table if not e["forced"] and e["amplitude"] >= smallest]
    natural = [e for e in natural if DAMPED_BAND_HZ[0] <= e["frequency_hz"] <= DAMPED_BAND_HZ[1]]
    if not natural:
        forced = any(entry["forced"] for entry in table)
        why = "the load drives every oscillation that is seen" if forced else "no free oscillation is seen"
        reasons |= {f"oscillation.{key}": why for key in ("min_damping_percent", "min_damping_hz")}
        return
    least = min(natural, key=lambda entry: entry["damping_percent"])
    values |= {"min_damping_percent": least["damping_percent"], "min_damping_hz": least["frequency_hz"]}
    section.places["oscillation.min_damping_percent"] = Place(least["signal"])


def quiet_stretch(events: pd.DataFrame, at_s: Array) -> tuple[int, int] | str:
    """First row and end of the stretch in which modes are looked for, or why there is none.

    It is what follows the last event, if that is long enough, or else the longest time between events.
    """
    times_s = np.unique(np.concatenate([[at_s[0]], events["time_s"].to_numpy(dtype=float) + AFTER_EVENT_S]))
    times_s = times_s[times_s < at_s[-1]]
    ends_s = np.append(times_s[1:] - AFTER_EVENT_S, at_s[-1])
    lengths_s = ends_s - times_s
    last = len(lengths_s) - 1
    chosen = last if lengths_s[last] >= 2 * LEAST_S else int(lengths_s.argmax())
    if lengths_s[chosen] < LEAST_S:
        return f"no stretch of {LEAST_S:g} s without an event"
    end_s = min(ends_s[chosen], times_s[chosen] + MOST_S)
    first, stop = np.searchsorted(at_s, [times_s[chosen] - 1e-9, end_s + 1e-9])
    return int(first), int(stop)


def _against_centre(result: Result, speeds: Signals) -> Array:
    """Speeds [time, generator] less that of the centre of inertia; of a single machine, as they are."""
    if speeds.values.shape[1] == 1:
        return speeds.values
    inertia = result.inertia_mws
    if inertia is not None:
        by_name = dict(zip(result.elements("speed_pu"), inertia, strict=True))
        inertia = np.array([by_name[name] for name in speeds.names])
    centre = centre_of_inertia(speeds.values, centre_weights(inertia, speeds.values.shape[1]))
    return speeds.values - centre[:, None]


def _modes(relative: Array, names: tuple[str, ...], rate_hz: float) -> tuple[list[Mode], list[str]]:
    """Modes that the generators which swing most share, and these generators' names."""
    chosen = np.argsort(-np.ptp(relative, axis=0), kind="stable")[:CHANNELS]
    return find_modes(relative[:, chosen], rate_hz, DAMPED_BAND_HZ[0], HIGHEST_HZ), [names[k] for k in chosen]


def _forcing(load_mw: Array, rate_hz: float) -> tuple[Array, Array] | None:
    """Frequencies at which the load moves: spectrum's frequencies and whether each counts; None for a steady load."""
    if np.ptp(load_mw) <= STEADY_LOAD * np.abs(load_mw).mean():
        return None
    frequency_hz, amplitude = amplitude_spectrum(Demand(load_mw, 1 / rate_hz))
    seen = (frequency_hz >= DAMPED_BAND_HZ[0]) & (frequency_hz <= HIGHEST_HZ)
    return frequency_hz, seen & (amplitude >= FORCED_SHARE * amplitude[seen].max(initial=0.0))


def _table(
    modes: list[Mode],
    names: list[str],
    driven: list[bool],
    bands_hz: Mapping[str, tuple[float, float]],
) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = []
    for mode, is_forced in zip(modes, driven, strict=True):
        largest = int(np.argmax(mode.amplitude))
        band = next((b for b, (low, high) in bands_hz.items() if low <= mode.frequency_hz < high), None)
        table.append(
            {
                "signal": names[largest],
                "frequency_hz": mode.frequency_hz,
                "damping_percent": mode.damping_percent,
                "amplitude": mode.amplitude[largest],
                "unit": "mHz",
                "band": band,
                "forced": is_forced,
            }
        )
    natural = [entry for entry in table if not entry["forced"]]
    for entry in table:
        nearest = min(natural, key=lambda n: abs(n["frequency_hz"] - entry["frequency_hz"]), default=None)
        if nearest is None or not entry["forced"]:
            entry |= dict.fromkeys(("nearest_natural_hz", "nearest_natural_damping_percent", "distance_hz"))
            continue
        entry["nearest_natural_hz"] = nearest["frequency_hz"]
        entry["nearest_natural_damping_percent"] = nearest["damping_percent"]
        entry["distance_hz"] = abs(nearest["frequency_hz"] - entry["frequency_hz"])
    return table


def _is_forced(
    mode: Mode, relative: Array, load_mw: Array | None, rate_hz: float, load_lines: tuple[Array, Array] | None
) -> bool:
    """Whether the load moves at a mode's frequency and the oscillation goes on as it began.

    It goes on if the mode itself hardly decays, or if all that is seen around its frequency does not: the second alone
    would take what the load drives beside a ringdown of a near frequency for a part of that ringdown. One that grows
    more than the load does is no answer to the load.
    """
    if load_lines is None or load_mw is None:
        return False
    frequencies, moves = load_lines
    within_hz = max(FORCED_HZ, frequencies[0])  # the first is the distance between them
    if not moves[np.abs(frequencies - mode.frequency_hz) <= within_hz].any():
        return False
    pair = np.column_stack([relative[:, int(np.argmax(mode.amplitude))], load_mw])
    around = band_pass(pair, rate_hz, mode.frequency_hz / AROUND, mode.frequency_hz * AROUND)
    third = around.shape[0] // 3
    early, load_early = np.std(around[:third], axis=0)
    late, load_late = np.std(around[-third:], axis=0)
    if late * load_early > FADES * early * max(load_early, load_late):
        return False
    ratio = mode.damping_percent / 100
    decay_per_s = 2 * np.pi * mode.frequency_hz * ratio / np.sqrt(1 - ratio**2)
    between_s = 2 * third / rate_hz  # the middles of the first and the last third
    return bool(decay_per_s * between_s < np.log(FADES) or early < FADES * late)
