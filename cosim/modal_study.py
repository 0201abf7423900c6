"""A scenario's modes, with the machines, areas and devices that they belong to."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from cosim.engines.andes import AndesEngine
from cosim.engines.state_origins import StateOrigin, state_origins
from cosim.linear.grid import LinearGrid
from cosim.linear.modes import Mode, Modes, find_modes
from cosim.loop_inputs import powers
from cosim.scenario.model import Scenario
from cosim.scenario.source import Source
from cosim.study import prepare_study


class NoOperatingPoint(RuntimeError):
    """The grid has no equilibrium to linearise at."""


@dataclass(frozen=True)
class MachinePlace:
    """A synchronous machine in service: its name and bus; its area where the case has several."""

    idx: str
    bus: str
    area: str | None
    inertia_mws: float

    def __str__(self) -> str:
        return f"{self.idx} (bus {self.bus})"


@dataclass(frozen=True)
class ModalStudy:
    """Modes of a scenario at t = 0.

    Attributes
    ----------
    scenario : Scenario
        Resolved.
    linear : LinearGrid
    modes : Modes
    origins : tuple of StateOrigin
        Of each state.
    machines : tuple of MachinePlace
        In the order of the shapes.
    sites_mw : dict
        Power of each site at t = 0, at 1 pu.
    residual : float
        Largest mismatch (pu) of the equations at the operating point.
    """

    scenario: Scenario
    linear: LinearGrid
    modes: Modes
    origins: tuple[StateOrigin, ...]
    machines: tuple[MachinePlace, ...]
    sites_mw: dict[str, float]
    residual: float

    def by_machine(self, mode: Mode) -> dict[str, float]:
        """Participation of each machine with its controls, the largest first.

        What belongs to none is left out: a measurement that several machines share, for instance.
        """
        shares: defaultdict[str, float] = defaultdict(float)
        for origin, share in zip(self.origins, mode.participation, strict=True):
            if origin.machine is not None:
                shares[origin.machine] += float(share)
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def by_state(self, mode: Mode, least: float) -> list[tuple[StateOrigin, float]]:
        """States that take part with at least a share, the largest first."""
        order = np.argsort(-mode.participation, kind="stable")
        return [(self.origins[k], float(mode.participation[k])) for k in order if mode.participation[k] >= least]

    def by_area(self, mode: Mode) -> dict[str, complex]:
        """Speed of the centre of inertia of each area, over the largest machine's; empty where there are no areas."""
        sums: defaultdict[str, complex] = defaultdict(complex)
        inertia: defaultdict[str, float] = defaultdict(float)
        for machine, speed in zip(self.machines, mode.shape, strict=True):
            if machine.area is not None and np.isfinite(machine.inertia_mws):
                sums[machine.area] += machine.inertia_mws * complex(speed)
                inertia[machine.area] += machine.inertia_mws
        return {area: sums[area] / inertia[area] for area in sorted(sums, key=lambda name: (len(name), name))}


def modal_study(scenario: Scenario, source: Source) -> ModalStudy:
    """Find the modes of a scenario, with its sites at their power at t = 0.

    Parameters
    ----------
    scenario : Scenario
        Validated; its events are not made.
    source : Source
        Where its keys stand.

    Raises
    ------
    InputError
        If the scenario names what does not exist.
    NoOperatingPoint
        If the power flow has no solution or the dynamics do not start in equilibrium.
    NotLinearisable
        If the equations have no state-space form.
    """
    nonlinear = scenario.simulation.model_copy(update={"engine": "andes"})
    study = prepare_study(scenario.model_copy(update={"simulation": nonlinear}), source)
    engine = study.engine
    assert isinstance(engine, AndesEngine)
    active_mw, reactive_mvar = powers(study.loads, study.start_level)
    start = engine.initialise(active_mw, reactive_mvar)
    if not start.power_flow_converged:
        raise NoOperatingPoint(f"the power flow has no solution: {'; '.join(start.messages)}")
    if not start.succeeded or start.residual is None:
        what = "is not finite" if start.residual is None else f"is {start.residual:.3g} pu"
        raise NoOperatingPoint(f"no equilibrium to start from: the mismatch {what} at {start.worst_equation}")
    linear = engine.linearised()
    origins = state_origins(study.grid.system)
    bus = study.grid.system.Bus
    area_of = {str(idx): str(area) for idx, area in zip(bus.idx.v, bus.area.v, strict=True)}
    has_areas = len({area_of[str(machine.bus)] for machine in study.grid.machines}) > 1
    by_idx = {str(machine.idx): machine for machine in study.grid.machines}
    machines = []
    for idx, inertia_mws in zip(linear.elements["generator"], linear.inertia_mws, strict=True):
        at = str(by_idx[idx].bus)
        machines.append(MachinePlace(idx, at, area_of[at] if has_areas else None, float(inertia_mws)))
    return ModalStudy(
        scenario=study.scenario,
        linear=linear,
        modes=find_modes(linear),
        origins=tuple(origins[int(k)] for k in linear.space.kept),
        machines=tuple(machines),
        sites_mw={load.name: float(mw) for load, mw in zip(study.loads, active_mw, strict=True) if load.is_site},
        residual=start.residual,
    )
