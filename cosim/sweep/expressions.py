"""Expressions of parameters: what derived values and filters are made of."""

import math
from collections.abc import Mapping
from typing import Any

from simpleeval import NameNotDefined, SimpleEval

from cosim.errors import nearest

FUNCTIONS = {
    "abs": abs,
    "min": min,
    "max": max,
    "round": round,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "floor": math.floor,
    "ceil": math.ceil,
}


def evaluate(expression: str, values: Mapping[str, Any]) -> Any:
    """Value of an expression, such as ``800 - rating_mw``.

    Raises
    ------
    ValueError
        If it is no expression, uses a name that there is not, or cannot be computed.
    """
    try:
        return SimpleEval(functions=FUNCTIONS, names=dict(values)).eval(expression)
    except NameNotDefined as error:
        raise ValueError(f"there is no parameter '{error.name}'; {nearest(error.name, values)}") from error
    except Exception as error:  # arithmetic can fail in many ways, and the user is to see which
        raise ValueError(f"cannot be computed: {error}") from error
