"""What a run has to compile the first time, told while it is done and summed up after it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.event import Event, Listener, install_listener

MODEL_PREFIX = "cosim_compiled_"
"""Of the names of generated modules, each of one model; see `cosim.compiled.code_cache`."""
STEPPER = ("cosim.compiled.", "cosim.node_kernel", "cosim.site_kernel", "cosim.fast_loop")
"""Beginnings of the names of modules that take long to compile: others are not told."""
WORTH_TELLING_S = 0.5


class Compilation(Listener):
    """Watches numba and the cache of models.

    Parameters
    ----------
    show : callable
        Told in a few words what is being compiled.

    Attributes
    ----------
    models : dict
        Seconds by model.
    own_s : float
        Seconds for our own code: the stepper, sites, metrics. It is the same for all grids.
    """

    def __init__(self, show: Callable[[str], None] = lambda _: None):
        self.show = show
        self.models: dict[str, float] = {}
        self.own_s = 0.0
        self._depth, self._started = 0, 0.0

    def told(self, name: str, seconds: float) -> None:
        """Take note of a model that has been compiled."""
        self.models[name] = seconds
        self.show(f"compiled {name} ({seconds:.1f} s)")

    def on_start(self, event: Event) -> None:
        """Numba starts to compile a function, maybe within another."""
        if self._depth == 0:
            self._started = time.perf_counter()
            module = _module(event)
            if module.startswith(MODEL_PREFIX):
                self.show(f"compiling {_model(module)}")
            elif module.startswith(STEPPER):
                self.show("compiling the stepper")
        self._depth += 1

    def on_end(self, event: Event) -> None:
        """Numba has compiled a function."""
        self._depth -= 1
        if self._depth == 0 and not _module(event).startswith(MODEL_PREFIX):  # `told` has the time of models
            self.own_s += time.perf_counter() - self._started

    @property
    def seconds(self) -> float:
        """Time in all."""
        return sum(self.models.values()) + self.own_s

    @property
    def summary(self) -> str | None:
        """What was compiled, in one line; None if it is not worth one."""
        if self.seconds < WORTH_TELLING_S:
            return None
        parts = []
        if self.models:
            parts.append(f"{len(self.models)} model{'s' if len(self.models) > 1 else ''}")
        if self.own_s >= WORTH_TELLING_S:
            parts.append(f"the stepper ({self.own_s:.1f} s)" if self.models else "the stepper")
        return f"compiled {' and '.join(parts)} in {self.seconds:.1f} s: once"


@contextmanager
def watched(compilation: Compilation) -> Iterator[None]:
    """Let a compilation see what numba compiles meanwhile."""
    with install_listener("numba:compile", compilation):
        yield


def _module(event: Event) -> str:
    data: Any = event.data
    return str(data["dispatcher"].py_func.__module__)


def _model(module: str) -> str:
    """Name of a model from that of its generated module, which ends in a hash."""
    return module.removeprefix(MODEL_PREFIX).rpartition("_")[0].upper()
