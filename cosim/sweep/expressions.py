"""Expressions of parameters: what derived values and filters are made of."""

import ast
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from simpleeval import FeatureNotAvailable, FunctionNotDefined, NameNotDefined, SimpleEval

from cosim.errors import nearest
from cosim.sweep.parameters import Cell

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

LEFT_OUT = (ast.Attribute, ast.Subscript, ast.JoinedStr)
"""What `SimpleEval` could do and no expression of numbers needs."""

_ASSIGNMENT = re.compile(r"(?<![=<>!])=(?!=)")


def evaluate(expression: str, values: Mapping[str, Any]) -> Cell:
    """Value of an expression, such as ``800 - rating_mw``.

    Raises
    ------
    ValueError
        If it is no expression, uses a name that there is not, or cannot be computed.
    """
    tree = _parsed(expression)
    evaluator = SimpleEval(functions=FUNCTIONS, names=dict(values))
    for kind in LEFT_OUT:
        del evaluator.nodes[kind]
    try:
        value = evaluator.eval(expression, previously_parsed=tree)
    except NameNotDefined as error:
        raise ValueError(f"there is no parameter '{error.name}'; {nearest(error.name, values)}") from error
    except FunctionNotDefined as error:
        raise ValueError(f"there is no function '{error.func_name}'; {nearest(error.func_name, FUNCTIONS)}") from error
    except FeatureNotAvailable as error:
        known = f"numbers, names, arithmetic, comparisons, and, or, not, x if y else z, {', '.join(FUNCTIONS)}"
        raise ValueError(f"has more than {known}") from error
    except Exception as error:  # arithmetic can fail in many ways, and the user is to see which
        raise ValueError(f"cannot be computed: {error}") from error
    if not isinstance(value, Cell) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"gives {value}, expected a number, a text, true or false")
    return value


@lru_cache
def _parsed(expression: str) -> ast.expr:
    """The tree of an expression; `ValueError` for what is none, such as an assignment."""
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        hint = "; two values are compared with ==" if _ASSIGNMENT.search(expression) else ""
        raise ValueError(f"is no expression{hint}") from error
