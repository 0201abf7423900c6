"""Where the machine code of compiled functions is kept: a folder for each state of their texts and kind of machine.

Numba looks at the file of a function alone when it decides whether code on disk is still good, not at the files of
functions that were compiled into it. So all files that belong together share a folder whose name has a hash of all
their texts. ``NUMBA_CACHE_DIR`` or ``COSIM_CACHE_DIR`` move it.
"""

import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import filelock
import numba
import platformdirs
from llvmlite import binding  # type: ignore[import-untyped]


def cached_njit(sources: Iterable[Path]) -> Callable[..., Callable[[Callable[..., Any]], Any]]:
    """`numba.njit` whose machine code on disk belongs to the present texts of files.

    Parameters
    ----------
    sources
        Files whose functions call each other.

    Returns
    -------
    callable
        Takes options of `numba.njit`, and returns a decorator.
    """
    digest = hashlib.sha256(machine().encode())
    for path in sorted(sources):
        digest.update(path.read_bytes())
    chosen = numba.config.CACHE_DIR or os.environ.get("COSIM_CACHE_DIR")  # type: ignore[attr-defined]
    folder = usable(
        Path(chosen or platformdirs.user_cache_dir("llm-grid-cosim")) / f"kernels-{digest.hexdigest()[:16]}"
    )

    def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
        def decorate(function: Callable[..., Any]) -> Any:
            with numba_keeps_in(folder):
                return numba.njit(cache=True, **options)(function)

        return decorate

    return njit


@cache
def machine() -> str:
    """Short hash of what machine code depends on besides its text: numba, Python, the processor."""
    chosen = (numba.config.CPU_NAME, numba.config.CPU_FEATURES)  # type: ignore[attr-defined]
    host = (binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())
    return hashlib.sha256(repr((numba.__version__, sys.version_info[:2], chosen, host)).encode()).hexdigest()[:8]


@cache
def usable(folder: Path) -> Path:
    """A folder for machine code: this one, made if need be, or a copy of it where it cannot be written.

    Numba keeps nothing, and looks for nothing, in a folder that is only read, as in an image. The copy is among the
    user's temporary files, for all processes that come after.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        own = _temporary() / hashlib.sha256(str(folder).encode()).hexdigest()[:16] / folder.name
        own.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(own.with_suffix(".lock")):
            _copy_missing(folder, own)
        return own


def _temporary() -> Path:
    """A folder of the user's own among the temporary files: numba runs what it finds there."""
    if not hasattr(os, "getuid"):
        return Path(tempfile.gettempdir()) / "cosim-code"
    folder = Path(tempfile.gettempdir()) / f"cosim-code-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
        return folder
    return Path(tempfile.mkdtemp(prefix="cosim-code-"))


def _copy_missing(source: Path, target: Path) -> None:
    """Copy texts and machine code that are not there yet, into folders that can be written."""
    files = (path for path in source.rglob("*") if path.suffix in (".py", ".nbi", ".nbc"))
    for path in files if source.is_dir() else ():
        copy = target / path.relative_to(source)
        if not copy.exists():
            with suppress(OSError):  # what cannot be read is compiled again
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy.with_suffix(".part"))  # with its date, by which older versions of numba know it
                copy.with_suffix(".part").replace(copy)


@contextmanager
def numba_keeps_in(folder: Path | None) -> Iterator[None]:
    """Let numba keep machine code of functions that are declared meanwhile in a folder; None: beside their files."""
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    numba.config.CACHE_DIR = "" if folder is None else str(folder)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before  # type: ignore[attr-defined]
