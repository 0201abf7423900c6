import pickle

import pytest

from loads.errors import LoadDataError


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "bad cell"),
        ({"path": "a.csv"}, "a.csv: bad cell"),
        ({"path": "a.csv", "line": 3}, "a.csv:3: bad cell"),
        ({"line": 3}, "line 3: bad cell"),
        ({"path": "a.csv", "line": 3, "hint": "give a number"}, "a.csv:3: bad cell; give a number"),
    ],
)
def test_text_says_where_what_and_what_to_do(arguments, text):
    assert str(LoadDataError("bad cell", **arguments)) == text


def test_survives_the_way_back_from_a_worker_process():
    error = pickle.loads(pickle.dumps(LoadDataError("bad", path="a", line=1, column="p", hint="h")))
    assert (error.message, error.path, error.line, error.column, error.hint) == ("bad", "a", 1, "p", "h")
