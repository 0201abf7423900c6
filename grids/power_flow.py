"""The power flow of one grid in ANDES and in pandapower, side by side."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from grids.errors import GridError
from grids.to_pandapower import PandapowerCase

_TOLERANCE_PU = 1e-9
"""Mismatch at which ANDES stops: small against the differences that are looked for."""

_TOLERANCE_MVA = 1e-7
"""The same for pandapower."""


@dataclass(frozen=True)
class PowerFlow:
    """A power flow's solution; voltages are NaN at buses without supply.

    Parameters
    ----------
    tool : str
        ``ANDES`` or ``pandapower``.
    iterations : int
        Of Newton's method.
    voltage_pu, angle_deg : ndarray, shape (buses,)
        In the order of the case.
    generation_mw, generation_mvar, load_mw, load_mvar : float
        Sums over generators and over loads.
    losses_mw : float
        Of the branches.
    """

    tool: str
    iterations: int
    voltage_pu: np.ndarray
    angle_deg: np.ndarray
    generation_mw: float
    generation_mvar: float
    load_mw: float
    load_mvar: float
    losses_mw: float


@dataclass(frozen=True)
class Difference:
    """Largest differences between two power flows, and the buses where they are."""

    voltage_pu: float
    voltage_bus: int | str
    angle_deg: float
    angle_bus: int | str


def andes_power_flow(system: Any) -> PowerFlow:
    """Solve the power flow of an ANDES system that has been set up.

    Raises
    ------
    GridError
        If it does not converge.
    """
    from grids.andes_runtime import andes_messages

    solver = system.PFlow
    solver.config.tol = _TOLERANCE_PU
    # Else loads become impedances below 0.8 pu, and a case without a solution would have one.
    system.PQ.vcmp.enable = False
    with andes_messages() as messages, np.errstate(all="ignore"):
        try:
            converged = bool(solver.run()) and bool(np.all(np.isfinite(system.dae.y)))
        except (ValueError, ArithmeticError, AssertionError) as error:  # a singular Jacobian raises ArithmeticError
            messages.append(f"{type(error).__name__}: {error}")
            converged = False
    if not converged:
        raise GridError(f"the power flow does not converge in ANDES: {'; '.join(messages)}")
    mva = float(system.config.mva)
    generators = [model for model in (system.Slack, system.PV) if model.n]
    loads = [model for model in (system.PQ, system.ControlledLoad) if model.n]
    line = system.Line
    return PowerFlow(
        tool="ANDES",
        iterations=int(solver.niter),
        voltage_pu=system.Bus.v.v.copy(),
        angle_deg=np.degrees(system.Bus.a.v),
        generation_mw=mva * sum(float(np.sum(m.ue.v * m.p.v)) for m in generators),
        generation_mvar=mva * sum(float(np.sum(m.ue.v * m.q.v)) for m in generators),
        load_mw=mva * sum(float(np.sum(m.a.e)) for m in loads),
        load_mvar=mva * sum(float(np.sum(m.v.e)) for m in loads),
        losses_mw=mva * float(np.sum(line.a1.e) + np.sum(line.a2.e)) if line.n else 0.0,
    )


def run_pandapower(case: PandapowerCase, start: tuple[np.ndarray, np.ndarray] | None = None) -> int:
    """Solve the power flow of a pandapower net in place; return the iterations.

    Parameters
    ----------
    case : PandapowerCase
        Its net gets result tables.
    start : tuple of ndarray, shape (buses,), optional
        Voltages (pu) and angles (degrees) to start from; the case's initial ones by default.

    Raises
    ------
    GridError
        If it does not converge.
    """
    import pandapower

    net = case.net
    voltage_pu, angle_deg = start or (case.initial_voltage_pu, case.initial_angle_deg)
    starts: tuple[dict[str, Any], ...] = (
        {"init_vm_pu": voltage_pu, "init_va_degree": angle_deg},
        {"init": "dc"},
    )
    for options in starts:
        try:
            pandapower.runpp(net, trafo_model="pi", tolerance_mva=_TOLERANCE_MVA, **options)
        except pandapower.LoadflowNotConverged:
            continue
        return int(net._ppc["iterations"])
    raise GridError("the power flow does not converge in pandapower")


def pandapower_power_flow(case: PandapowerCase) -> PowerFlow:
    """Solve the power flow of a pandapower net (see `run_pandapower`) and add up its results."""
    iterations = run_pandapower(case)
    net = case.net
    generators = [net.res_gen, net.res_ext_grid]
    return PowerFlow(
        tool="pandapower",
        iterations=iterations,
        voltage_pu=net.res_bus.vm_pu.to_numpy(dtype=float),
        angle_deg=net.res_bus.va_degree.to_numpy(dtype=float),
        generation_mw=sum(float(table.p_mw.sum()) for table in generators),
        generation_mvar=sum(float(table.q_mvar.sum()) for table in generators),
        load_mw=float(net.res_load.p_mw.sum()),
        load_mvar=float(net.res_load.q_mvar.sum()),
        losses_mw=float(net.res_line.pl_mw.sum()) + float(net.res_trafo.pl_mw.sum()),
    )


def largest_differences(buses: list[int | str], one: PowerFlow, other: PowerFlow) -> Difference:
    """Largest differences of voltage and of angle between two power flows of one grid, over buses with supply."""
    voltage = np.abs(one.voltage_pu - other.voltage_pu)
    angle = np.abs((one.angle_deg - other.angle_deg + 180.0) % 360.0 - 180.0)
    supplied = np.isfinite(voltage)
    worst_voltage = int(np.argmax(np.where(supplied, voltage, -1.0)))
    worst_angle = int(np.argmax(np.where(supplied, angle, -1.0)))
    return Difference(
        float(voltage[worst_voltage]), buses[worst_voltage], float(angle[worst_angle]), buses[worst_angle]
    )
