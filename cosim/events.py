"""Events of a scenario: their places checked, and what each does to the engine."""

from functools import partial

from cosim.engines.andes import AndesEngine
from cosim.problems import Problems
from cosim.scenario.elements import LineEnds
from cosim.scenario.events import LineTrip, LoadStep
from cosim.scenario.model import Scenario
from cosim.simulation import Event
from grids import Grid, GridError, Line


def check_events(scenario: Scenario, grid: Grid, problems: Problems) -> dict[int, Line]:
    """Check the events' places; the lines that trip, by the event's position."""
    lines = {}
    for k, event in enumerate(scenario.events):
        try:
            if isinstance(event, LoadStep):
                grid.find_bus(event.bus)
            elif isinstance(event.line, LineEnds):
                lines[k] = grid.find_line(ends=(event.line.from_, event.line.to), circuit=event.line.circuit)
            else:
                lines[k] = grid.find_line(event.line)
            if k in lines:
                line, earlier = lines[k], [lines[j].idx for j in lines if j != k]
                if not line.in_service or line.idx in earlier:
                    problems.add(("events", k, "line"), f"line {line.idx} is open already, it cannot trip")
        except GridError as error:
            problems.add_error(("events", k, "bus" if isinstance(event, LoadStep) else "line"), error)
    return lines


def engine_events(scenario: Scenario, lines: dict[int, Line]) -> list[Event]:
    """Events in the order of their times."""
    out = []
    for k, event in enumerate(scenario.events):
        if isinstance(event, LineTrip):
            line = lines[k]
            text = f"line {line.idx} (bus {line.from_bus} to {line.to_bus}) trips"
            out.append(
                Event(event.at_s, event.type, text, partial(AndesEngine.switch, model="Line", idx=line.idx, on=False))
            )
        else:
            out.append(Event(event.at_s, event.type, f"{event.mw:+g} MW at bus {event.bus}"))
    return sorted(out, key=lambda event: event.at_s)
