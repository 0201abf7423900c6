"""Small results written from given signals, for tests of what reads them."""

from pathlib import Path

import numpy as np

from cosim.recorder import ChannelSpec, Recorder
from cosim.result import Result

UNITS = {
    "voltage_pu": "pu",
    "frequency_hz": "Hz",
    "speed_pu": "pu",
    "coi_hz": "Hz",
    "generator_mw": "MW",
    "line_mw": "MW",
    "rotor_angle_rad": "rad",
}


def write_run(
    folder: Path,
    time_s,
    channels: dict[str, dict[str, np.ndarray]],
    *,
    every_s=0.0,
    power_mw=None,
    demand=None,
    inertia=None,
    events=(),
    site_notes=None,
    **attributes,
) -> Result:
    """Record `channels` (name -> element -> values [time]) and one site, dc1, and open the result."""
    specs = {name: ChannelSpec(UNITS[name], tuple(elements)) for name, elements in channels.items()}
    columns = {name: np.column_stack(list(elements.values())) for name, elements in channels.items()}
    notes = {"name": "run", "nominal_hz": 60.0, "status": "completed", "step_s": 0.01} | attributes
    with Recorder(folder / "result.h5", specs, ["dc1"], every_s, notes, inertia=inertia) as recorder:
        for k, time in enumerate(time_s):
            recorder.record(time, {name: values[k] for name, values in columns.items()})
            if power_mw is not None:
                recorder.record_site("dc1", time, power_mw[k], 0.2 * power_mw[k], power_mw[k])
        if demand is not None:
            recorder.record_demand("dc1", *demand)
        for event in events:
            recorder.record_event(*event)
        for key, value in (site_notes or {}).items():
            recorder.set_site_attribute("dc1", key, value)
    return Result.open(folder)
