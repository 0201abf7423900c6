"""Expressions of sweeps compute with numbers and names, and can do nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.sweep.expressions import FUNCTIONS, evaluate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("800 - a", 793),
        ("a if a < b else b", 7),
        ("a <= 7 < b and not a == b", True),
        ("a / 2 + 2 ** 3 - a % 4 * 1.5", 7 / 2 + 8 - 4.5),
        ("max(a, b) - min(a, b) + abs(-1)", 5),
        ("round(b / a, 2) + floor(1.7) + ceil(1.2)", 1.57 + 3),
        ("sqrt(4) + exp(0) + log(1)", 3.0),
        ("name == 'near'", True),
        ("name in ('near')", True),
        (" a ", 7),
        ("True", True),
    ],
)  # fmt: skip
def test_an_expression_is_computed(expression, value):
    assert evaluate(expression, {"a": 7, "b": 11, "name": "near"}) == value


@pytest.mark.parametrize(
    "expression",
    [
        "a.real",
        "a.__class__",
        "name.upper()",
        "(1).__class__.__bases__[0].__subclasses__()",
        "__import__('os').system('true')",
        "open('/etc/passwd')",
        "eval('1')",
        "getattr(a, 'real')",
        "print(a)",
        "name[0]",
        "f'{a.__class__}'",
        "[x for x in (1, 2)]",
        "(lambda: 1)()",
        "max.__self__",
        "min",
        "(a := 3)",
        "a = 3",
        "a; b",
        "import os",
        "{'a': 1}",
        "[1, 2]",
        "'x' * 10 ** 9",
        "9 ** 9 ** 9",
        "1e400",
        "1e400 - 1e400",
        "(-1) ** 0.5",
        "None",
        "...",
        "b'x'",
        "",
        "   ",
        "#",
        "(" * 500,
        "a\0",
        "1 / 0",
        "sqrt(-1)",
        "name - a",
        "nothing + 1",
        "max()",
        "yield a",
        "await a",
        "*a",
        "a if b",
    ],
)
def test_an_expression_can_do_nothing_else(expression):
    with pytest.raises(ValueError, match=r"\w"):
        evaluate(expression, {"a": 7, "b": 11, "name": "near"})


@given(st.text(max_size=30))
def test_any_text_gives_a_value_or_says_why_not(text):
    try:
        value = evaluate(text, {"a": 7, "b": 0.5})
    except ValueError as error:
        value = str(error)
    assert isinstance(value, bool | int | float | str)
    assert value != ""


def test_functions_are_the_ones_that_are_documented():
    text = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text(encoding="utf-8").replace("\n", " ")
    assert ", ".join(FUNCTIONS) in text
