"""A subset of the published study (arXiv 2508.16457) that the library reproduces: its base case, and what calms it."""

import pytest
from sweeps import cosim

from cosim.sweep import read_table

SUBSET = '(suppression == "none" or suppression == "50 %") and (damping == "case" or damping == "+80 %")'
FILTERS = f'filters=[\'{SUBSET} and large_job == "90 %" and inertia == "case" and penetration == "x1"\']'
SIGNAL = "frequency.peak_to_peak_mhz"
PUBLISHED_MHZ = 100.0


@pytest.mark.slow
def test_suppression_calms_the_grid_more_than_damping(tmp_path):
    arguments = ("--set", "replicates=2", "--set", FILTERS, "--workers", 2, "--quiet", "--no-report")
    assert cosim("sweep", "run", "oscillation-npcc140", "--out", tmp_path, *arguments) == 0
    table = read_table(tmp_path)
    assert (table["status"] == "completed").all()
    assert len(table) == 6
    swing = table.groupby(["suppression", "damping"])[SIGNAL].median()
    base = swing["none", "case"]
    assert PUBLISHED_MHZ / 2 < base < PUBLISHED_MHZ * 2
    assert swing["50 %", "case"] == pytest.approx(base / 2, rel=0.1)  # small signals: the grid is linear
    assert swing["50 %", "case"] < swing["none", "+80 %"] <= base
