"""How the stepper, and all that it calls, is compiled."""

from pathlib import Path

import loads
from loads.machine_code import cached_njit

_PACKAGE = Path(__file__).parents[1]

njit = cached_njit(
    [
        *Path(__file__).parent.glob("*.py"),
        *_PACKAGE.glob("*_kernel.py"),
        *Path(loads.__file__).parent.rglob("*.py"),
    ]
)
kernel = njit(nogil=True, error_model="numpy")
# A call copies the whole tuple of arguments to the stack; what every step calls several times is spared that.
inlined = njit(nogil=True, error_model="numpy", forceinline=True)
