"""A real SLURM on this machine, for the tests that need one: started in a folder of its own and stopped again.

It needs Debian's `slurm-wlm` and `munge` (`make system-packages` installs them) and root; `available` says whether they
are here.
One node of two CPUs, so two jobs of one CPU run at a time. A test asks for the fixture::

    from slurm import running_slurm  # noqa: F401 (the fixture `slurm`: one cluster for the module)

    def test_sweep(slurm):
        slurm.run("sbatch", "job.sh")
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo", "scancel", "scontrol", "setpriv")
SEARCH_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0
POLL_S = 0.05
# Below the range from which Linux takes the ports of outgoing connections, so that none of those gets in between.
PORTS = range(10_000, 30_000)
# What a SLURM job around the tests, or a user's own settings, would otherwise pass on to the commands.
FOREIGN = ("SLURM", "SBATCH", "SRUN", "SALLOC", "SQUEUE", "SINFO", "SCANCEL", "SCONTROL")

CONFIGURATION = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
# Without this a job waits up to half a minute for the next round.
SchedulerParameters=bf_interval=1
ReturnToService=2
KillWait=2
# The node is as described here, whatever the machine has.
SlurmdParameters=config_overrides
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000
PartitionName=tests Nodes=node Default=YES MaxTime=INFINITE State=UP
"""


def available() -> tuple[bool, str]:
    """Whether a cluster can be started here, and if not, why."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=SEARCH_PATH) is None]
    if missing:
        return False, f"SLURM is not installed (no {', '.join(missing)}); as root, `make system-packages` installs it"
    if os.geteuid() != 0:
        return False, "starting a SLURM takes root"
    return True, ""


@pytest.fixture(scope="module", name="slurm")
def running_slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SlurmCluster"]:
    """A running cluster, which SLURM's commands find through the environment as long as the module's tests run."""
    can_run, reason = available()
    if not can_run:
        pytest.skip(reason)
    with SlurmCluster(tmp_path_factory.mktemp("slurm")) as cluster, pytest.MonkeyPatch.context() as patch:
        environment = cluster.environment
        for name in os.environ.keys() - environment.keys():
            patch.delenv(name)
        patch.setenv("SLURM_CONF", environment["SLURM_CONF"])
        yield cluster


class SlurmCluster:
    """One SLURM controller, node and munge daemon, which run inside a `with` block.

    Parameters
    ----------
    folder
        Where configuration, key, state and logs go. It is made if it is not there.

    Raises
    ------
    RuntimeError, TimeoutError
        If it does not come up, or a daemon has died by the end; with the daemons' logs.
    """

    def __init__(self, folder: Path):
        self.folder = folder.resolve()
        self._configuration = self.folder / "slurm.conf"
        self._daemons: dict[str, subprocess.Popen] = {}

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which `sbatch`, `squeue`, `srun` and the like talk to this cluster and no other."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return own | {"SLURM_CONF": str(self._configuration)}

    def __enter__(self) -> "SlurmCluster":
        for name in ("state", "spool"):
            (self.folder / name).mkdir(mode=0o700, parents=True)
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
        with ExitStack() as on_failure:
            on_failure.callback(self._stop)
            # Ports are free only until another takes them: no two clusters choose theirs at the same time.
            with FileLock(Path(tempfile.gettempdir()) / "slurm-of-the-tests.lock", timeout=4 * START_LIMIT_S):
                self._start()
            on_failure.pop_all()
        return self

    def __exit__(self, *_) -> None:
        try:
            self._cancel_jobs()
        finally:
            self._stop()

    def run(self, *command: str | Path) -> str:
        """What a command prints; it finds this cluster through its environment.

        Raises
        ------
        RuntimeError
            If the command fails, with what it said.
        """
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr or done.stdout}"
            raise RuntimeError(message)
        return done.stdout

    def wait(self, job: int | str, limit_s: float = 60.0) -> list[str]:
        """How a job ended (`COMPLETED`, `FAILED`, ...), once it has: one state for each task of an array."""
        self._until(lambda: not self._queue("--jobs", str(job)), f"job {job} has ended", limit_s)
        return self._queue("--jobs", str(job), "--states", "all")

    def processes(self) -> list[psutil.Process]:
        """The daemons and what their jobs run, known by the configuration they were started with."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.environ().get("SLURM_CONF") == str(self._configuration):
                    found.append(process)
        return found

    def _queue(self, *options: str) -> list[str]:
        return self.run("squeue", "--noheader", "--array", "--format", "%T", *options).split()

    def _start(self) -> None:
        controller_port, node_port = _free_ports(2)
        self._configuration.write_text(
            CONFIGURATION.format(
                host=socket.gethostname().split(".")[0],
                folder=self.folder,
                controller_port=controller_port,
                node_port=node_port,
            )
        )
        munge = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed", "log-file": "log"}
        # Forced, because munged wants a socket that all users can reach, and this one is for root alone.
        files = [f"--{option}={self.folder}/munge.{suffix}" for option, suffix in munge.items()]
        self._launch("munged", "--foreground", "--force", *files)
        self._until((self.folder / "munge.socket").exists, "munged listens")
        self._launch("slurmctld", "-D", "-f", self._configuration)
        self._until(self._controller_answers, "slurmctld answers")
        self._launch("slurmd", "-D", "-f", self._configuration)
        self._until(lambda: self.run("sinfo", "--noheader", "--format", "%T").strip() == "idle", "the node is idle")

    def _launch(self, program: str, *options: str | Path) -> None:
        path = shutil.which(program, path=SEARCH_PATH)
        with (self.folder / f"{program}.log").open("wb") as log:
            self._daemons[program] = subprocess.Popen(
                # A daemon ends with the tests, even when those are killed.
                ["setpriv", "--pdeathsig", "TERM", path, *options],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _controller_answers(self) -> bool:
        ping = subprocess.run(["scontrol", "ping"], env=self.environment, capture_output=True, check=False)
        return ping.returncode == 0

    def _until(self, condition: Callable[[], object], what: str, limit_s: float = START_LIMIT_S) -> None:
        """Wait for a condition; on a dead daemon or after the limit, say so with the daemons' logs."""
        end = time.monotonic() + limit_s
        while not condition():
            self._check_daemons()
            if time.monotonic() > end:
                message = f"not within {limit_s:g} s: {what}\n{self._logs()}"
                raise TimeoutError(message)
            time.sleep(POLL_S)

    def _check_daemons(self) -> None:
        for name, daemon in self._daemons.items():
            if daemon.poll() is not None:
                message = f"{name} has ended with {daemon.returncode}\n{self._logs()}"
                raise RuntimeError(message)

    def _logs(self) -> str:
        """The last lines of each daemon's log."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-20:]) for log in logs)

    def _cancel_jobs(self) -> None:
        self._check_daemons()
        if self._queue():
            self.run("scancel", "--user=root")
            self._until(lambda: not self._queue(), "all jobs are cancelled", STOP_LIMIT_S)

    def _stop(self) -> None:
        """End the daemons, last one first, and what is left of the jobs."""
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
            try:
                daemon.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _free_ports(count: int) -> list[int]:
    """Ports of this machine on which nothing listens."""
    with ExitStack() as held:
        ports = []
        while len(ports) < count:
            candidate = held.enter_context(socket.socket())
            with suppress(OSError):
                candidate.bind(("", secrets.choice(PORTS)))
                ports.append(candidate.getsockname()[1])
        return ports
