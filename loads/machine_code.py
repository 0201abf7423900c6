"""Where the machine code of compiled functions is kept: a folder for each state of their texts.

Numba looks at the file of a function alone when it decides whether code on disk is still good, not at the files of
functions that were compiled into it. So all files that belong together share a folder whose name has a hash of all
their texts. ``NUMBA_CACHE_DIR`` or ``COSIM_CACHE_DIR`` move it.
"""

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
import platformdirs


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
    digest = hashlib.sha256(numba.__version__.encode())
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
def usable(folder: Path) -> Path:
    """A folder for machine code: this one, made if need be, or a temporary copy of it where it cannot be written.

    Numba keeps nothing, and looks for nothing, in a folder that is only read, as in an image.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        own = Path(tempfile.mkdtemp(prefix="cosim-code-")) / folder.name
        atexit.register(shutil.rmtree, own.parent, ignore_errors=True)
        own.mkdir()
        with suppress(OSError):  # what is not there, or cannot be read, is compiled again
            shutil.copytree(folder, own, dirs_exist_ok=True)
        return own


@contextmanager
def numba_keeps_in(folder: Path | None) -> Iterator[None]:
    """Let numba keep machine code of functions that are declared meanwhile in a folder; None: beside their files."""
    before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
    numba.config.CACHE_DIR = "" if folder is None else str(folder)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before  # type: ignore[attr-defined]
