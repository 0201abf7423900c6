"""The folder of a sweep: begun, gone on with, and read again."""

import datetime
import io
import json
import platform
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
from ruamel.yaml import YAML

from cosim.errors import InputError, Problem
from cosim.files import write_whole
from cosim.provenance import versions
from cosim.sweep.plan import Plan, PlannedRun, load_sweep, make_plan
from cosim.sweep.records import PARTIAL_NAME, WORKERS_NAME, Records

SWEEP_NAME, SCENARIO_NAME, PROVENANCE_NAME = "sweep.yaml", "scenario.yaml", "provenance.json"


def begin(plan: Plan, folder: Path, *, resume: bool) -> Records:
    """Write down what is going to be run; return what has been run there before.

    Parameters
    ----------
    plan
        What is to be run.
    folder
        Is there, and locked.
    resume
        Whether to go on where an earlier call has left the folder.

    Raises
    ------
    InputError
        If the folder cannot be written, holds runs and is not to be resumed, or holds runs of other versions.
    """
    records = Records(folder)
    records.update()
    if records.found and not resume:
        raise InputError(
            Problem(
                f"holds {len(records.found)} finished runs",
                place=str(folder),
                hint="go on with --resume, or choose another folder with --out",
            )
        )
    if records.found:
        _check_versions(folder)
    sweep = plan.sweep.model_dump(mode="json", by_alias=True, exclude_none=True)
    try:
        with filelock.FileLock(folder / ".lock-begin"):  # parts of a sweep begin at the same time
            (folder / WORKERS_NAME).mkdir(exist_ok=True)
            write_whole(folder / SCENARIO_NAME, _yaml(plan.base_data))
            write_whole(folder / SWEEP_NAME, _yaml(sweep | {"scenario": SCENARIO_NAME}))
            write_whole(folder / PROVENANCE_NAME, json.dumps(_provenance(plan), indent=2) + "\n")
    except OSError as error:
        raise _unwritable(folder, error) from error
    return records


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(Problem(f"cannot be written: {error.strerror}", place=str(folder)))


def reopen(folder: Path) -> tuple[Plan, Records]:
    """The plan of a sweep's folder, and what has been run of it.

    Raises
    ------
    InputError
        If it is no sweep's folder.
    """
    if not (folder / SWEEP_NAME).is_file():
        raise InputError(Problem(f"is no sweep's folder: there is no {SWEEP_NAME}", place=str(folder)))
    plan = make_plan(*load_sweep(folder / SWEEP_NAME))
    records = Records(folder)
    records.update()
    return plan, records


@contextmanager
def locked(folder: Path, part: str | None = None) -> Iterator[None]:
    """Keep a second owner of workers out of a folder, which is made if need be, or out of a part of its runs.

    Raises
    ------
    InputError
        If there is one already, or the folder cannot be written.
    """
    lock = filelock.FileLock(folder / (f".lock-{part}" if part else ".lock"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise InputError(Problem("another sweep is running in this folder", place=str(folder))) from None
    except OSError as error:
        raise _unwritable(folder, error) from error
    with lock:
        yield


def remove_partial(folder: Path, runs: Iterable[PlannedRun]) -> None:
    """Remove what there is of runs whose processes were killed."""
    run_ids = {run.run_id for run in runs}
    for path in (folder / PARTIAL_NAME).glob("*"):
        if path.name.partition("-")[0] in run_ids:
            shutil.rmtree(path, ignore_errors=True)


def _provenance(plan: Plan) -> dict[str, Any]:
    return {
        "versions": versions(),
        "runs": len(plan.runs),
        "host": platform.node(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _check_versions(folder: Path) -> None:
    """Numbers of one table come from one set of versions."""
    path = folder / PROVENANCE_NAME
    before = json.loads(path.read_text(encoding="utf-8"))["versions"] if path.is_file() else versions()
    changed = [f"{name} {before.get(name)} (now {now})" for name, now in versions().items() if before.get(name) != now]
    if changed:
        raise InputError(
            Problem(
                f"was begun with {', '.join(changed)}",
                place=str(folder),
                hint="use the same versions, or choose another folder with --out",
            )
        )


def _yaml(data: Any) -> str:
    stream = io.StringIO()
    yaml = YAML(pure=True)
    yaml.width = 110
    yaml.dump(data, stream)
    return stream.getvalue()
