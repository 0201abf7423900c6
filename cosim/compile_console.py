"""What is compiled, on the terminal: while it goes on, and what `cosim grid compile` came to."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from cosim.compilation import Compilation
    from cosim.compile_ahead import Compiled
    from cosim.scenario.model import Scenario
    from cosim.scenario.source import Source


@contextlib.contextmanager
def compiling(name: str, show: bool, compilation: "Compilation") -> Iterator[None]:
    """A status line with what is compiled for a grid, on a terminal; a plain line before and after it elsewhere."""
    console = Console(stderr=True)
    if show and console.is_terminal:
        with console.status(f"{name}: setting up") as line:
            compilation.show = lambda text: line.update(f"{name}: {text}")
            yield
    else:
        with one_line(show, compilation):
            yield
    if show:
        say_compiled(compilation)


@contextlib.contextmanager
def one_line(show: bool, compilation: "Compilation") -> Iterator[None]:
    """Say once that something is being compiled."""
    said: list[str] = []

    def say(text: str) -> None:
        if show and not said:
            said.append(text)
            print(f"{text} and what else is not there yet: once, about a minute", file=sys.stderr)

    compilation.show = say
    yield


def prepare_andes(*, show: bool = True) -> None:
    """Generate ANDES's numerical code, if it is not there yet."""
    from grids.andes_runtime import is_prepared, prepare

    if is_prepared():
        return
    if show:
        print("generating ANDES's numerical code: once, about 15 s", file=sys.stderr)
    prepare()


def compile_first_time(scenario: "Scenario", source: "Source", show: bool) -> None:
    """Compile what workers need before they start, where nothing has been compiled on this machine yet."""
    from cosim import stepper
    from cosim.compilation import Compilation
    from cosim.compile_ahead import compile_ahead

    if scenario.simulation.engine not in ("auto", "compiled") or stepper.is_compiled():
        return
    compilation = Compilation()
    with compiling(scenario.grid.case, show, compilation):
        compile_ahead(scenario, source, compilation)


def say_compiled(compilation: "Compilation") -> None:
    """One line on what had to be compiled, if anything."""
    if compilation.summary:
        print(compilation.summary, file=sys.stderr)


def print_compiled(console: Console, found: "Compiled") -> None:
    """A grid's models: covered or why not, and the seconds that each took."""
    table = Table(title=_title(found), title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name, justify in (("model", "left"), ("devices", "right"), ("covered", "left"), ("compiled in (s)", "right")):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in found.models:
        took = "in the cache" if row.compile_s is None else f"{row.compile_s:.1f}"
        covered = Text("yes") if row.reason is None else Text(f"no: {row.reason}", style="yellow")
        table.add_row(row.model, str(row.devices), covered, took if _is_compiled(found) or row.compile_s else "-")
    console.print(table)
    if found.stepped.reason:
        console.print(Text(f"not compiled: {found.stepped.reason}", style="yellow"), soft_wrap=True)
    if found.message:
        console.print(Text(f"a short run did not complete: {found.message}", style="yellow"), soft_wrap=True)


def print_total(console: Console, grids: Sequence["Compiled"]) -> None:
    """What it took in all, and where the code is."""
    models_s = sum(row.compile_s or 0.0 for found in grids for row in found.models)
    count = sum(row.compile_s is not None for found in grids for row in found.models)
    own_s = grids[-1].own_s
    own = f"the stepper {own_s:.1f} s" if own_s else "the stepper was there"
    console.print(f"{count} models {models_s:.1f} s, {own}; models are kept in {grids[-1].folder}", soft_wrap=True)


def _is_compiled(found: "Compiled") -> bool:
    return found.stepped.engine == "compiled" and not found.stepped.reason


def _title(found: "Compiled") -> str:
    return f"{found.grid}: runs are stepped by engine {found.stepped.engine}"
