"""Sweeps: many runs of one scenario, planned, made on a laptop or a cluster, and gathered in one table."""

from cosim.sweep.drive import run_sweep
from cosim.sweep.plan import load_sweep, make_plan
from cosim.sweep.pool import LocalWorkers
from cosim.sweep.table import read_table

__all__ = ["LocalWorkers", "load_sweep", "make_plan", "read_table", "run_sweep"]
