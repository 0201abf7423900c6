"""The stepper, compiled in a process of its own while a first run is made ready."""

import os
import subprocess
import sys

import pytest
from numba import typeof

import cosim
from cosim import stepper
from cosim.node_kernel import run_nodes

SCENARIO = {
    "grid": {"case": "kundur"},
    "sites": [{"name": "dc", "bus": 7, "rating_mw": 10.0, "workloads": [{"type": "training"}]}],
    "simulation": {"engine": "compiled", "duration_s": 0.2},
}

FIRST_TIME = """
import sys

from numba.core.event import Listener, install_listener

from cosim import stepper
from cosim.node_kernel import run_nodes


class Heard(Listener):
    def __init__(self):
        self.names = []

    def on_start(self, event):
        self.names.append(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event):
        pass


heard = Heard()
with install_listener("numba:compile", heard):
    process = stepper.compile_beside()
    stepper.wait()
    assert process.returncode == 0
    assert heard.names == ["run_nodes"], heard.names  # the wait, told as what it is for
    stepper.compile_now()
    run_nodes.compile(tuple(stepper.typeof(argument) for argument in stepper.arguments()))
assert heard.names == ["run_nodes"], heard.names
assert run_nodes.stats.cache_hits and not run_nodes.stats.cache_misses
assert stepper._folder().is_relative_to(sys.argv[1])
"""


def test_a_run_has_the_types_that_are_compiled_ahead(tmp_path):
    assert cosim.run(SCENARIO, tmp_path, report=False).summary["provenance"]["engine"] == "compiled"
    assert set(run_nodes.signatures) == {tuple(typeof(argument) for argument in stepper.arguments())}


@pytest.mark.slow
def test_a_first_run_finds_what_another_process_has_compiled(tmp_path):
    kept = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    command = [sys.executable, "-c", FIRST_TIME, str(tmp_path)]
    done = subprocess.run(
        command, env=kept | {"COSIM_CACHE_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr


def test_nothing_is_started_where_it_is_there(monkeypatch):
    monkeypatch.setattr(stepper, "is_compiled", lambda: True)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    stepper.compile_beside.cache_clear()
    assert stepper.compile_beside() is None


def test_one_core_compiles_nothing_beside(monkeypatch):
    monkeypatch.setattr(stepper, "is_compiled", lambda: False)
    monkeypatch.setattr(stepper, "usable_cores", lambda: 1)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    stepper.compile_beside.cache_clear()
    assert stepper.compile_beside() is None
