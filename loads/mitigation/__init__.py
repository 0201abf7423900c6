"""What a site's owner can do about its fluctuation, as pure models: smoothing, staggering, ramp limits, storage."""

from loads.mitigation.ramp_limit import LimitReport, PowerSmoothing, limit_ramps, smoothed
from loads.mitigation.stagger import Stagger, StaggerReport, spread_checkpoints, staggered
from loads.mitigation.storage import DeviceReport, Storage, StorageDevice, apply_storage
from loads.mitigation.storage_kernel import OUTPUTS, storage_step

__all__ = [
    "OUTPUTS",
    "DeviceReport",
    "LimitReport",
    "PowerSmoothing",
    "Stagger",
    "StaggerReport",
    "Storage",
    "StorageDevice",
    "apply_storage",
    "limit_ramps",
    "smoothed",
    "spread_checkpoints",
    "staggered",
    "storage_step",
]
