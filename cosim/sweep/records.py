"""What workers write down of each run, so that nothing finished is ever lost.

Each worker appends to a file of its own, one line of JSON for a run, written by a single call. A line that a kill or a
full disk has cut short does not end in a line break, or is no JSON, and is left out.
"""

import errno
import json
import os
import platform
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cosim.errors import InputError

WORKERS_NAME, RUNS_NAME, PARTIAL_NAME = "workers", "runs", "partial"
"""Folders, inside a sweep's, of the workers' records, of the runs that are kept, and of those under way."""

CRITERIA = "criteria"
"""First part of the names of values with verdict, value and margin of each criterion."""

INVALID, ERROR, CRASHED = "invalid", "error", "crashed"
"""Status of a run without a summary: not a scenario that can be run, a bug of ours, a process that died."""


def record_of(summary: Mapping[str, Any], message: str | None) -> dict[str, Any]:
    """What is written down of a run that has a summary."""
    return {
        "status": summary["status"],
        "verdict": summary["verdict"],
        "engine": summary.get("provenance", {}).get("engine", "linear"),  # a screened run has no provenance
        "values": flat(summary),
        "error": message,
    }


def record_of_failure(error: Exception) -> dict[str, Any]:
    """What is written down of a run that an error stopped; called where it is caught."""
    if isinstance(error, InputError):
        return {"status": INVALID, "error": str(error)}
    return {"status": ERROR, "error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}


def flat(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics of a summary by their dotted paths, verdict, value and margin of each criterion, and the linear domain.

    Lists, such as the events of voltage, are left out.
    """
    values = dict(_leaves(summary["metrics"], ""))
    for entry in summary[CRITERIA]:
        name = f"{entry['id']}@{entry['where']}" if f"{CRITERIA}.{entry['id']}.verdict" in values else entry["id"]
        values |= {f"{CRITERIA}.{name}.{key}": entry[key] for key in ("verdict", "value", "margin")}
    domain = {key: value for key, value in summary.get("linear", {}).items() if not isinstance(value, Mapping)}
    return values | {f"linear.{key}": value for key, value in domain.items()}


def _leaves(part: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in part.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{key}.")
        elif not isinstance(value, list):
            yield f"{path}{key}", value


class RecordWriter:
    """A worker's own file of records, made when the first one comes."""

    def __init__(self, folder: Path):
        self._folder = folder / WORKERS_NAME
        self._path: Path | None = None

    def append(self, record: dict[str, Any]) -> None:
        """Add a record, and see that it is on the disk.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if self._path is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._path = self._folder / f"{platform.node()}-{os.getpid()}-{time.time_ns():x}.jsonl"
        line = json.dumps(record, allow_nan=False).encode() + b"\n"
        try:
            with self._path.open("ab", buffering=0) as file:
                if file.write(line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
                os.fsync(file.fileno())
        except OSError:
            self._path = None  # the next record must not continue a line that is cut short
            raise


class Records:
    """Records of all workers by run, read on as they are written."""

    def __init__(self, folder: Path):
        self._folder = folder / WORKERS_NAME
        self._read_to: dict[Path, int] = {}
        self.found: dict[str, dict[str, Any]] = {}

    def add(self, record: dict[str, Any]) -> None:
        """Note a record; one of a run that crashed gives way to any other of that run."""
        known = self.found.get(record["run_id"])
        if known is None or known["status"] == CRASHED:
            self.found[record["run_id"]] = record

    def update(self) -> None:
        """Read what has been added since the last time."""
        for path in sorted(self._folder.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._read_to.get(path, 0))
                content = file.read()
            complete = content[: content.rfind(b"\n") + 1]
            self._read_to[path] = self._read_to.get(path, 0) + len(complete)
            for line in complete.splitlines():
                record = _parsed(line)
                if record is not None:
                    self.add(record)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:  # cut short
        return None
    is_record = isinstance(record, dict) and all(isinstance(record.get(key), str) for key in ("run_id", "status"))
    return record if is_record else None
