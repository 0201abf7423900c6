"""How many MW a sweep says can be hosted: by hand, and against the definition for any verdicts."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_tables import swept

from cosim.errors import InputError
from cosim.sweep.hosting import Capacity, hosting, hosting_parameter

RATING = {"key": "sites[0].rating_mw", "range": [100, 400], "steps": 4}
BUS = {"key": "sites[0].bus", "values": [4, 8]}
MW = (100, 200, 300, 400)
SHORT = {"p": "pass", "f": "fail", "n": "not_assessed", "s": "simulation_failed", "-": None}


def verdicts_of(texts, seeds=1, column="sites[0].rating_mw", values=MW):
    """A table with a letter of `SHORT` for each value and seed, by the bus; a space for a value not tested."""
    rows = []
    for bus, text in texts.items():
        letters = iter(text)
        for value in values:
            for seed, letter in zip(range(seeds), letters, strict=False):
                if letter != " ":
                    status = {"-": "pending", "s": "diverged"}.get(letter, "completed")
                    row = {"sites[0].bus": bus, column: value, "seed": seed, "status": status}
                    rows.append(row | {"verdict": SHORT[letter]})
    return pd.DataFrame(rows)


def hosted(texts, seeds=1):
    sweep = swept(BUS, RATING)
    runs = verdicts_of(texts, seeds)
    return hosting(sweep.parameters, runs, sweep.parameters[1])


def alone(text, seeds=1):
    """What a bus alone can host."""
    (capacity,) = hosted({4: text}, seeds).capacities
    return capacity


@pytest.mark.parametrize(
    ("text", "largest", "end", "next_value"),
    [
        ("ppff", 200, "fail", 300),
        ("pppp", 400, "tested", None),
        ("ffff", None, "fail", 100),
        ("pspp", 100, "fail", 200),  # what did not complete never passes
        ("sppp", None, "fail", 100),
        ("pp-f", 200, "pending", 300),
        ("----", None, "pending", 100),
        ("pnnf", 100, "not_assessed", 200),
        ("nppp", None, "not_assessed", 100),
        ("p pf", 300, "fail", 400),  # 200 was not tested
    ],
)
def test_the_largest_value_up_to_which_all_passes(text, largest, end, next_value):
    found = alone(text)
    assert (found.largest, found.end, found.next_value) == (largest, end, next_value)
    assert found.is_exact == (end == "fail")
    assert (found.values, found.runs) == (len(text) - text.count(" "),) * 2


@pytest.mark.parametrize(
    ("text", "largest", "again"),
    [("pfpf", 100, True), ("fppp", None, True), ("pffn", 100, False), ("p-pp", 100, False), ("p-fp", 100, True)],
)
def test_what_passes_again_above_a_failure_does_not_count(text, largest, again):
    found = alone(text)
    assert (found.largest, found.passes_again) == (largest, again)


@pytest.mark.parametrize(
    ("text", "largest", "end"),
    [
        ("ppppppff", 300, "fail"),
        ("pppfpppp", 100, "fail"),  # one seed of two is enough
        ("pppspppp", 100, "fail"),
        ("ppp-pppp", 100, "pending"),
        ("pp-fpppp", 100, "fail"),  # whatever the pending one gives
        ("ppnfpppp", 100, "fail"),
        ("ppn-pppp", 100, "pending"),
        ("pppnpppp", 100, "not_assessed"),
    ],
)
def test_all_seeds_must_pass(text, largest, end):
    found = alone(text, seeds=2)
    assert (found.largest, found.end, found.values, found.runs) == (largest, end, 4, 8)


def test_each_combination_of_the_other_parameters_has_its_own():
    found = hosted({4: "ppff", 8: "pppp"})
    assert [p.column for p in found.others] == ["sites[0].bus"]
    assert [(c.others, c.largest) for c in found.capacities] == [((4,), 200), ((8,), 400)]
    assert found.single == 0


def test_a_combination_with_one_value_tested_is_left_out():
    found = hosted({4: "ppff", 8: "p   "})
    assert [c.others for c in found.capacities] == [(4,)]
    assert found.single == 1


def test_seeds_that_are_varied_make_no_combinations():
    sweep = swept(RATING, {"key": "simulation.seed", "values": [1, 2, 3]}, {"key": "sites[0].pue", "values": [1.2]})
    runs = pd.DataFrame(
        [
            {"sites[0].rating_mw": mw, "simulation.seed": seed, "sites[0].pue": 1.2, "seed": seed}
            | {"status": "completed", "verdict": "fail" if (mw, seed) == (300, 3) else "pass"}
            for mw in MW
            for seed in (1, 2, 3)
        ]
    )
    found = hosting(sweep.parameters, runs, sweep.parameters[0])
    assert found.others == ()
    assert found.capacities == (Capacity((), 200, "fail", 300, 4, 12, True),)


@given(st.lists(st.lists(st.sampled_from("pfns-"), min_size=1, max_size=3), min_size=2, max_size=6), st.randoms())
def test_hosting_is_what_its_definition_says(found_at, shuffled):
    """For any verdicts in any order of rows: the largest value such that all runs at it and below passed."""
    values = [10.0 * (k + 1) for k in range(len(found_at))]
    rows = [
        {"sites[0].rating_mw": value, "seed": seed, "verdict": SHORT[letter]}
        | {"status": {"-": "pending", "s": "crashed"}.get(letter, "completed")}
        for value, letters in zip(values, found_at, strict=True)
        for seed, letter in enumerate(letters)
    ]
    shuffled.shuffle(rows)
    sweep = swept(RATING)
    (found,) = hosting(sweep.parameters, pd.DataFrame(rows), sweep.parameters[0]).capacities
    passing = [
        value
        for k, value in enumerate(values)
        if all(letter == "p" for letters in found_at[: k + 1] for letter in letters)
    ]
    assert found.largest == max(passing, default=None)
    above = [(v, letters) for v, letters in zip(values, found_at, strict=True) if v not in passing]
    assert found.next_value == (above[0][0] if above else None)
    assert found.is_exact == bool(above and set(above[0][1]) & {"f", "s"})
    if found.end == "tested":
        assert not above
    elif not found.is_exact:
        assert {"pending": "-", "not_assessed": "n"}[found.end] in above[0][1]


def test_the_worst_combination_is_the_smallest_that_is_known():
    found = hosted({4: "pppp", 5: "pp-f", 6: "ppff", 7: "--pp", 8: "ffpp"})
    ordered = sorted(found.capacities, key=lambda capacity: capacity.rank)
    assert [(c.others[0], c.largest, c.is_exact) for c in ordered] == [
        (8, None, True),
        (7, None, False),
        (6, 200, True),
        (5, 200, False),
        (4, 400, False),
    ]


OTHERS = [
    {"key": "sites[0].workloads[0].share", "range": [0.1, 0.9], "steps": 3},
    {"key": "grid.case", "values": ["ieee39", "wecc179"]},
    {"key": ["sites[1].rating_mw", "sites[2].rating_mw"], "name": "both", "values": [10, 20]},
    {"key": "sites[3].rating_mw", "values": [1, "x"], "name": "mixed"},
    {"name": "kind", "cases": {"a": {"sites[4].rating_mw": 5}, "b": {}}},
]


@pytest.fixture
def parameters():
    """Parameters of many kinds, the second in MW the first with numbers, and their table."""
    sweep = swept(OTHERS[4], OTHERS[3], BUS, *OTHERS[:3], RATING)
    cells = {p.column: [level.cell for level in p.levels[:2]] for p in sweep.parameters}
    cells["sites[3].rating_mw"] = ["1", "x"]  # as the table has them
    return sweep.parameters, pd.DataFrame(cells)


def test_the_first_parameter_in_mw_with_numbers_is_sought(parameters):
    assert hosting_parameter(*parameters).title == "both"
    without = [p for p in parameters[0] if p.title != "both"]
    assert hosting_parameter(without, parameters[1]).column == "sites[0].rating_mw"
    assert hosting_parameter(without[:-1], parameters[1]) is None


@pytest.mark.parametrize("key", ["both", "sites[2].rating_mw"])
def test_a_parameter_is_named_by_its_name_or_a_key(parameters, key):
    assert hosting_parameter(*parameters, key).title == "both"
    assert hosting_parameter(*parameters, "share").column == "sites[0].workloads[0].share"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("sites[0].rating_mv", "no parameter 'sites\\[0\\].rating_mv'.*sites\\[0\\].rating_mw"),
        ("bus", "values of 'bus' are not numbers on a scale"),  # numbers that are names
        ("grid.case", "values of 'grid.case' are not numbers on a scale"),
        ("mixed", "values of 'mixed' are not numbers on a scale"),
        ("kind", "values of 'kind' are not numbers on a scale"),
    ],
)
def test_a_parameter_that_cannot_be_sought_is_refused(parameters, key, message):
    with pytest.raises(InputError, match=f"(?s)--hosting.*{message}"):
        hosting_parameter(*parameters, key)
