"""What a load draws at a voltage, for arrays and, compiled, for single loads."""

import numpy as np


def voltage_share(v: np.ndarray, z: np.ndarray, i: np.ndarray, p: np.ndarray, v_min_pu: np.ndarray) -> np.ndarray:
    """What loads draw at a voltage, over what they would at 1 pu; see `grids.controlled_load.ControlledLoad`."""
    at = np.maximum(v, v_min_pu)
    return (z * at**2 + i * at + p) * (v / at) ** 2
