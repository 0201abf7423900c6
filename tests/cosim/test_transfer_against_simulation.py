"""A load that swings at one frequency, through the nonlinear engine, against the transfer function."""

import numpy as np
import pytest

import cosim
from cosim.linear.transfer import GridResponse
from cosim.modal_study import modal_study
from cosim.run_resonance import site_draws
from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.study import prepare_study

AMPLITUDE_MW, MEAN_MW, SAMPLE_S = 0.5, 20.0, 0.01

CASES = [
    # grid, bus, frequency on a mode or off it, duration, after which it has settled
    ("kundur", 9, 0.647, 60.0, 45.0),
    ("kundur", 5, 0.5, 50.0, 38.0),
    ("ieee39", 29, 0.999, 30.0, 18.0),
]


def scenario_of(case, bus, frequency_hz, duration_s, folder):
    time_s = np.arange(0.0, duration_s + 1.0, SAMPLE_S)
    # From its mean on, with no jump: what free oscillation there is fades before it is looked at.
    power_w = 1e6 * (MEAN_MW + AMPLITUDE_MW * np.sin(2 * np.pi * frequency_hz * time_s))
    file = folder / "load.csv"
    rows = "\n".join(f"{t:.4f},{p:.1f}" for t, p in zip(time_s, power_w, strict=True))
    file.write_text(f"time_s,power_w\n{rows}\n", encoding="utf-8")
    workload = {"type": "trace", "file": str(file), "scale_to": "count", "count": 1, "at_end": "hold"}
    return {
        "name": "forced",
        "grid": {"case": case},
        "sites": [
            {"name": "dc1", "bus": bus, "mode": "add", "rating_mw": 30.0, "power_factor": 0.95, "workloads": [workload]}
        ],
        "simulation": {"duration_s": duration_s, "step_s": 0.02},
    }


def amplitudes(time_s, values, frequency_hz):
    """Amplitude of each column at a frequency, by least squares with an offset and a slope."""
    w = 2 * np.pi * frequency_hz * time_s
    basis = np.column_stack([np.cos(w), np.sin(w), np.ones_like(w), time_s - time_s.mean()])
    found = np.linalg.lstsq(basis, values, rcond=None)[0]
    return np.hypot(found[0], found[1])


@pytest.mark.slow
@pytest.mark.parametrize(("case", "bus", "frequency_hz", "duration_s", "settled_s"), CASES)
def test_a_forced_swing_against_simulation(tmp_path, case, bus, frequency_hz, duration_s, settled_s):
    scenario = scenario_of(case, bus, frequency_hz, duration_s, tmp_path)
    result = cosim.run(scenario, tmp_path / "run")
    assert result.summary["status"] == "completed"
    source = Source(None, scenario)
    modal = modal_study(validate(source), source)
    study = prepare_study(validate(source), source)
    study.engine.initialise(
        study.start_level * [load.active_mw for load in study.loads],
        study.start_level * [load.reactive_mvar for load in study.loads],
    )
    draws = list(site_draws(study).values())
    response = GridResponse(modal.linear)
    demand = result.demand("dc1")
    drawn_mw = amplitudes(demand.index.to_numpy(), demand.to_numpy()[:, None], frequency_hz)[0]
    assert drawn_mw == pytest.approx(AMPLITUDE_MW, rel=0.1)
    for quantity, channel, scale in (
        ("speed", "speed_pu", 1e3 * modal.linear.nominal_hz),
        ("voltage", "voltage_pu", 1.0),
    ):
        frame = result.channel(channel)
        late = frame.index.to_numpy() >= settled_s
        seen = scale * amplitudes(frame.index.to_numpy()[late], frame.to_numpy()[late], frequency_hz)
        gain = np.abs(response.gain(quantity, draws, np.array([frequency_hz]))[0, :, 0])
        assert tuple(frame.columns) == response.elements(quantity)
        worst = gain.argmax()
        assert seen[worst] == pytest.approx(gain[worst] * drawn_mw, rel=0.05)
        large = gain > 0.3 * gain.max()
        assert seen[large] == pytest.approx(gain[large] * drawn_mw, rel=0.05)
    if frequency_hz == 0.647:
        first = result.summary["resonance"]["modes"][0]
        assert first["frequency_hz"] == pytest.approx(0.647, abs=0.005)
        machine = first["machine"]
        late = result.time_s >= settled_s
        seen = amplitudes(result.time_s[late], 6e4 * result.speed_pu[[machine]].to_numpy()[late], frequency_hz)[0]
        assert first["swing_mhz"] == pytest.approx(seen, rel=0.05)
