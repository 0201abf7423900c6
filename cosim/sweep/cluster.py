"""Sweeps on a Dask cluster: one that is there already, or workers that are started as batch jobs."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from distributed import Client, as_completed
from pydantic import Field, ValidationError

from cosim.errors import InputError, Problem
from cosim.provenance import versions
from cosim.scenario.part import Part
from cosim.scenario.source import read_yaml
from cosim.scenario.translation import problems_in
from cosim.sweep.plan import PlannedRun
from cosim.sweep.pool import MAX_ATTEMPTS, ONE_THREAD, OnRecord, SweepStopped, WorkerDied, WorkerProcess, task_of
from cosim.sweep.records import CRASHED, Records

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
    cluster = _batch_cluster(spec)
    try:
        cluster.scale(jobs=spec.jobs)
        with Client(cluster) as client:
            yield DaskWorkers(client, expected=spec.jobs * spec.cores)
    except (RuntimeError, FileNotFoundError) as error:
        raise InputError(Problem(f"jobs cannot be submitted: {error}", place=str(path))) from error
    finally:
        cluster.close()


def _batch_cluster(spec: ClusterFile) -> Any:
    """The cluster of dask-jobqueue; its workers have one thread each, and may start processes of their own."""
    import dask
    import dask_jobqueue

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
        **{name: value for name, value in optional.items() if value is not None},
    )


class DaskWorkers:
    """The workers of a Dask cluster: each thread of them has a worker process of ours."""

    def __init__(self, client: Client, expected: int = 1):
        self._client, self._expected = client, expected

    @property
    def slots(self) -> int:
        """Threads of the workers that are there."""
        return sum(self._client.nthreads().values())

    def run(self, runs: Sequence[PlannedRun], folder: Path, keep: str, on_record: OnRecord) -> None:
        """Make runs: see `cosim.sweep.pool.LocalWorkers.run`."""
        waiting = {}
        arguments = {"folder": str(folder.resolve()), "expected_versions": versions()}
        for batch in batches(runs, max(self.slots, self._expected)):
            tasks = [task_of(run, keep) for run in batch]
            waiting[self._client.submit(make_runs, tasks, pure=False, **arguments)] = batch
        done = as_completed(waiting)
        for future in done:
            batch = waiting.pop(future)
            error = future.exception()
            if error is None:
                for record in future.result():
                    on_record(record)
            elif isinstance(error, SweepStopped):
                self._client.cancel(list(waiting))
                raise error
            elif len(batch) > 1:  # a Dask worker died with it, more than once: find out with which run
                for run in batch:
                    single = self._client.submit(make_runs, [task_of(run, keep)], pure=False, **arguments)
                    waiting[single] = [run]
                    done.add(single)
            else:
                on_record({"run_id": batch[0].run_id, "status": CRASHED, "error": f"{type(error).__name__}: {error}"})


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


_own = threading.local()


def make_runs(tasks: list[dict[str, Any]], folder: str, expected_versions: dict[str, str]) -> list[dict[str, Any]]:
    """On a Dask worker: make runs with a worker process that belongs to this thread.

    Raises
    ------
    SweepStopped
        If the versions differ from those of the sweep's owner, or the folder is not there.
    """
    here = os.uname().nodename
    if versions() != expected_versions:
        changed = [f"{name} {v}" for name, v in versions().items() if v != expected_versions.get(name)]
        raise SweepStopped(f"the worker on {here} has {', '.join(changed)}, other than the command's own")
    if not Path(folder).is_dir():
        raise SweepStopped(f"the worker on {here} does not see the folder {folder}: it must be on a shared disk")
    records = Records(Path(folder))
    records.update()
    return [_finished(records, task["run_id"]) or _made(task, Path(folder)) for task in tasks]


def _finished(records: Records, run_id: str) -> dict[str, Any] | None:
    """The record of a run that a worker had made before it died."""
    record = records.found.get(run_id)
    return record if record and record["status"] != CRASHED else None


def _made(task: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make a run, with a new worker process if one dies."""
    error = ""
    for _ in range(MAX_ATTEMPTS):
        worker = _worker_process(folder)
        try:
            record = worker.run(task)
        except WorkerDied as death:
            error = str(death)
            worker.kill()
            _own.worker = None
            continue
        if record["status"] != CRASHED:
            return record
        error = record["error"]
    return {"run_id": task["run_id"], "status": CRASHED, "error": error}


def _worker_process(folder: Path) -> WorkerProcess:
    """The worker process of this thread, for this folder."""
    if getattr(_own, "worker", None) is None or _own.folder != folder:
        _own.worker, _own.folder = WorkerProcess(folder), folder
    return _own.worker
