"""Swings of generators and lines: largest less smallest value over the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.metrics.frequency import centre_of_inertia, centre_weights
from cosim.metrics.section import Place, Section, finite, not_recorded
from cosim.result import Result

Array = NDArray[np.float64]


def generator_template() -> dict[str, Any]:
    """Every key of ``metrics.generator``, with nothing assessed."""
    keys = ("swing_mw", "swing_generator", "swing_percent", "swing_percent_generator")
    return dict.fromkeys((*keys, "angle_swing_deg", "angle_swing_generator"))


def line_template() -> dict[str, Any]:
    """Every key of ``metrics.line``, with nothing assessed."""
    keys = ("swing_mw", "swing_line", "swing_percent", "swing_percent_line", "tie_swing_mw", "tie_swing_line")
    return dict.fromkeys(keys)


def assess_generators(result: Result) -> Section:
    """Assess ``metrics.generator`` of a run. Only the time for which a machine runs counts."""
    section = Section(generator_template())
    network = result.network
    rating_mva = {} if network is None else {g.name: g.rating_mva for g in network.generators if not g.infinite}
    if not result.has_channel("generator_mw"):
        why = not_recorded("generator_mw")
        section.reasons.update({f"generator.{key}": why for key in ("swing_mw", "swing_percent")})
    else:
        _add(section, "generator.swing", "generator", _generator_swings(result), rating_mva)
    angles = _angle_swings(result)
    if isinstance(angles, str):
        section.reasons["generator.angle_swing_deg"] = angles
    else:
        worst = str(angles.idxmax())
        section.values.update({"angle_swing_deg": angles[worst], "angle_swing_generator": worst})
        section.places["generator.angle_swing_deg"] = Place(worst)
    return section


def assess_lines(result: Result) -> Section:
    """Assess ``metrics.line`` of a run. A line that trips swings by what it carried."""
    section = Section(line_template())
    if not result.has_channel("line_mw"):
        section.reasons["line"] = not_recorded("line_mw")
        return section
    network = result.network
    rating_mva = {} if network is None else {x.name: x.rating_mva for x in network.lines if x.rating_mva}
    swings = _swings(result, "line_mw")
    _add(section, "line.swing", "line", swings, rating_mva)
    ties = swings[swings.index.isin(() if network is None else network.tie_lines)]
    if ties.empty:
        why = "the lines' ends were not stored" if network is None else "the grid has no lines between areas"
        section.reasons["line.tie_swing_mw"] = why
    else:
        worst = str(ties.idxmax())
        section.values.update({"tie_swing_mw": ties[worst], "tie_swing_line": worst})
        section.places["line.tie_swing_mw"] = Place(worst)
    return section


def _add(section: Section, path: str, kind: str, swings: pd.Series, rating_mva: Mapping[str, float | None]) -> None:
    """Add the largest swing in MW and, where ratings are known, in percent of the rating."""
    if swings.empty:
        section.reasons.update({f"{path}_{unit}": "the run left no finite value" for unit in ("mw", "percent")})
        return
    worst = str(swings.idxmax())
    section.values.update({"swing_mw": swings[worst], f"swing_{kind}": worst})
    section.places[f"{path}_mw"] = Place(worst)
    rated = swings[swings.index.isin(list(rating_mva))]
    if rated.empty:
        section.reasons[f"{path}_percent"] = f"no rating of a {kind} is known"
        return
    percent = 100 * rated / pd.Series({name: rating_mva[name] for name in rated.index})
    worst = str(percent.idxmax())
    section.values.update({"swing_percent": percent[worst], f"swing_percent_{kind}": worst})
    section.places[f"{path}_percent"] = Place(worst)


def _swings(result: Result, channel: str) -> pd.Series:
    """Peak to peak of each element over all nodes."""
    table = result.extrema(channel).dropna()
    return table["max"] - table["min"]


def _generator_swings(result: Result) -> pd.Series:
    """Peak to peak of each generator's power; of one that trips, over the stored rows before."""
    swings = _swings(result, "generator_mw")
    if not result.has_channel("speed_pu"):
        return swings
    speeds = result.channel("speed_pu")
    tripped = [name for name in speeds.columns[speeds.isna().any()] if name in swings.index]
    if tripped:
        power_mw = result.channel("generator_mw", tripped).where(speeds[tripped].notna())
        swings[tripped] = power_mw.max() - power_mw.min()
    return swings.dropna()


def _angle_swings(result: Result) -> pd.Series | str:
    """Peak to peak in degrees of each rotor's angle against the centre of inertia, or why there is none."""
    if not result.has_channel("rotor_angle_rad"):
        return not_recorded("rotor_angle_rad")
    frame = result.channel("rotor_angle_rad")
    angle_rad = finite(frame.to_numpy())
    angle_rad = angle_rad[np.isfinite(angle_rad).any(axis=1)]  # a diverged run may end in nothing
    throughout = np.isfinite(angle_rad).all(axis=0)
    if not angle_rad.size or not throughout.any():
        return "no generator ran throughout"
    inertia = None if result.inertia_mws is None else result.inertia_mws[throughout]
    weights = centre_weights(inertia, int(throughout.sum()))
    # One centre for the whole record, so that a trip does not move it; a machine that trips counts while it runs.
    centre = centre_of_inertia(angle_rad[:, throughout], weights)
    ran = np.isfinite(angle_rad).any(axis=0)
    against_rad = angle_rad[:, ran] - centre[:, None]
    swing_deg = np.degrees(np.nanmax(against_rad, axis=0) - np.nanmin(against_rad, axis=0))
    return pd.Series(swing_deg, index=frame.columns[ran])
