"""A hydro turbine and its governor, linearised where they run, as an IEESGO device of ANDES.

PSS/E's HYGOV has a governor with temporary droop and a turbine whose water column makes the power fall at first when
the gate opens. ANDES's HYGOV lacks 1/(r Tr) at the integrator of the gate and does not rebase the water time constant,
so it is right only where r Tr = 1 and the machine's rating is the system's base. IEESGO is a chain of linear blocks in
which the same transfer function can be written exactly; what is lost is the gate's velocity limit and the turbine's
nonlinearity away from the operating point.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class HydroUnit:
    """Parameters of HYGOV on the machine's rating; times in s, the rest in pu (names in PSS/E in brackets)."""

    permanent_droop: float
    """[R]"""
    temporary_droop: float
    """[r]"""
    reset_time_s: float
    """[Tr]"""
    filter_time_s: float
    """[Tf]"""
    servo_time_s: float
    """[Tg]"""
    gate_max: float
    """[GMAX]"""
    gate_min: float
    """[GMIN]"""
    water_time_s: float
    """[TW] at rated flow and head"""
    turbine_gain: float
    """[At]"""
    no_load_flow: float
    """[qNL]"""


def linear_hydro_governor(unit: HydroUnit, power_pu: float, machine_to_system: float) -> dict[str, float]:
    """Parameters of IEESGO for a hydro unit.

    With gate c, speed deviation w and e = (-w - R c) / (1 + s Tf), HYGOV's governor is c = e (1 + s Tr) / (s r Tr), so
    c / -w = (1 + s Tr) / (R + s Tr (R + r) + s^2 r Tr Tf). Its turbine, h = (q/g)^2, TW dq/dt = 1 - h,
    P = At h (q - qNL), linearised at flow q0, is dP / dg = At (1 - s TW (q0 - qNL)) / (1 + s TW q0 / 2).
    IEESGO offers K1 (1 + s T2) / ((1 + s T1)(1 + s T3)), a limit, and 1 / (1 + s T4) times
    (1 - K2) + K2 / (1 + s T5) when K3 = 0.

    Parameters
    ----------
    unit : HydroUnit
        On the machine's rating.
    power_pu : float
        Power at which the turbine is linearised, on the machine's rating.
    machine_to_system : float
        Machine's rating over the system's base. ANDES rebases IEESGO's limits but not K1, so it is done here.

    Returns
    -------
    dict
        Parameters by ANDES's names.
    """
    r, reset = unit.temporary_droop, unit.reset_time_s
    time_sum = reset * (1 + r / unit.permanent_droop)
    time_product = r * reset * unit.filter_time_s / unit.permanent_droop
    slow = (time_sum + math.sqrt(time_sum**2 - 4 * time_product)) / 2
    flow = power_pu / unit.turbine_gain + unit.no_load_flow
    return {
        "K1": unit.turbine_gain / unit.permanent_droop * machine_to_system,
        "T1": slow,
        "T2": reset,
        "T3": time_product / slow,
        "T4": unit.servo_time_s,
        "T5": unit.water_time_s * flow / 2,
        "T6": 0.0,
        "K2": 1 + 2 * (flow - unit.no_load_flow) / flow,
        "K3": 0.0,
        "PMAX": unit.turbine_gain * (unit.gate_max - unit.no_load_flow),
        "PMIN": unit.turbine_gain * (unit.gate_min - unit.no_load_flow),
    }
