"""Call a compiled model by its address, so that one stepper serves every case."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

WORD_BITS = 64


@intrinsic
def _call(_: Any, address: Any, kind: Any, arena: Any, table: Any, jacobian: Any) -> Any:  # noqa: ARG001
    """Call the function at ``address`` with a kind and the addresses of arena, table and Jacobian, all int64."""
    signature = types.void(*[types.int64] * 5)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(WORD_BITS)
        function = ir.FunctionType(ir.VoidType(), [word] * 4)
        builder.call(builder.inttoptr(arguments[0], function.as_pointer()), arguments[1:])
        return context.get_dummy_value()

    return signature, generate


call_model: Callable[..., None] = _call
