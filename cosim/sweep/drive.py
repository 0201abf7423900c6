"""Run what a plan asks for and has not been run: hand it out, watch, and keep the table up to date."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cosim.sweep.confirm import to_confirm
from cosim.sweep.folder import begin, locked, remove_partial
from cosim.sweep.plan import Plan, PlannedRun
from cosim.sweep.pool import OnRecord, SweepStopped
from cosim.sweep.records import CRASHED, Records, RecordWriter
from cosim.sweep.table import table, write_table

POLL_S = 0.5
TABLE_EVERY_S = 20.0
TABLE_SHARE = 0.02
"""The table is written at most so often, and takes at most this share of the time."""


@dataclass(frozen=True)
class State:
    """How far a sweep is.

    ``earlier`` of the ``done`` runs had been made before this call; ``counts`` has the done runs by status, and by
    verdict where they completed.
    """

    total: int
    done: int
    earlier: int
    running: int
    counts: dict[str, int]
    elapsed_s: float

    @property
    def rate_per_s(self) -> float:
        """Runs finished per second in this call."""
        return (self.done - self.earlier) / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Time left at that rate; None before the first run has finished."""
        return (self.total - self.done) / self.rate_per_s if self.rate_per_s > 0 else None


class Workers(Protocol):
    """What makes runs: processes of this machine, or a cluster."""

    def run(self, runs: Sequence[PlannedRun], folder: Path, keep: str, on_record: OnRecord) -> None:
        """Make runs, and tell the record of each."""

    @property
    def slots(self) -> int:
        """Runs that can go on at the same time."""


def run_sweep(
    plan: Plan,
    folder: Path,
    workers: Workers,
    *,
    resume: bool = False,
    shard: tuple[int, int] | None = None,
    watch: Callable[[State], None] = lambda _: None,
) -> State:
    """Make the runs of a plan that are not made yet.

    Parameters
    ----------
    plan
        What is to be run.
    folder
        The sweep's; made if it does not exist.
    workers
        Who runs it.
    resume
        Whether the folder may hold runs of an earlier call.
    shard
        Number, from 1, and count of the parts of which one is run; it always goes on with what is there, and leaves
        the table to whoever collects the parts.
    watch
        Told now and then how far it is.

    Raises
    ------
    InputError
        If the folder cannot be used.
    SweepStopped
        If they, or this process, cannot write.
    KeyboardInterrupt
        With all that was finished recorded, and the table written.
    """
    tasks = plan.shard(*shard) if shard else plan.tasks
    with locked(folder, part=f"{shard[0]}-of-{shard[1]}" if shard else None):
        records = begin(plan, folder, resume=resume or shard is not None)
        desk = _Desk(plan, tasks, records, folder, workers, is_whole=shard is None, watch=watch)
        remove_partial(folder, tasks)
        desk.run()
    return desk.state()


def is_finished(records: Records, run: PlannedRun) -> bool:
    """Whether a run has been made; one that crashed may be tried again."""
    record = records.found.get(run.run_id)
    return record is not None and record["status"] != CRASHED


def state_of(
    tasks: Sequence[PlannedRun], records: Records, earlier: int = 0, slots: int = 0, elapsed_s: float = 0.0
) -> State:
    """How far tasks are, of which some were done earlier, with room for so many to run at a time."""
    done = [record for run in tasks if (record := records.found.get(run.run_id))]
    counts: dict[str, int] = {}
    for record in done:
        name = (record.get("verdict") if record["status"] == "completed" else None) or record["status"]
        counts[name] = counts.get(name, 0) + 1
    return State(len(tasks), len(done), earlier, min(slots, len(tasks) - len(done)), counts, elapsed_s)


@contextmanager
def _stopping() -> Iterator[None]:
    """What cannot be written stops the sweep."""
    try:
        yield
    except OSError as error:
        raise SweepStopped(str(error)) from error


class _Desk:
    """What goes on while a sweep runs: workers in this thread, the watch in another."""

    def __init__(
        self,
        plan: Plan,
        tasks: Sequence[PlannedRun],
        records: Records,
        folder: Path,
        workers: Workers,
        *,
        is_whole: bool,
        watch: Callable[[State], None],
    ):
        self._plan, self._tasks, self._records, self._folder = plan, list(tasks), records, folder
        self._workers, self._is_whole, self._watch = workers, is_whole, watch
        self._left = [run for run in tasks if not is_finished(records, run)]
        self._started, self._over = time.monotonic(), threading.Event()
        self._writer = RecordWriter(folder)

    def run(self) -> None:
        watcher = threading.Thread(target=self._keep_watch, daemon=True)
        self._refresh_table()
        watcher.start()
        try:
            self._make(self._left)
            if self._is_whole:
                more = to_confirm(self._plan, self._records.found)
                self._tasks += more
                left = [run for run in more if not is_finished(self._records, run)]
                self._left += left
                self._make(left)
        finally:
            self._over.set()
            remove_partial(self._folder, self._tasks)  # on a full disk that is the room for the table
            watcher.join()
            self._records.update()
            self._refresh_table()
            self._watch(self.state())

    def _make(self, runs: Sequence[PlannedRun]) -> None:
        if runs:
            self._workers.run(runs, self._folder, self._plan.sweep.keep, self._note)

    def _note(self, record: dict[str, object]) -> None:
        """Note a record; of a crash only this process can tell."""
        if record["status"] == CRASHED:
            with _stopping():
                self._writer.append(record)
        self._records.add(record)

    def state(self) -> State:
        """How far it is."""
        elapsed_s = time.monotonic() - self._started
        slots = 0 if self._over.is_set() else self._workers.slots
        return state_of(self._tasks, self._records, len(self._tasks) - len(self._left), slots, elapsed_s)

    def _keep_watch(self) -> None:
        next_table = time.monotonic() + TABLE_EVERY_S
        while not self._over.wait(POLL_S):
            self._records.update()
            self._watch(self.state())
            if time.monotonic() >= next_table:
                before = time.monotonic()
                with suppress(SweepStopped):  # the last table tells
                    self._refresh_table()
                next_table = time.monotonic() + max(TABLE_EVERY_S, (time.monotonic() - before) / TABLE_SHARE)

    def _refresh_table(self) -> None:
        if self._is_whole:
            with _stopping():
                write_table(table(self._plan, self._records.found), self._folder)
