"""What the terminal shows of a sweep: its plan before, and what came out after."""

from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cosim.sweep.analysis import Outcome, Spread, spreads
from cosim.sweep.drive import State
from cosim.sweep.estimate import Estimate
from cosim.sweep.limits import limits_of
from cosim.sweep.parameters import Distribution
from cosim.sweep.plan import Plan
from cosim.sweep.progress import duration
from cosim.sweep.table import TABLE_NAME, read_table
from cosim.verdict_console import STYLES, number

SHOWN_VALUES = 6


def headline(plan: Plan, shard: tuple[int, int] | None) -> str:
    """What is about to be run, in a line."""
    grids = len({run.grid for run in plan.tasks})
    what = f"{_count(len(plan.runs), 'run')} of {plan.base_data['name']}"
    text = f"{plan.sweep.name}: {what} ({_size(plan)}, {_count(grids, 'grid')})"
    return f"{text}; part {shard[0]} of {shard[1]}: {_count(len(plan.shard(*shard)), 'run')}" if shard else text


def _size(plan: Plan) -> str:
    return f"{_count(plan.points, 'point')} x {_count(plan.sweep.replicates, 'seed')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def describe(plan: Plan, found: Estimate | None, workers: int) -> dict[str, Any]:
    """A plan as plain data: parameters, numbers of runs, and what they take with so many workers."""
    screened, runs = _stages(plan)
    kept = 0 if plan.sweep.keep == "none" else runs
    parameters = []
    for parameter in plan.sweep.parameters:
        levels = parameter.levels
        entry: dict[str, Any] = {"name": parameter.title, "keys": parameter.keys}
        if levels is not None:
            entry["values"] = [level.cell for level in levels]
        elif isinstance(parameter, Distribution):
            given = {name: getattr(parameter, name) for name in ("low", "high", "mode", "mean", "sd")}
            entry["distribution"] = {"type": parameter.distribution} | {k: v for k, v in given.items() if v is not None}
        else:
            entry["range"] = parameter.range  # type: ignore[union-attr]
        parameters.append(entry)
    return {
        "name": plan.sweep.name,
        "scenario": plan.base_data["name"],
        "parameters": parameters,
        "sampling": plan.sweep.sampling.method,
        "points": plan.points,
        "replicates": plan.sweep.replicates,
        "runs": len(plan.runs),
        "simulations": len(plan.tasks),
        "screened": screened,
        "confirmed": runs if screened else 0,
        "grids": len({run.grid for run in plan.tasks}),
        "workers": workers,
        "seconds_per_run": None if found is None else round(found.run_s, 3),
        "seconds": None if found is None else round(found.wall_s(runs, screened, workers)),
        "seconds_per_screened_run": None if found is None or found.screen_s is None else round(found.screen_s, 4),
        "keep": plan.sweep.keep,
        "largest_size_mb": None if found is None else round(found.disk_bytes(screened + runs, kept) / 1e6, 1),
    }


def _stages(plan: Plan) -> tuple[int, int]:
    """How many runs are screened, and how many are made with full equations, at least."""
    tasks, screen = len(plan.tasks), plan.sweep.screen
    if screen is None:
        return 0, tasks
    return tasks, min(screen.confirm.top, tasks) if screen.confirm else 0


def print_plan(described: dict[str, Any]) -> None:
    """A plan as tables."""
    console = Console()
    title = Text(f"{described['name']}: {described['scenario']} with")
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for name in ("parameter", "keys", "values"):
        table.add_column(name, overflow="fold")
    for entry in described["parameters"]:
        table.add_row(*(Text(text) for text in (entry["name"], ", ".join(entry["keys"]), _values(entry))))
    if described["parameters"]:
        console.print(table)
    points, seeds = _count(described["points"], "point"), _count(described["replicates"], "seed")
    lines = [f"sampling {described['sampling']}: {points} x {seeds} = {_count(described['runs'], 'run')}"]
    if described["simulations"] != described["runs"]:
        lines.append(f"{described['simulations']:,} of them differ and are simulated")
    lines.append(f"{_count(described['grids'], 'grid')} to set up")
    if described["seconds"] is None:
        lines.append("time and disk cannot be estimated: the scenario cannot be cut short")
    else:
        workers = _count(described["workers"], "worker")
        each = f"{described['seconds_per_run']:.3g} s a run, timed here"
        if described["seconds_per_screened_run"] is not None:
            lines.append(f"all are screened with linear equations, then at least {described['confirmed']:,} confirmed")
            each = f"{described['seconds_per_screened_run']:.3g} s a screened run, {each}"
        lines.append(f"about {duration(described['seconds'])} with {workers}: {each}")
        size = f"{described['largest_size_mb']:.3g} MB"
        kept = {"none": "no result is kept", "violations": "if every run fails", "all": "all results are kept"}
        lines.append(f"at most {size} of disk ({kept[described['keep']]})")
    for text in lines:
        console.print(text, highlight=False, soft_wrap=True, markup=False)


def _values(entry: dict[str, Any]) -> str:
    if "values" in entry:
        shown = [str(value) for value in entry["values"][:SHOWN_VALUES]]
        left = len(entry["values"]) - len(shown)
        return ", ".join(shown) + (f" and {left} more" if left else "")
    if "range" in entry:
        return "{:g} to {:g}".format(*entry["range"])
    given = dict(entry["distribution"])
    return f"{given.pop('type')}, " + ", ".join(f"{name} {value:g}" for name, value in given.items())


def outcome(plan: Plan, folder: Path, state: State) -> dict[str, Any]:
    """What came out, as plain data."""
    return {
        "name": plan.sweep.name,
        "folder": str(folder),
        "table": str(folder / TABLE_NAME),
        "runs": len(plan.runs),
        "simulations": state.total,
        "done": state.done,
        "counts": state.counts,
        "elapsed_s": round(state.elapsed_s, 3),
    }


def print_outcome(plan: Plan, folder: Path, state: State) -> None:
    """What came out, and where it is."""
    console = Console()
    parts = [f"{state.done} of {state.total} done"]
    text = Text.assemble((plan.sweep.name, "bold"), ": " + ", ".join(parts))
    for name, count in sorted(state.counts.items()):
        text.append(f", {count} ")
        text.append(name.replace("_", " "), style=STYLES.get(name, "red"))
    console.print(text)
    if (folder / TABLE_NAME).is_file():
        found = spreads(Outcome(plan, read_table(folder), limits_of(run.data for run in plan.runs)))
        if found:
            console.print(_metrics_table(found))
    names = ", ".join(path.name for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != ".")
    console.print(f"written to {folder}: {names}", soft_wrap=True, highlight=False, markup=False)


def _metrics_table(found: list[Spread]) -> Table:
    """Metrics of the runs that completed."""
    table = Table(title="Runs that completed", title_justify="left", box=SIMPLE_HEAD)
    for name in ("metric", "median", "worst", "unit"):
        is_text = name in ("metric", "unit")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
    for row in found:
        table.add_row(row.metric, number(row.median), number(row.worst), row.unit)
    return table
