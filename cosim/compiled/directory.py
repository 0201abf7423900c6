"""A directory of arrays for compiled code: one array of addresses and lengths stands for many arrays.

A function that takes many arrays takes long to compile, and each call copies what describes them. So the arrays of a
scenario are listed in a directory, and compiled functions look up those that they use. Whoever makes a directory keeps
the arrays alive.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from cosim.compiled.kernels import inlined


def directory(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Address and length of each array, shape (2 * arrays,); C-ordered arrays only."""
    out = np.empty(2 * len(arrays), dtype=np.int64)
    for k, array in enumerate(arrays):
        enter(out, k, array)
    return out


def enter(listed: np.ndarray, k: int, array: np.ndarray) -> None:
    """Put an array in place k of a directory."""
    if not array.flags.c_contiguous:
        raise ValueError(f"array {k} of a directory is not C-ordered")
    listed[2 * k], listed[2 * k + 1] = array.ctypes.data, array.size


@intrinsic
def _pointer(_: Any, address: Any) -> Any:
    signature = types.voidptr(address)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return signature, generate


@inlined
def floats(listed, k):  # type: ignore[no-untyped-def]
    """Array k of a directory, of float64."""
    return carray(_pointer(listed[2 * k]), (listed[2 * k + 1],), np.float64)


@inlined
def words(listed, k):  # type: ignore[no-untyped-def]
    """Array k of a directory, of int64."""
    return carray(_pointer(listed[2 * k]), (listed[2 * k + 1],), np.int64)


@inlined
def indices(listed, k):  # type: ignore[no-untyped-def]
    """Array k of a directory, of uint32."""
    return carray(_pointer(listed[2 * k]), (listed[2 * k + 1],), np.uint32)
