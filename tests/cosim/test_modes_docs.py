"""docs/modes.md says what the command gives: its keys, kinds and numbers."""

import re
from pathlib import Path

import pytest

from cosim.case_or_scenario import load_case_or_scenario
from cosim.linear.modes import Kind
from cosim.modal_study import modal_study
from cosim.modes_table import describe

TEXT = (Path(__file__).parents[2] / "docs" / "modes.md").read_text(encoding="utf-8")


def rows(first):
    """Cells of the table whose header begins with `first`."""
    table = TEXT[TEXT.index(f"\n\n| {first} |") + 2 :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]


def names(first):
    return [name for row in rows(first) for name in re.findall(r"`(\w[\w-]*)`", row[0])]


@pytest.fixture(scope="module")
def kundur():
    return modal_study(*load_case_or_scenario("kundur", None, []))


def test_every_key_and_kind_is_described(kundur):
    found = describe(kundur, list(kundur.modes))
    assert sorted(names("key")) == sorted(found)
    assert sorted(names("key of a mode")) == sorted(found["modes"][0])
    assert sorted(names("kind")) == sorted(Kind)
    in_words = " ".join(cell for row in rows("key of a mode") for cell in row)
    swing = next(mode for mode in found["modes"] if mode["kind"] == "inter-area")
    for key in (*swing["participation"][0], *swing["shape"][0]):
        assert f"`{key}`" in in_words


@pytest.mark.parametrize("grid", ["kundur", "ieee39", "npcc140", "wecc179"])
def test_modes_of_the_table_of_ringdowns(grid):
    study = modal_study(*load_case_or_scenario(grid, None, []))
    swings = [mode for mode in study.modes if mode.kind.electromechanical]
    written, current = [], ""
    for name, _, mode, _ in rows("grid"):
        current = name.strip("`") or current
        if current == grid:
            written.append([float(x) for x in re.findall(r"[\d.]+", mode)])
    assert written
    for frequency_hz, damping_percent in written:
        mode = min(swings, key=lambda mode: abs(mode.frequency_hz - frequency_hz))
        assert mode.frequency_hz == pytest.approx(frequency_hz, abs=1e-4)
        assert mode.damping_percent == pytest.approx(damping_percent, abs=0.01)


@pytest.mark.parametrize(
    ("change", "overrides"),
    [
        ("base loads of constant power", ["grid.base_load={z: 0, i: 0, p: 1}"]),
        ("inertia x 1.2", ["grid.edits=[{inertia_scale: 1.2}]"]),
        ("third circuit of line 7-8 open", ["grid.edits=[{line_out: {from: 7, to: 8, circuit: 3}}]"]),
        (
            "third circuit open, no governors",
            ["grid.edits=[{line_out: {from: 7, to: 8, circuit: 3}}, {governor_off: all}]"],
        ),
    ],
)
def test_how_the_mode_of_kundur_moves(change, overrides):
    study = modal_study(*load_case_or_scenario("kundur", None, overrides))
    (written,) = (row[1] for row in rows("change") if row[0] == change)
    (mode,) = (mode for mode in study.modes if mode.kind is Kind.INTER_AREA and mode.frequency_hz < 1.0)
    assert written == f"{mode.frequency_hz:.3f} Hz, {mode.damping_percent:.2f} %"
