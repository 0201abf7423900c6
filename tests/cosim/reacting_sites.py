"""Equipment of sites that react to the grid, for tests."""

STORAGE = {
    "type": "storage",
    "smoothing_s": 2.0,
    "split_hz": 0.5,
    "battery": {"power_mw": 6, "energy_mwh": 0.05},
    "supercapacitor": {"power_mw": 10, "energy_mwh": 0.005},
}
