"""First places of an arena; see `cosim.compiled.flat_system`."""

TIME, ITERATIONS, MODE_CHANGED, VARIABLES = 0, 1, 2, 3
"""Places in the arena: time, iterations of the present step, whether a control has changed its mode since the last
step (``custom_event`` of ANDES), and the first variable."""
