"""Storage at the point of interconnection (POI): a battery, and a supercapacitor for what is too fast for it.

The equations are those of `loads.mitigation.storage_kernel`, whose `storage_step` runs in the co-simulation loop.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from loads.mitigation import storage_kernel as kernel
from loads.segments import Floats

S_PER_H = 3600.0


@dataclass(frozen=True)
class StorageDevice:
    """A battery or a supercapacitor, at the AC side of its converter.

    Parameters
    ----------
    power_mw
        Most that it charges or discharges.
    energy_mwh
        Stored from a state of charge of 0 to one of 1.
    ramp_mw_per_s
        Most that its power changes a second; infinite: only the lag slows it.
    charge_efficiency, discharge_efficiency
        Stored over drawn, and delivered over taken from the store.
    lag_s
        Time constant of the power behind its command. The default is assumed: a converter's few tens of milliseconds.
    soc_min, soc_max, soc_start
        State of charge: limits, and at the start.
    soc_target
        What the control brings it back to; None: where it started.
    recentring_s
        Time constant of that; infinite: it does not. Far longer than the smoothing, or the two work against each other.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    power_mw: float
    energy_mwh: float
    ramp_mw_per_s: float = math.inf
    charge_efficiency: float = 1.0
    discharge_efficiency: float = 1.0
    lag_s: float = 0.02
    soc_min: float = 0.0
    soc_max: float = 1.0
    soc_start: float = 0.5
    soc_target: float | None = None
    recentring_s: float = math.inf

    def __post_init__(self) -> None:
        for name, unit in (("power_mw", "MW"), ("energy_mwh", "MWh"), ("lag_s", "s")):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0 {unit}, got {getattr(self, name)}")
        for name, unit in (("ramp_mw_per_s", "MW/s"), ("recentring_s", "s")):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be above 0 {unit}, got {getattr(self, name)}")
        for name in ("charge_efficiency", "discharge_efficiency"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be above 0 and at most 1, got {getattr(self, name)}")
        if not 0.0 <= self.soc_min < self.soc_max <= 1.0:
            got = f"{self.soc_min} and {self.soc_max}"
            raise ValueError(f"soc_min must be from 0 to below soc_max, and that at most 1, got {got}")
        for name, soc in (("soc_start", self.soc_start), ("soc_target", self.recentred_soc)):
            if not self.soc_min <= soc <= self.soc_max:
                raise ValueError(f"{name} must be from soc_min {self.soc_min} to soc_max {self.soc_max}, got {soc}")

    @classmethod
    def with_round_trip(cls, power_mw: float, energy_mwh: float, round_trip_efficiency: float, **others: Any) -> Self:
        """Build from an efficiency of charging and discharging together, of which each has the square root."""
        if not 0.0 < round_trip_efficiency <= 1.0:
            raise ValueError(f"round_trip_efficiency must be above 0 and at most 1, got {round_trip_efficiency}")
        one_way = math.sqrt(round_trip_efficiency)
        return cls(power_mw, energy_mwh, charge_efficiency=one_way, discharge_efficiency=one_way, **others)

    @property
    def recentred_soc(self) -> float:
        """State of charge that the control brings it back to."""
        return self.soc_start if self.soc_target is None else self.soc_target

    @property
    def energy_mws(self) -> float:
        """Energy from empty to full, in MW s."""
        return self.energy_mwh * S_PER_H


@dataclass(frozen=True)
class Storage:
    """Storage of a site and its control.

    Parameters
    ----------
    battery
        The device, or the slower one of two.
    smoothing_s
        Time constant of the low-pass whose output, of the load, is the power aimed at for the POI.
    supercapacitor
        The faster device; None: there is none.
    split_hz
        With a supercapacitor: corner frequency below which the battery acts and above which the supercapacitor does.
    droop_mw_per_hz
        Discharge per frequency below the dead band, and charge above it; 0: none.
    dead_band_hz
        Deviation from nominal, up or down, without droop.
    nominal_hz
        Of the grid; needed for droop.

    Raises
    ------
    ValueError
        If a number is out of range or missing.
    """

    battery: StorageDevice
    smoothing_s: float
    supercapacitor: StorageDevice | None = None
    split_hz: float | None = None
    droop_mw_per_hz: float = 0.0
    dead_band_hz: float = 0.0
    nominal_hz: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.smoothing_s < math.inf:
            raise ValueError(f"smoothing_s must be above 0 s, got {self.smoothing_s}")
        if (self.supercapacitor is None) != (self.split_hz is None):
            raise ValueError("a supercapacitor needs split_hz, and split_hz goes with a supercapacitor")
        if self.split_hz is not None and not 0.0 < self.split_hz < math.inf:
            raise ValueError(f"split_hz must be above 0 Hz, got {self.split_hz}")
        for name, unit in (("droop_mw_per_hz", "MW/Hz"), ("dead_band_hz", "Hz")):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 {unit} or more, got {getattr(self, name)}")
        if self.nominal_hz is not None and not 0.0 < self.nominal_hz < math.inf:
            raise ValueError(f"nominal_hz must be above 0 Hz, got {self.nominal_hz}")
        if self.droop_mw_per_hz > 0.0 and self.nominal_hz is None:
            raise ValueError("droop_mw_per_hz needs nominal_hz, got none")

    @property
    def devices(self) -> dict[str, StorageDevice]:
        """The devices by name, in the order of the arrays."""
        both = {"battery": self.battery}
        if self.supercapacitor is not None:
            both["supercapacitor"] = self.supercapacitor
        return both

    def parameters(self) -> Floats:
        """Return the parameters as `storage_step` takes them."""
        split_s = math.inf if self.split_hz is None else 1.0 / (2.0 * math.pi * self.split_hz)
        nominal_hz = math.nan if self.nominal_hz is None else self.nominal_hz
        values = [self.smoothing_s, split_s, nominal_hz, self.droop_mw_per_hz, self.dead_band_hz, len(self.devices)]
        for d in self.devices.values():
            values += [d.power_mw, d.soc_min * d.energy_mws, d.soc_max * d.energy_mws, d.ramp_mw_per_s]
            values += [d.charge_efficiency, d.discharge_efficiency, d.lag_s]
            values += [d.recentred_soc * d.energy_mws, d.recentring_s]
        return np.array(values, dtype=np.float64)

    def initial_state(self, load_mw: float, aim_mw: float | None = None) -> Floats:
        """Return a state with the POI at its aim, as far as the device that is the faster can make it so.

        Parameters
        ----------
        load_mw
            At the start.
        aim_mw
            Output of the low-pass at the start; that of a steady load, with no storage power, if not given.
        """
        nominal_hz = math.nan if self.nominal_hz is None else self.nominal_hz
        state = np.zeros(kernel.STATES + len(self.devices) * kernel.DEVICE_STATES)
        state[kernel.LOAD_MW] = load_mw
        state[kernel.SMOOTH_MW] = load_mw if aim_mw is None else aim_mw
        state[kernel.FREQUENCY_HZ], state[kernel.DELIVERED] = nominal_hz, 1.0
        for s, device in zip(device_states(state), self.devices.values(), strict=True):
            s[[kernel.STORED_MWS, kernel.SMALLEST_MWS, kernel.LARGEST_MWS]] = device.soc_start * device.energy_mws
        fastest = list(self.devices.values())[-1]
        wish_mw = float(state[kernel.SMOOTH_MW]) - load_mw
        # It must fit with the energy left, as at a node: see the kernel. No step is longer than a second.
        room_mws = (fastest.soc_max - fastest.soc_start) * fastest.energy_mws / fastest.charge_efficiency
        left_mws = (fastest.soc_start - fastest.soc_min) * fastest.energy_mws * fastest.discharge_efficiency
        most_mw, least_mw = min(fastest.power_mw, room_mws), -min(fastest.power_mw, left_mws)
        s[kernel.DEVICE_MW] = min(max(wish_mw, least_mw), most_mw)
        return state

    def report(self, state: Floats) -> dict[str, DeviceReport]:
        """Return what each device, by name, has done up to a state."""
        return {
            name: DeviceReport.of(device, s)
            for s, (name, device) in zip(device_states(state), self.devices.items(), strict=True)
        }


@dataclass(frozen=True)
class DeviceReport:
    """What a device did.

    Parameters
    ----------
    charged_mwh, discharged_mwh
        Energy drawn from and delivered to the AC side.
    losses_mwh
        Of both ways.
    at_power_limit_s, at_ramp_limit_s, at_soc_limit_s
        Time in which the power, the ramp rate or the state of charge kept it from what the control asked for.
    soc_min, soc_max, soc_final
        State of charge: smallest, largest, and at the end.
    """

    charged_mwh: float
    discharged_mwh: float
    losses_mwh: float
    at_power_limit_s: float
    at_ramp_limit_s: float
    at_soc_limit_s: float
    soc_min: float
    soc_max: float
    soc_final: float

    @classmethod
    def of(cls, device: StorageDevice, s: Floats) -> Self:
        """Read a device's part of the state."""
        energies = s[[kernel.CHARGED_MWS, kernel.DISCHARGED_MWS, kernel.LOST_MWS]] / S_PER_H
        times = s[[kernel.AT_POWER_S, kernel.AT_RAMP_S, kernel.AT_STORED_S]]
        socs = s[[kernel.SMALLEST_MWS, kernel.LARGEST_MWS, kernel.STORED_MWS]] / device.energy_mws
        return cls(*energies.tolist(), *times.tolist(), *socs.tolist())

    def to_dict(self) -> dict[str, float]:
        """Return plain numbers, ready for JSON."""
        return asdict(self)


def device_states(state: Floats) -> Floats:
    """Return the devices' parts of a state, shape (devices, DEVICE_STATES), sharing its memory."""
    return state[kernel.STATES :].reshape(-1, kernel.DEVICE_STATES)


def apply_storage(
    storage: Storage, power_mw: Floats, interval_s: float
) -> tuple[Floats, dict[str, DeviceReport], dict[str, Floats]]:
    """Apply storage to a load at nominal frequency, without a grid.

    Parameters
    ----------
    storage
        The devices and their control, in equilibrium with the load at the start.
    power_mw
        Load at nodes, shape (n,), n >= 2, straight between them.
    interval_s
        Between nodes.

    Returns
    -------
    poi_mw
        Power at the POI at the nodes, shape (n,).
    report
        Of each device, by name.
    soc
        State of charge of each device at the nodes, shape (n,), by name.

    Raises
    ------
    ValueError
        If there are fewer than two nodes, or a number is out of range.
    """
    load = np.ascontiguousarray(power_mw, dtype=np.float64)
    if load.ndim != 1 or load.size < 2 or not np.isfinite(load).all():
        raise ValueError(f"power_mw must have one dimension and finite values, at least two, got shape {load.shape}")
    if not 0.0 < interval_s < math.inf:
        raise ValueError(f"interval_s must be above 0 s, got {interval_s}")
    state = storage.initial_state(float(load[0]))
    poi, stored = np.empty(load.size), np.empty((len(storage.devices), load.size))
    kernel.storage_series(storage.parameters(), state, load, float(interval_s), poi, stored)
    soc = {name: row / device.energy_mws for row, (name, device) in zip(stored, storage.devices.items(), strict=True)}
    return poi, storage.report(state), soc
