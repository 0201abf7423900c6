import copy
import json
import pickle

import h5py
import numpy as np
import pandas as pd
import pytest
from recorded_runs import write_run

from cosim.result import Result, ResultError

TIME_S = np.array([0.0, 0.5, 1.0])


@pytest.fixture
def run(tmp_path):
    return write_run(
        tmp_path,
        TIME_S,
        {"voltage_pu": {"1": np.array([1.0, 0.8, 0.9]), "Köln": np.array([1.0, 1.1, 1.2])}},
        power_mw=[10.0, 20.0, 30.0],
        demand=(0.25, [1.0, 2.0, 3.0, 4.0]),
        events=[(0.5, "fault", "at bus 1")],
        scenario="name: x\n",
        end_time_s=1.0,
        site_notes={"bus": "Köln", "energy_error": 1e-7},
    )


def test_channel(run):
    frame = run.voltage_pu
    expected = pd.DataFrame({"1": [1.0, 0.8, 0.9], "Köln": [1.0, 1.1, 1.2]}, index=pd.Index(TIME_S, name="time_s"))
    pd.testing.assert_frame_equal(frame, expected)
    assert frame.attrs["unit"] == "pu"
    assert run.has_channel("voltage_pu")
    assert not run.has_channel("speed_pu")
    np.testing.assert_array_equal(run.time_s, TIME_S)


def test_site_demand_extrema_events(run):
    assert list(run.site("dc1").columns) == ["power_mw", "reactive_mvar", "command_mw"]
    assert run.site("dc1").index.name == "time_s"
    assert run.site("dc1")["power_mw"].tolist() == [10.0, 20.0, 30.0]
    assert run.demand("dc1").to_dict() == {0.0: 1.0, 0.25: 2.0, 0.5: 3.0, 0.75: 4.0}
    assert run.site_attributes("dc1") == {"bus": "Köln", "energy_error": 1e-7}
    extrema = run.extrema("voltage_pu")
    assert extrema.loc["1"].to_dict() == {"min": 0.8, "min_time_s": 0.5, "max": 1.0, "max_time_s": 0.0}
    assert run.events.to_dict("records") == [{"time_s": 0.5, "kind": "fault", "description": "at bus 1"}]


def test_attributes_are_plain(run):
    notes = run.attributes
    assert notes["nominal_hz"] == 60.0
    assert {type(value) for value in notes.values()} <= {str, int, float, bool}
    assert run.scenario_text == "name: x\n"
    assert repr(run) == "<Result run: completed, 1 s, 3 rows of voltage_pu; sites: dc1>"


def test_summary_from_file_beside_then_from_attribute(run):
    with pytest.raises(ResultError, match="no summary"):
        _ = run.summary
    run.path.with_name("summary.json").write_text(json.dumps({"from": "file"}))
    assert run.summary == {"from": "file"}
    with h5py.File(run.path, "r+") as file:
        file.attrs["summary"] = json.dumps({"from": "attribute"})
    assert run.summary == {"from": "attribute"}


def test_run_without_channels_or_events(tmp_path):
    run = write_run(tmp_path, [], {})
    assert run.channels == ()
    assert run.events.empty
    assert run.site("dc1").empty
    assert run.inertia_mws is None


def test_copies_and_pickles(run):
    assert copy.copy(run).sites == pickle.loads(pickle.dumps(run)).sites == ("dc1",)


def test_file_cut_between_two_datasets_is_read_to_the_shorter(run):
    with h5py.File(run.path, "r+") as file:
        file["channels/voltage_pu"].resize(2, axis=0)
        file["sites/dc1/command_mw"].resize(1, axis=0)
    assert Result.open(run.path).voltage_pu.index.tolist() == [0.0, 0.5]
    assert len(run.site("dc1")) == 1


def test_errors_say_what_and_what_else(run, tmp_path):
    with pytest.raises(ResultError, match=r"no channel .voltage. was recorded; did you mean 'voltage_pu'"):
        run.channel("voltage")
    with pytest.raises(ResultError, match="there are dc1"):
        run.site("xyz")
    with pytest.raises(AttributeError, match="speed_pu"):
        _ = run.speed_pu
    with pytest.raises(ResultError, match="no such result file"):
        Result.open(tmp_path / "nowhere")
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(ResultError, match="cannot be read as HDF5"):
        Result.open(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w"):
        pass
    with pytest.raises(ResultError, match="not a cosim result"):
        Result.open(tmp_path / "other.h5")


def test_parts_of_a_channel_without_the_whole(run, monkeypatch):
    monkeypatch.setattr("cosim.result.BLOCK_ROWS", 1)
    whole = run.voltage_pu
    last = whole.columns[-1]
    assert run.channel("voltage_pu", [last]).equals(whole[[last]])
    assert run.elements("voltage_pu") == list(whole.columns)
    envelope = run.envelope("voltage_pu")
    assert envelope["min"].tolist() == whole.min(axis=1).tolist()
    assert envelope["max"].tolist() == whole.max(axis=1).tolist()
    with pytest.raises(ResultError, match="no element of channel voltage_pu named"):
        run.channel("voltage_pu", ["nowhere"])
