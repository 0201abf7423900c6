"""Changes to a grid before it is set up; each leaves a note on the grid."""

from grids.edits.controls import set_damping, set_droop, switch_governors_off
from grids.edits.dispatch import Generation, headroom_mw, redispatch
from grids.edits.inertia import scale_inertia
from grids.edits.inverters import WEAK_RATIO, largest_share, replace_by_inverters
from grids.edits.lines import put_line_in, take_line_out
from grids.edits.loads import replace_load, scale_loads
from grids.edits.selection import machines_at, select_machines

__all__ = [
    "WEAK_RATIO",
    "Generation",
    "headroom_mw",
    "largest_share",
    "machines_at",
    "put_line_in",
    "redispatch",
    "replace_by_inverters",
    "replace_load",
    "scale_inertia",
    "scale_loads",
    "select_machines",
    "set_damping",
    "set_droop",
    "switch_governors_off",
    "take_line_out",
]
