"""What a sweep shows while it runs: a live table on a terminal, plain lines on a batch log."""

import time
from types import TracebackType
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cosim.sweep.drive import State
from cosim.verdict_console import STYLES

LINE_EVERY_S = 30.0
"""Off a terminal, a line is printed at most so often, and when all is done."""


class SweepProgress:
    """Shows the states that it is told."""

    def __init__(self, console: Console):
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)
        self._next_line, self._last = time.monotonic(), -1

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, state: State) -> None:
        """Show how far a sweep is."""
        if self._console.is_terminal:
            self._live.update(_picture(state))
            return
        is_news = state.done != self._last and (state.done == state.total or time.monotonic() >= self._next_line)
        if is_news:
            self._console.print(line(state), soft_wrap=True, highlight=False)
            self._next_line, self._last = time.monotonic() + LINE_EVERY_S, state.done


def line(state: State) -> str:
    """How far a sweep is, in a line."""
    counts = ", ".join(f"{n} {_words(name)}" for name, n in sorted(state.counts.items()))
    parts = [f"{state.done} of {state.total} runs done" + (f" ({counts})" if counts else "")]
    if state.running:
        parts.append(f"{state.running} running")
    if state.done > state.earlier:
        parts.append(_rate(state))
    if state.left_s:
        parts.append(f"about {duration(state.left_s)} left")
    return ", ".join(parts)


def _picture(state: State) -> Group:
    table = Table(box=SIMPLE_HEAD)
    columns: list[tuple[str, str | Text]] = [
        ("done", f"{state.done} of {state.total}"),
        ("running", str(state.running)),
        *((_words(name), Text(str(n), style=STYLES.get(name, "red"))) for name, n in sorted(state.counts.items())),
        ("rate", _rate(state) if state.done > state.earlier else "-"),
        ("elapsed", duration(state.elapsed_s)),
        ("left", duration(state.left_s) if state.left_s is not None else "-"),
    ]
    for name, _ in columns:
        table.add_column(name, justify="right")
    table.add_row(*(value for _, value in columns))
    return Group(ProgressBar(total=max(1, state.total), completed=state.done, width=60), table)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _rate(state: State) -> str:
    per_min = 60.0 * state.rate_per_s
    return f"{per_min:.3g} runs/min"


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
