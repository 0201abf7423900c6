"""The stepper that all grids share, compiled in a process of its own while a run's other code is made ready.

It is compiled once on a machine, and takes longest of all; numba compiles one function at a time in a process.
"""

import atexit
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import filelock
import numpy as np
from numba import typeof
from numba.core.event import trigger_event

from cosim.compiled.grid_layout import Grid
from cosim.cores import usable_cores
from cosim.node_kernel import Loads, Nodes, Rows, Sites, Watch, run_nodes

_COMPILE = "from cosim.stepper import compile_now; compile_now()"


def is_compiled() -> bool:
    """Whether it is on disk: if not, the first run takes much longer."""
    return any(_folder().glob("node_kernel.run_nodes-*.nbi"))


@cache
def compile_beside() -> subprocess.Popen[bytes] | None:
    """Start to compile it, unless that has been done or there is no second processor; `wait` waits for it."""
    if is_compiled() or usable_cores() == 1:
        return None
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _COMPILE],
        env={**os.environ, "NUMBA_CACHE_DIR": str(_folder().parents[1])},  # ours is temporary where it is only read
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # what fails there is tried again here
    )
    atexit.register(process.terminate)
    return process


def wait() -> None:
    """Return once the other process has compiled it; told to who listens to numba as a compilation."""
    process = compile_beside()
    if process is not None and process.poll() is None:
        with trigger_event("numba:compile", data={"dispatcher": run_nodes}):
            process.wait()


def compile_now() -> None:
    """Compile it in this process, for `run_nodes` of every scenario to find on disk."""
    with filelock.FileLock(_folder() / "stepper.lock"):  # many runs may start at once
        if not is_compiled():
            run_nodes.compile(tuple(typeof(argument) for argument in arguments()))


def arguments() -> tuple[Any, ...]:
    """Arguments of `run_nodes` with nothing in them, of the types that all scenarios have."""
    numbers, table, block = (np.empty((0,) * axes) for axes in (1, 2, 3))
    whole, flags = np.empty(0, dtype=np.int64), np.empty(0, dtype=bool)
    return (
        Grid(whole, numbers, numbers, whole, whole, whole),
        Loads(numbers, numbers, 0.0, whole, whole, numbers),
        Sites(table, whole, whole, whole, table),
        Watch(False, 0.0, table, table, whole, whole),
        Nodes(0, numbers, flags, table, table, table, table),
        Rows(numbers, flags, whole, whole, table, table, block),
    )


def _folder() -> Path:
    """Where numba keeps its machine code."""
    return Path(run_nodes.stats.cache_path)
