"""Sweeps: many runs of one scenario, planned, made on a laptop or a cluster, and gathered in one table."""
