"""ANDES with our load model in it, its generated code in a cache of our own, and its chatter kept out of the way.

ANDES generates code for its models on first use and keeps it in the user's home. Two processes that do this at once
race, so the code is made once, under a lock, in a folder that ``COSIM_CACHE_DIR`` can move.
"""

import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import andes
import andes.models
import filelock
import platformdirs

import grids.controlled_load as _controlled_load

_MODULE = "andes.models.controlled_load"
_STAMP = "complete"


def cache_dir() -> Path:
    """Folder for generated code: ``COSIM_CACHE_DIR`` if set, else the user's cache folder."""
    root = os.environ.get("COSIM_CACHE_DIR") or platformdirs.user_cache_dir("llm-grid-cosim")
    return Path(root)


def _code_dir() -> Path:
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    return cache_dir() / f"andes-{andes.__version__}-{python}" / "pycode"


def _register_model() -> None:
    """Add `ControlledLoad` to the models that ANDES instantiates (it offers no entry point for outside models)."""
    if _MODULE not in sys.modules:
        sys.modules[_MODULE] = _controlled_load
        andes.models.file_classes.append(("controlled_load", ["ControlledLoad"]))


def _use_own_code(code_dir: Path) -> None:
    """Drop generated code that another user of ANDES in this process has loaded: it lacks our model."""
    loaded = sys.modules.get("pycode")
    if loaded is not None and Path(str(loaded.__file__)).parent != code_dir:
        for name in [n for n in sys.modules if n == "pycode" or n.startswith("pycode.")]:
            del sys.modules[name]


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage().strip())


@contextmanager
def andes_messages() -> Iterator[list[str]]:
    """Collect ANDES's warnings and errors in a list instead of printing them."""
    logger = logging.getLogger("andes")
    collector, propagate = _Collector(), logger.propagate
    logger.addHandler(collector)
    logger.propagate = False
    try:
        yield collector.messages
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate


def _model_source() -> str:
    return Path(_controlled_load.__file__).read_text(encoding="utf-8")


def is_prepared() -> bool:
    """Whether ANDES's numerical code is there and belongs to the present model."""
    stamp = _code_dir().parent / _STAMP
    return stamp.exists() and stamp.read_text(encoding="utf-8") == _model_source()


def prepare() -> Path:
    """Generate ANDES's numerical code if it is missing or out of date; return its folder.

    Safe to call from many processes at once. Takes about ten seconds the first time, milliseconds after.
    """
    _register_model()
    code_dir = _code_dir()
    if is_prepared():
        return code_dir
    code_dir.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(str(code_dir.parent / "lock")):
        if not is_prepared():  # another process may have done it meanwhile
            (code_dir.parent / _STAMP).unlink(missing_ok=True)  # code that is half old belongs to no model
            code_dir.mkdir(parents=True, exist_ok=True)
            _use_own_code(code_dir)
            with andes_messages():
                system = andes.System(no_undill=True, default_config=True, pycode_path=str(code_dir))
                system.prepare(quick=True, nomp=True)
            (code_dir.parent / _STAMP).write_text(_model_source(), encoding="utf-8")
    return code_dir


def read_case(case: Path, dyr: Path | None = None) -> tuple[Any, list[str]]:
    """Parse a case into an ANDES system that still takes more devices.

    Parameters
    ----------
    case : Path
        File that ANDES reads (.xlsx, .json, .raw, .m).
    dyr : Path, optional
        PSS/E dynamic data for a .raw case.

    Returns
    -------
    system : andes.System or None
        Not yet set up; None if ANDES could not parse the case.
    messages : list of str
        What ANDES had to say.
    """
    code_dir = prepare()
    _use_own_code(code_dir)
    with andes_messages() as messages:
        system = andes.load(
            str(case),
            setup=False,
            use_input_path=False,
            no_output=True,
            default_config=True,
            pycode_path=str(code_dir),
            **({"addfile": str(dyr)} if dyr else {}),
        )
    return system, messages


def stock_case(name: str) -> Path:
    """Path of a case file that ships with ANDES, such as ``ieee39/ieee39_full.xlsx``."""
    spec = importlib.util.find_spec("andes")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "cases" / name
