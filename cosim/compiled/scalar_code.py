"""Translate ANDES's generated vector functions into expressions of one device, for compiled code."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any

_LITERALS = {"__zeros": 0.0, "__ones": 1.0, "__falses": False, "__trues": True}
_COMPARISONS = {
    "less": ast.Lt,
    "less_equal": ast.LtE,
    "greater": ast.Gt,
    "greater_equal": ast.GtE,
    "equal": ast.Eq,
}
_LOGIC = {"logical_and": ast.And, "logical_or": ast.Or}
_REAL = {
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "sqrt": "sqrt",
    "exp": "exp",
    "log": "log",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsin": "asin",
    "arccos": "acos",
    "radians": "radians",
    "abs": "abs",
}
"""Functions of real numbers, by their names in ANDES's code and in compiled code."""
_COMPLEX = {"exp": "np.exp", "sqrt": "np.sqrt"}
_PARTS = {"real": "real", "imag": "imag"}


class NotTranslatable(Exception):
    """A function uses something that has no counterpart in compiled code."""


@dataclass(frozen=True)
class Expressions:
    """What a generated function returns, as source text of one device."""

    names: tuple[str, ...]
    """Arguments that the expressions use."""
    values: tuple[str, ...]


def translate(function: Callable[..., Any], *, has_complex: bool = False) -> Expressions:
    """Translate a generated function.

    Parameters
    ----------
    function
        Of a model's generated module: arguments in, a tuple or a single value out.
    has_complex
        Whether an argument is complex.

    Raises
    ------
    NotTranslatable
        If it calls something unknown.
    """
    key = function.__code__, has_complex  # ANDES reads its functions anew for each system
    if key not in _translated:
        _translated[key] = _translate(function, has_complex=has_complex)
    return _translated[key]


_translated: dict[tuple[CodeType, bool], Expressions] = {}


def _translate(function: Callable[..., Any], *, has_complex: bool) -> Expressions:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    if len(definition.body) != 1 or not isinstance(definition.body[0], ast.Return):
        raise NotTranslatable(f"{function.__name__} is more than one expression")
    value = definition.body[0].value
    has_complex |= any(isinstance(n, ast.Constant) and isinstance(n.value, complex) for n in ast.walk(definition))
    translator = _Translator({a.arg for a in definition.args.args}, has_complex=has_complex)
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    texts = tuple(ast.unparse(ast.fix_missing_locations(translator.visit(part))) for part in parts if part is not None)
    return Expressions(tuple(sorted(translator.used)), texts)


class _Translator(ast.NodeTransformer):
    def __init__(self, arguments: set[str], *, has_complex: bool):
        self._arguments, self._has_complex = arguments, has_complex
        self.used: set[str] = set()

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in _LITERALS:
            return ast.Constant(_LITERALS[node.id])
        if node.id in self._arguments:
            self.used.add(node.id)
        elif node.id not in ("pi", "nan"):
            raise NotTranslatable(f"unknown name {node.id}")
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "reduce":
            return self._reduced(function, node.args[0])
        if not isinstance(function, ast.Name):
            raise NotTranslatable(ast.unparse(node.func))
        name = function.id
        if name == "select":
            return self._selected(node)
        arguments = [self.visit(argument) for argument in node.args]
        if name in _COMPARISONS:
            return ast.Compare(arguments[0], [_COMPARISONS[name]()], [arguments[1]])
        if name in _LOGIC:
            return ast.BoolOp(_LOGIC[name](), [_truth(a) for a in arguments])
        if name == "logical_not":
            return ast.UnaryOp(ast.Not(), _truth(arguments[0]))
        if name in _PARTS:
            return ast.Attribute(arguments[0], _PARTS[name], ast.Load())
        if name == "conj":
            return _call("np.conj", arguments)
        if name == "angle":
            return _call("atan2", [ast.Attribute(arguments[0], part, ast.Load()) for part in ("imag", "real")])
        table = {**_REAL, **(_COMPLEX if self._has_complex else {})}
        if name not in table:
            raise NotTranslatable(f"unknown function {name}")
        return _call(table[name], arguments)

    def _reduced(self, function: ast.Attribute, values: ast.expr) -> ast.AST:
        """``logical_and.reduce((a, b, ...))``."""
        name = function.value.id if isinstance(function.value, ast.Name) else ""
        if name not in _LOGIC or not isinstance(values, ast.Tuple | ast.List):
            raise NotTranslatable(ast.unparse(function))
        return ast.BoolOp(_LOGIC[name](), [_truth(self.visit(v)) for v in values.elts])

    def _selected(self, node: ast.Call) -> ast.AST:
        """``select([conditions], [values], default=x)``: the value of the first condition that holds."""
        conditions, values = node.args[0], node.args[1]
        if not (isinstance(conditions, ast.List) and isinstance(values, ast.List)):
            raise NotTranslatable("select without lists")
        default = next((k.value for k in node.keywords if k.arg == "default"), ast.Constant(0.0))
        out = self.visit(default)
        for condition, value in reversed(list(zip(conditions.elts, values.elts, strict=True))):
            out = ast.IfExp(_truth(self.visit(condition)), self.visit(value), out)
        return out


def _truth(node: ast.expr) -> ast.expr:
    """A condition: numbers are compared with zero, as NumPy does."""
    if isinstance(node, ast.Compare | ast.BoolOp) or (isinstance(node, ast.Constant) and isinstance(node.value, bool)):
        return node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return node
    return ast.Compare(node, [ast.NotEq()], [ast.Constant(0.0)])


def _call(name: str, arguments: list[ast.expr]) -> ast.expr:
    return ast.Call(ast.parse(name, mode="eval").body, arguments, [])
