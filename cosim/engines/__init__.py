"""What integrates the grid. Each engine offers the interface of `cosim.engines.andes.AndesEngine`."""
