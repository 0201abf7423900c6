"""Sweeps on a Dask cluster: one that is there already, or workers that are started as batch jobs."""

import contextlib
import logging
import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from distributed import CancelledError, Client, Future, as_completed
from pydantic import Field, ValidationError

from cosim.errors import InputError, Problem
from cosim.provenance import versions
from cosim.scenario.part import Part
from cosim.scenario.source import read_yaml
from cosim.scenario.translation import problems_in
from cosim.sweep.plan import PlannedRun
from cosim.sweep.pool import MAX_ATTEMPTS, ONE_THREAD, OnRecord, SweepStopped, WorkerDied, WorkerProcess, task_of
from cosim.sweep.records import CRASHED

CONNECT_TIMEOUT_S = 20
MAX_BATCH = 8
"""Runs that a Dask task makes at most: more would wait for one worker while others have nothing to do."""


class ClusterFile(Part):
    """The file for ``--slurm``: how batch jobs with Dask workers are started."""

    system: Literal["slurm", "pbs", "lsf"] = Field("slurm", description="which batch system")
    jobs: Annotated[int, Field(ge=1)] = Field(description="number of batch jobs")
    cores: Annotated[int, Field(ge=1)] = Field(1, description="of a job: it makes so many runs at a time")
    memory: str = Field("4GB", description="of a job")
    walltime: str = Field("01:00:00", description="of a job, as the batch system writes it")
    queue: str | None = Field(None, description="queue or partition")
    account: str | None = Field(None, description="account or project that is charged")
    setup: list[str] = Field([], description="lines of shell before a worker starts, such as: module load python")
    directives: list[str] = Field([], description="further lines for the batch system, such as --constraint=fast")
    interface: str | None = Field(None, description="network interface between workers and this machine, such as ib0")
    python: str | None = Field(None, description="Python on the nodes; that of this process if not given")


@contextlib.contextmanager
def connected(address: str) -> Iterator["DaskWorkers"]:
    """The workers of a Dask cluster that is there already.

    Raises
    ------
    InputError
        If there is no scheduler at the address.
    """
    try:
        client = Client(address, timeout=CONNECT_TIMEOUT_S)
    except (OSError, ValueError) as error:
        hint = "start one with: dask scheduler, and workers with: dask worker ADDRESS --nthreads 1"
        raise InputError(
            Problem(f"no Dask scheduler answers: {error}", place=f"--scheduler {address}", hint=hint)
        ) from error
    with client:
        yield DaskWorkers(client)


@contextlib.contextmanager
def started(path: Path) -> Iterator["DaskWorkers"]:
    """Workers in batch jobs, which end with the sweep.

    Raises
    ------
    InputError
        If the file cannot be used, or the batch system is not there.
    """
    source = read_yaml(path)
    try:
        spec = ClusterFile.model_validate(source.data)
    except ValidationError as error:
        raise InputError(*problems_in(error, source, ClusterFile)) from None
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(_batch_cluster(spec))
            cluster.sync(_submit, cluster, spec.jobs)
        except (RuntimeError, OSError, ValueError) as error:
            reason = str(error).rpartition("stderr:\n")[2].strip()  # of the program that submits, if it says anything
            raise InputError(Problem(f"jobs cannot be submitted: {reason or error}", place=str(path))) from error
        client = stack.enter_context(Client(cluster))
        yield DaskWorkers(client, expected=spec.jobs * spec.cores)


async def _submit(cluster: Any, jobs: int) -> None:
    """Submit jobs, and see that they are: `scale` alone leaves that to later, and errors to a log."""
    logging.getLogger("tornado.application").setLevel(logging.CRITICAL)
    cluster.scale(jobs=jobs)
    try:
        await cluster._correct_state()
    except Exception:
        cluster._created.clear()  # closing it then cancels jobs, but does not insist that all were there
        raise


def _batch_cluster(spec: ClusterFile) -> Any:
    """The cluster of dask-jobqueue; its workers have one thread each, and may start processes of their own."""
    import dask

    on_interrupt = signal.getsignal(signal.SIGINT)
    import dask_jobqueue

    signal.signal(signal.SIGINT, on_interrupt)  # it puts a handler of its own in place
    dask.config.set({"distributed.worker.daemon": False})
    kind = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster"}[spec.system]
    exports = [f"export {name}={value}" for name, value in ONE_THREAD.items()]
    optional = {"queue": spec.queue, "account": spec.account, "interface": spec.interface}
    return getattr(dask_jobqueue, kind)(
        cores=spec.cores,
        processes=spec.cores,
        memory=spec.memory,
        walltime=spec.walltime,
        python=spec.python or sys.executable,
        job_script_prologue=[*exports, *spec.setup],
        job_extra_directives=spec.directives,
        scheduler_options={"dashboard_address": ":0"},  # the usual port may be that of another user
        **{name: value for name, value in optional.items() if value is not None},
    )


