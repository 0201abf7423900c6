"""Dynamic test systems: catalogue, case import, edits, and what the network does to frequency."""

from grids.catalogue import Entry, catalogue
from grids.errors import GridError
from grids.grid import Bus, Grid, Line, Machine
from grids.loader import load_grid, resolve_case

__all__ = ["Bus", "Entry", "Grid", "GridError", "Line", "Machine", "catalogue", "load_grid", "resolve_case"]
