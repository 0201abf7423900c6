"""Compiled models on disk: one module a model text, made once, found again by every process.

A model's text is written to a file named after its hash, in the folder for generated code, and numba keeps the machine
code beside it; processors and versions have folders of their own. A file is written under another name and then
renamed, and only where it is missing, so many processes, on many machines with one home folder, can do it at once.
"""

import hashlib
import importlib.util
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import filelock

from cosim.compiled.model_loop import ModelCode
from grids.andes_runtime import cache_dir
from loads.machine_code import machine, numba_keeps_in, usable

Told = Callable[[str, float], None]
"""Told each model that was compiled, and the seconds that it took."""

_LOCK = threading.Lock()
_loaded: dict[str, Any] = {}


def compiled(codes: Sequence[ModelCode], told: Told | None = None) -> list[int]:
    """Addresses of the compiled functions of models.

    Parameters
    ----------
    codes
        Their texts.
    told
        Told what had to be compiled.
    """
    return [_function(code, told).address for code in codes]


def is_compiled(code: ModelCode) -> bool:
    """Whether a model's machine code is on disk, or in this process."""
    if _key(code) in _loaded:
        return True
    path = _path(folder(), code)
    return path.exists() and bool(list((path.parent / "__pycache__").glob(f"{path.stem}.*.nbi")))


def _key(code: ModelCode) -> str:
    return hashlib.sha256(code.source.encode()).hexdigest()[:16]


def _path(where: Path, code: ModelCode) -> Path:
    return where / f"{code.name.lower()}_{_key(code)}.py"


@cache
def folder() -> Path:
    """Where generated models are kept; a copy of it where it cannot be written."""
    return usable(cache_dir() / f"models-{machine()}")


def _function(code: ModelCode, told: Told | None) -> Any:
    with _LOCK:
        key = _key(code)
        if key not in _loaded:
            path = _path(folder(), code)
            _write(path, code.source)
            was_compiled = is_compiled(code)
            started = time.perf_counter()
            if was_compiled:
                _loaded[key] = _loadable(path).evaluate
            else:
                with filelock.FileLock(f"{path}.lock"):  # another process may do it meanwhile: one is enough
                    was_compiled = is_compiled(code)
                    started = time.perf_counter()
                    _loaded[key] = _module(path).evaluate
            if told is not None and not was_compiled:
                told(code.name, time.perf_counter() - started)
        return _loaded[key]


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all; one that is there stays, with its date, by which numba knows it."""
    if path.exists():
        if path.read_text(encoding="utf-8", errors="replace") == text:
            return
        path.unlink(missing_ok=True)  # spoilt, as by a full disk
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    written = Path(file.name)
    try:
        os.link(written, path)  # fails if another process was faster
    except FileExistsError:
        written.unlink()
    except OSError:  # a file system without links
        written.replace(path)
    else:
        written.unlink()


def _loadable(path: Path) -> ModuleType:
    """Import a module that is on disk with its machine code; where that is spoilt it is compiled again."""
    try:
        return _module(path)
    except Exception:  # numba reads what is there without a check; an error in the text itself comes again
        for spoilt in (path.parent / "__pycache__").glob(f"{path.stem}.*.nb*"):
            spoilt.unlink(missing_ok=True)
        return _module(path)


def _module(path: Path) -> ModuleType:
    """Import a generated module; numba compiles it, or finds its machine code."""
    name = f"cosim_compiled_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with numba_keeps_in(None):
        spec.loader.exec_module(module)
    return module
