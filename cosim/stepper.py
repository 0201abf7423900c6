"""The stepper that all grids share, compiled in a process of its own while a run's other code is made ready.

It is compiled once on a machine, and takes longest of all; numba compiles one function at a time in a process.
"""

import os
import subprocess
import sys
import threading
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


def is_compiled() -> bool:
    """Whether it is on disk: if not, the first run takes much longer."""
    return any(_folder().glob("node_kernel.run_nodes-*.nbi"))


@cache
def compile_beside() -> subprocess.Popen[bytes] | None:
    """Start to compile it, unless that has been done or there is no second processor; `wait` waits for it."""
    if is_compiled() or usable_cores() == 1:
        return None
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", "from cosim.stepper import compile_for_another; compile_for_another()"],
            env={**os.environ, "NUMBA_CACHE_DIR": str(_folder().parents[1])},  # ours may be a copy
            stdin=subprocess.PIPE,  # nothing comes through either, but the end of the process at the other side
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what fails there is tried again here
        )
    except OSError:
        return None


def wait() -> None:
    """Return once the other process has compiled it; told to who listens to numba as a compilation."""
    process = compile_beside()
    if process is None or process.returncode is not None:
        return
    assert process.stdout is not None
    with trigger_event("numba:compile", data={"dispatcher": run_nodes}):
        process.stdout.read()  # waits also where this process was forked from the one that started the other
        process.wait()


def compile_for_another() -> None:
    """Compile it, but end as soon as the process that wants it is gone."""

    def end_with_owner() -> None:
        os.read(0, 1)
        os._exit(1)

    threading.Thread(target=end_with_owner, daemon=True).start()
    compile_now()


def compile_now() -> None:
    """Compile it in this process, for `run_nodes` of every scenario to find on disk."""
    with _lock():  # many runs may start at once
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


def _lock() -> filelock.BaseFileLock:
    return filelock.FileLock(_folder() / "stepper.lock")


def _folder() -> Path:
    """Where numba keeps its machine code."""
    return Path(run_nodes.stats.cache_path)
