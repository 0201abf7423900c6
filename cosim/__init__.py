"""How LLM data centres disturb a power grid, and what helps.

``cosim.run(scenario)`` runs one scenario and returns its `Result`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.errors import InputError
    from cosim.result import Result
    from cosim.runner import run

__all__ = ["InputError", "Result", "run"]

_HOME = {"InputError": "cosim.errors", "Result": "cosim.result", "run": "cosim.runner"}


def __getattr__(name: str) -> Any:
    # Imported on first use: the command line must answer before numpy, ANDES and numba are loaded.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'cosim' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
