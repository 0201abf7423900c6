"""Where the machine code of compiled functions is kept: a folder for each state of their texts.

Numba looks at the file of a function alone when it decides whether code on disk is still good, not at the files of
functions that were compiled into it. So all files that belong together share a folder whose name has a hash of all
their texts. ``NUMBA_CACHE_DIR`` or ``COSIM_CACHE_DIR`` move it. Where it cannot be written, numba finds a place of its
own.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
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
    folder = Path(chosen or platformdirs.user_cache_dir("llm-grid-cosim")) / f"kernels-{digest.hexdigest()[:16]}"
    is_writable = _is_writable(folder)

    def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
        def decorate(function: Callable[..., Any]) -> Any:
            before = numba.config.CACHE_DIR  # type: ignore[attr-defined]
            numba.config.CACHE_DIR = str(folder) if is_writable else before  # type: ignore[attr-defined]
            try:
                return numba.njit(cache=True, **options)(function)
            finally:
                numba.config.CACHE_DIR = before  # type: ignore[attr-defined]

        return decorate

    return njit


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
