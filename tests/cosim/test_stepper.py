"""The stepper, compiled in a process of its own while a first run is made ready."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from numba import typeof

import cosim
from cosim import stepper
from cosim.cores import usable_cores
from cosim.node_kernel import run_nodes

SCENARIO = {
    "grid": {"case": "kundur"},
    "sites": [{"name": "dc", "bus": 7, "rating_mw": 10.0, "workloads": [{"type": "training"}]}],
    "simulation": {"engine": "compiled", "duration_s": 0.2},
}

FIRST_TIME = """
import os, sys

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
    if os.fork() == 0:  # such as the process of a run in a sweep
        stepper.wait()
        os._exit(0 if stepper.is_compiled() else 1)
    stepper.wait()
    assert process.returncode == 0
    assert os.wait()[1] == 0
    assert heard.names == ["run_nodes"], heard.names  # the wait, told as what it is for
    stepper.compile_now()
    run_nodes.compile(tuple(stepper.typeof(argument) for argument in stepper.arguments()))
assert heard.names == ["run_nodes"], heard.names
assert run_nodes.stats.cache_hits and not run_nodes.stats.cache_misses
assert stepper._folder().is_relative_to(sys.argv[1])
"""


def nothing_compiled(folder):
    """Environment of a process that keeps its machine code in a folder of its own."""
    return {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"} | {
        "COSIM_CACHE_DIR": str(folder)
    }


def test_a_run_has_the_types_that_are_compiled_ahead(tmp_path):
    assert cosim.run(SCENARIO, tmp_path, report=False).summary["provenance"]["engine"] == "compiled"
    assert set(run_nodes.signatures) == {tuple(typeof(argument) for argument in stepper.arguments())}


@pytest.mark.slow
@pytest.mark.skipif(usable_cores() == 1, reason="one core compiles nothing beside")
def test_a_first_run_finds_what_another_process_has_compiled(tmp_path):
    command = [sys.executable, "-c", FIRST_TIME, str(tmp_path)]
    done = subprocess.run(command, env=nothing_compiled(tmp_path), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def test_nothing_is_started_where_it_is_there(monkeypatch):
    monkeypatch.setattr(stepper, "is_compiled", lambda: True)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    assert stepper.compile_beside.__wrapped__() is None


def test_one_core_compiles_nothing_beside(monkeypatch):
    monkeypatch.setattr(stepper, "is_compiled", lambda: False)
    monkeypatch.setattr(stepper, "usable_cores", lambda: 1)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    assert stepper.compile_beside.__wrapped__() is None


def test_a_process_that_cannot_be_started_does_not_end_a_run(monkeypatch):
    monkeypatch.setattr(stepper, "is_compiled", lambda: False)
    monkeypatch.setattr(stepper, "usable_cores", lambda: 2)
    monkeypatch.setattr(sys, "executable", "")
    assert stepper.compile_beside.__wrapped__() is None


@pytest.mark.slow
def test_the_compiler_ends_with_the_process_that_wants_it(tmp_path):
    code = (
        "from cosim import stepper; import sys, time; stepper.usable_cores = lambda: 2; "
        "print(stepper.compile_beside().pid, flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code], env=nothing_compiled(tmp_path), stdout=subprocess.PIPE, text=True
    )
    compiler = int(owner.stdout.readline())
    owner.kill()
    owner.communicate()
    deadline = time.monotonic() + 20  # much less than compiling takes
    while _is_running(compiler):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _is_running(pid):
    """Whether a process is there and no zombie, which one without a reaper of orphans may stay."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