class DaskWorkers:
    """The workers of a Dask cluster: each thread of them has a worker process of ours."""

    def __init__(self, client: Client, expected: int = 1):
        self._client, self._expected = client, expected
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # a lost connection is said once, by us

    @property
    def slots(self) -> int:
        """Threads of the workers that are there."""
        try:
            return sum(self._client.nthreads().values())
        except (OSError, ValueError):  # the scheduler is gone
            return 0

    def run(self, runs: Sequence[PlannedRun], folder: Path, keep: str, on_record: OnRecord) -> None:
        """Make runs: see `cosim.sweep.pool.LocalWorkers.run`."""
        _Crew(self._client, folder, keep, on_record).run(batches(runs, max(self.slots, self._expected)))


class _Crew:
    """The batches that are with a cluster, and the worker processes there, which end with the sweep."""

    def __init__(self, client: Client, folder: Path, keep: str, on_record: OnRecord):
        self._client, self._keep, self._on_record = client, keep, on_record
        self._sweep = uuid.uuid4().hex
        self._arguments = {"folder": str(folder.resolve()), "sweep": self._sweep, "expected_versions": versions()}
        self._waiting: dict[Future, list[PlannedRun]] = {}

    def run(self, made: Sequence[list[PlannedRun]]) -> None:
        try:
            done = as_completed([self._submitted(batch) for batch in made])
            for future in done:
                done.update(self._submitted([run]) for run in self._received(future))
        except CancelledError as error:
            raise SweepStopped("the connection to the Dask scheduler is lost") from error
        finally:
            if self._client.status == "running":
                self._client.cancel(list(self._waiting))
                self._client.run(end_workers, self._sweep, on_error="ignore")

    def _submitted(self, batch: list[PlannedRun]) -> Future:
        tasks = [task_of(run, self._keep) for run in batch]
        future = self._client.submit(make_runs, tasks, pure=False, **self._arguments)
        self._waiting[future] = batch
        return future

    def _received(self, future: Future) -> list[PlannedRun]:
        """Pass on the records of a batch; the runs that are to be tried each for itself."""
        batch = self._waiting.pop(future)
        error = future.exception()
        if error is None:
            for record in future.result():
                self._on_record(record)
        elif isinstance(error, SweepStopped):
            raise error
        elif len(batch) > 1:  # a Dask worker died with it, more than once: find out with which run
            return batch
        else:
            reason = f"{type(error).__name__}: {error}"
            self._on_record({"run_id": batch[0].run_id, "status": CRASHED, "error": reason})
        return []


def batches(runs: Sequence[PlannedRun], slots: int) -> list[list[PlannedRun]]:
    """Runs on the same grid together, few enough for every worker to get some."""
    size = max(1, min(MAX_BATCH, len(runs) // (4 * slots)))
    out: list[list[PlannedRun]] = []
    for run in runs:
        if out and out[-1][0].grid == run.grid and len(out[-1]) < size:
            out[-1].append(run)
        else:
            out.append([run])
    return out


_processes: dict[int, tuple[str, WorkerProcess]] = {}
"""On a Dask worker: the sweep and the worker process of each thread."""

_ended: set[str] = set()
"""On a Dask worker: sweeps that are over."""


def make_runs(
    tasks: list[dict[str, Any]], folder: str, sweep: str, expected_versions: dict[str, str]
) -> list[dict[str, Any]]:
    """On a Dask worker: make runs with a worker process that belongs to this thread.

    Raises
    ------
    SweepStopped
        If the versions differ from those of the sweep's owner, the folder is not there, or the sweep is over.
    """
    here = os.uname().nodename
    if versions() != expected_versions:
        changed = [f"{name} {v}" for name, v in versions().items() if v != expected_versions.get(name)]
        raise SweepStopped(f"the worker on {here} has {', '.join(changed)}, other than the command's own")
    if not Path(folder).is_dir():
        raise SweepStopped(f"the worker on {here} does not see the folder {folder}: it must be on a shared disk")
    return [_made(task, Path(folder), sweep) for task in tasks]


def _made(task: dict[str, Any], folder: Path, sweep: str) -> dict[str, Any]:
    """Make a run, with a new worker process if one dies."""
    error = ""
    for _ in range(MAX_ATTEMPTS):
        worker = _worker_process(folder, sweep)
        try:
            record = worker.run(task)
        except WorkerDied as death:
            error = str(death)
            worker.kill()
            _processes.pop(threading.get_ident(), None)
            continue
        if record["status"] != CRASHED:
            return record
        error = record["error"]
    return {"run_id": task["run_id"], "status": CRASHED, "error": error}


def _worker_process(folder: Path, sweep: str) -> WorkerProcess:
    """The worker process of this thread, for this sweep."""
    thread = threading.get_ident()
    if sweep in _ended:
        raise SweepStopped("the sweep is over")
    known = _processes.get(thread)
    if known and known[0] == sweep:
        return known[1]
    if known:  # of a sweep whose command was killed
        known[1].kill()
    _processes[thread] = sweep, WorkerProcess(folder)
    return _processes[thread][1]


def end_workers(sweep: str) -> None:
    """On a Dask worker: end the worker processes of a sweep, and what they run."""
    _ended.add(sweep)
    for thread, (theirs, worker) in list(_processes.items()):
        if theirs == sweep:
            worker.kill()
            _processes.pop(thread, None)
