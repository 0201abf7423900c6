"""The grid of a scenario, read and edited."""

from pathlib import Path

from cosim.problems import Problems
from cosim.scenario.edits import Edit, InertiaScale, LoadScale, Machines, ReplaceByInverters, UnderFrequencyLoadShedding
from cosim.scenario.elements import Idx, LineEnds
from cosim.scenario.grid import GridSpec
from cosim.scenario.model import Scenario
from grids import Grid, GridError, edits, load_grid
from grids.grid import Line, Machine


def edited_grid(scenario: Scenario, folder: Path, problems: Problems) -> Grid:
    """Grid with the scenario's edits, in their order.

    An edit that is not possible is noted among the problems, and the next ones are tried, so that all are reported.

    Raises
    ------
    InputError
        If the case cannot be read.
    """
    spec = scenario.grid
    try:
        grid = load_grid(spec.case, spec.dyr, folder, substitutes=spec.substitutes, dynamics=spec.dynamics)
    except GridError as error:
        problems.add_error(("grid", _key_of(spec, error.message)), error)
        problems.stop_if_any()
        raise
    grid.set_base_load(spec.base_load.z, spec.base_load.i, spec.base_load.p)
    for k, edit in enumerate(spec.edits):
        try:
            apply_edit(grid, edit)
        except GridError as error:
            problems.add_error(("grid", "edits", k, edit.key), error)
    return grid


def _key_of(spec: GridSpec, message: str) -> str:
    """Key of the scenario that a message about the case is about."""
    for key in ("substitutes", "dynamics"):
        if f"grid.{key}:" in message and "{" not in message:
            return key
    return "dyr" if spec.dyr and ("dyr" in message or Path(spec.dyr).name in message) else "case"


def apply_edit(grid: Grid, edit: Edit) -> None:
    """Change a grid that is not set up yet.

    Raises
    ------
    GridError
        If the edit names an element that does not exist, or is not possible.
    """
    if edit.inertia_scale is not None:
        scale = edit.inertia_scale
        if isinstance(scale, InertiaScale):
            edits.scale_inertia(grid, scale.factor, _machines(grid, scale))
        else:
            edits.scale_inertia(grid, scale)
    elif edit.governor_off is not None:
        names = edit.governor_off
        edits.switch_governors_off(grid, None if isinstance(names, str) else edits.select_machines(grid, names))
    elif edit.droop is not None:
        edits.set_droop(grid, edit.droop.value_pu, _machines(grid, edit.droop))
    elif edit.damping is not None:
        edits.set_damping(grid, edit.damping.value_pu, edit.damping.factor, _machines(grid, edit.damping))
    elif edit.load_scale is not None:
        scaling = edit.load_scale if isinstance(edit.load_scale, LoadScale) else LoadScale(factor=edit.load_scale)
        edits.scale_loads(grid, scaling.factor, scaling.buses, scaling.generation)
    elif edit.replace_by_inverters is not None:
        _replace_by_inverters(grid, edit.replace_by_inverters)
    elif edit.line_out is not None:
        edits.take_line_out(grid, _line(grid, edit.line_out))
    elif edit.line_in is not None:
        edits.put_line_in(grid, _line(grid, edit.line_in))
    elif edit.ufls is not None:
        _note_load_shedding(grid, edit.ufls)


def _machines(grid: Grid, part: Machines) -> list[Machine] | None:
    """The machines that an edit concerns; None if it names none, which means all that it applies to."""
    if part.machines is not None:
        return edits.select_machines(grid, part.machines)
    if part.area is not None:
        return edits.machines_at(grid, "area", part.area)
    return edits.machines_at(grid, "zone", part.zone) if part.zone is not None else None


def _line(grid: Grid, wanted: Idx | LineEnds) -> Line:
    if isinstance(wanted, LineEnds):
        return grid.find_line(ends=(wanted.from_, wanted.to), circuit=wanted.circuit)
    return grid.find_line(wanted)


def _replace_by_inverters(grid: Grid, part: ReplaceByInverters) -> None:
    if part.share is not None:
        machines = edits.largest_share(grid, part.share, part.order)
    else:
        machines = edits.select_machines(grid, part.machines)
    edits.replace_by_inverters(grid, machines, part.control, part.droop_pu)


def _note_load_shedding(grid: Grid, relays: UnderFrequencyLoadShedding) -> None:
    """Load shedding acts during the run; what can be wrong with it shows now."""
    for stage in relays.stages:
        if stage.frequency_hz >= grid.nominal_hz:
            raise GridError(
                f"a stage at {stage.frequency_hz:g} Hz would shed load at the nominal {grid.nominal_hz:g} Hz",
                "use a lower frequency",
            )
    stages = ", ".join(f"{100 * s.share:g} % below {s.frequency_hz:g} Hz for {s.delay_s:g} s" for s in relays.stages)
    where = "each bus" if relays.relay == "bus" else "the centre of inertia"
    grid.notes.append(f"edit: under-frequency load shedding by the frequency of {where}: {stages}")
