"""A grid near its operating point: linear equations, their modes, their response to changing loads."""
