"""Events of a scenario: their places and order checked, and what each does to the engine."""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import methodcaller

from cosim.connection import Connection
from cosim.engines.andes import ShuntPoint
from cosim.engines.interface import Engine
from cosim.errors import nearest
from cosim.loop_inputs import Event
from cosim.problems import Problems
from cosim.scenario.elements import LineEnds
from cosim.scenario.events import (
    AnyEvent,
    Fault,
    GeneratorTrip,
    LineTrip,
    LoadRamp,
    LoadStep,
    NewShunt,
    ShuntSwitch,
    SiteReturn,
    SiteTrip,
)
from cosim.scenario.model import Scenario
from cosim.scenario.source import Location
from grids import Grid, GridError, Line


@dataclass
class EventPlan:
    """What the events of a scenario become.

    Attributes
    ----------
    events : list of Event
        In the order of their times; their times must be nodes.
    shunts : list of ShuntPoint
        Faults and new shunts, for the engine.
    connections : dict
        Connected share of each site that trips, by name.
    """

    events: list[Event] = field(default_factory=list)
    shunts: list[ShuntPoint] = field(default_factory=list)
    connections: dict[str, Connection] = field(default_factory=dict)

    @property
    def times_s(self) -> list[float]:
        """Times that the solver must land on."""
        return [event.at_s for event in self.events]


@dataclass
class _Change:
    """One change at one instant; ``device`` switches to ``on``, and must be in the other position before."""

    at_s: float
    kind: str
    text: str
    place: Location
    device: tuple[str, str] | None = None
    on: bool = False
    started_on: bool = True
    apply: Callable[[Engine], None] | None = None
    returns: str | None = None


def plan_events(scenario: Scenario, grid: Grid, problems: Problems) -> EventPlan:
    """Check the events, and say what happens when; problems are noted, not raised."""
    planner = _Planner(scenario, grid, problems)
    for k, event in enumerate(scenario.events):
        try:
            planner.add(k, event)
        except GridError as error:
            problems.add_error(planner.place, error)
    changes = sorted(planner.changes, key=lambda change: change.at_s)  # stable: in the scenario's order at one time
    _check_order(changes, grid, problems)
    planner.plan_sites()
    events = [Event(change.at_s, change.kind, change.text, change.apply, change.returns) for change in changes]
    return EventPlan(events, planner.shunts, planner.connections)


class _Planner:
    """Turns events into changes, one kind of event a method."""

    def __init__(self, scenario: Scenario, grid: Grid, problems: Problems):
        self._scenario, self._grid, self._problems = scenario, grid, problems
        self._sites = [str(site.name) for site in scenario.sites]
        self._leaving = [str(site.name) for site in scenario.sites if site.protection.settings().can_leave]
        self._site_events: list[tuple[int, SiteTrip | SiteReturn]] = []
        self.changes: list[_Change] = []
        self.shunts: list[ShuntPoint] = []
        self.connections: dict[str, Connection] = {}
        self.place: Location = ("events",)

    def add(self, number: int, event: AnyEvent) -> None:
        """Note the changes that an event makes; `GridError` with `place` set if its element does not exist."""
        getattr(self, f"_{event.type}")(number, event)

    def _fault(self, number: int, event: Fault) -> None:
        bus = self._find_bus(number, event.bus)
        end_s, idx = event.at_s + event.duration_s, f"fault:{number}"
        line = None
        if event.clear is not None:
            self.place = ("events", number, "clear", "line_trip")
            line = self._find_line(event.clear.line_trip)
        admittance = 1 / complex(event.r_pu, event.x_pu)
        self.shunts.append(ShuntPoint(idx, bus, admittance.real, admittance.imag))
        through = f" through {event.r_pu:g} + j{event.x_pu:g} pu"
        self._switch(event.at_s, "fault", f"three-phase fault at bus {bus}{through}", "Shunt", idx, True, False)
        text = f"fault at bus {bus} cleared" + (f" by opening line {line.idx}" if line else "")
        self._switch(end_s, "fault_cleared", text, "Shunt", idx, False, False)
        if line is not None:
            self._line(end_s, "line_trip", line, False)

    def _line_trip(self, number: int, event: LineTrip) -> None:
        self.place = ("events", number, "line")
        line = self._find_line(event.line)
        self._line(event.at_s, "line_trip", line, False)
        if event.reclose_after_s is not None:
            self._line(event.at_s + event.reclose_after_s, "line_reclose", line, True)

    def _generator_trip(self, number: int, event: GeneratorTrip) -> None:
        self.place = ("events", number, "machine")
        machine = self._grid.find_machine(event.machine)
        text = f"machine {machine.idx} (bus {machine.bus}) trips"
        self._switch(event.at_s, "generator_trip", text, machine.model, machine.idx, False)

    def _shunt_switch(self, number: int, event: ShuntSwitch) -> None:
        word = "connected" if event.on else "disconnected"
        if isinstance(event.shunt, NewShunt):
            bus, mvar = self._find_bus(number, event.shunt.bus, "shunt", "bus"), event.shunt.mvar
            model, started_on = "Shunt", False
            idx: int | str = f"shunt:{bus}:{mvar:g}"
            if all(shunt.idx != idx for shunt in self.shunts):
                self.shunts.append(ShuntPoint(str(idx), bus, 0.0, mvar / self._grid.base_mva))
            text = f"shunt of {mvar:+g} Mvar at bus {bus} {word}"
        else:
            self.place = ("events", number, "shunt")
            model, idx, started_on = self._find_shunt(event.shunt)
            text = f"shunt {idx} {word}"
        self.place = ("events", number, "on")
        self._switch(event.at_s, "shunt_switch", text, model, idx, event.on, started_on)

    def _load_step(self, number: int, event: LoadStep) -> None:
        self._find_bus(number, event.bus)
        self._note(number, event.at_s, event.type, f"{event.mw:+g} MW at bus {event.bus}")

    def _load_ramp(self, number: int, event: LoadRamp) -> None:
        self._find_bus(number, event.bus)
        text = f"load at bus {event.bus} starts to change by {event.mw:+g} MW over {event.over_s:g} s"
        self._note(number, event.at_s, event.type, text)
        end = f"load at bus {event.bus} has changed by {event.mw:+g} MW"
        self._note(number, event.at_s + event.over_s, "load_ramp_end", end)

    def _site_trip(self, number: int, event: SiteTrip) -> None:
        if not self._has_site(number, event.site):
            return
        self._site_events.append((number, event))
        part = f"{100 * event.share:g} % of " if event.share < 1 else ""
        self._note(number, event.at_s, event.type, f"{part}site {event.site} trips")

    def _site_return(self, number: int, event: SiteReturn) -> None:
        if not self._has_site(number, event.site):
            return
        self._site_events.append((number, event))
        slowly = f" over {event.over_s:g} s" if event.over_s else ""
        by_hand = event.site if event.site in self._leaving else None
        self._note(number, event.at_s, event.type, f"site {event.site} returns{slowly}", by_hand)
        if event.over_s:
            self._note(number, event.at_s + event.over_s, "site_return_end", f"the return of site {event.site} ends")

    def plan_sites(self) -> None:
        """Connected shares of sites, in the order of the events' times."""
        for number, event in sorted(self._site_events, key=lambda item: item[1].at_s):
            connection = self.connections.get(event.site, Connection())
            left, place = connection.after(event.at_s), ("events", number, "site")
            if isinstance(event, SiteTrip):
                if left <= 0:
                    self._problems.add(place, f"site {event.site} is off at {event.at_s:g} s already, it cannot trip")
                connection.trip(event.at_s, event.share)
                self.connections[event.site] = connection
            else:
                if left >= 1 and event.site in self._leaving:
                    continue  # what its protection has taken off comes back as its settings say
                if left >= 1:
                    self._problems.add(place, f"site {event.site} is on at {event.at_s:g} s, it cannot return")
                connection.come_back(event.at_s, event.over_s)

    def _switch(
        self,
        at_s: float,
        kind: str,
        text: str,
        model: str,
        idx: int | str,
        on: bool,
        started_on: bool = True,
    ) -> None:
        apply = methodcaller("switch", model=model, idx=idx, on=on)
        device = (model, str(idx))
        self.changes.append(_Change(at_s, kind, text, self.place, device, on, started_on, apply))

    def _line(self, at_s: float, kind: str, line: Line, on: bool) -> None:
        text = f"line {line.idx} (bus {line.from_bus} to {line.to_bus}) {'closes again' if on else 'trips'}"
        self._switch(at_s, kind, text, "Line", line.idx, on, line.in_service)

    def _note(self, number: int, at_s: float, kind: str, text: str, returns: str | None = None) -> None:
        self.changes.append(_Change(at_s, kind, text, ("events", number), returns=returns))

    def _find_bus(self, number: int, wanted: int | str, *keys: str) -> int | str:
        self.place = ("events", number, *(keys or ("bus",)))
        return self._grid.find_bus(wanted).idx

    def _find_line(self, wanted: int | str | LineEnds) -> Line:
        if isinstance(wanted, LineEnds):
            return self._grid.find_line(ends=(wanted.from_, wanted.to), circuit=wanted.circuit)
        return self._grid.find_line(wanted)

    def _find_shunt(self, wanted: int | str) -> tuple[str, int | str, bool]:
        names = []
        for model in self._grid.system.groups["StaticShunt"].models.values():
            for idx, status in zip(model.idx.v, model.u.v, strict=True):
                if str(idx) == str(wanted):
                    return model.class_name, idx, bool(status)
                names.append(idx)
        raise GridError(f"grid '{self._grid.name}' has no shunt {wanted}", nearest(wanted, names, cutoff=0.5))

    def _has_site(self, number: int, name: str) -> bool:
        if name in self._sites:
            return True
        self._problems.add(("events", number, "site"), f"there is no site '{name}'", nearest(name, self._sites))
        return False


def _check_order(changes: list[_Change], grid: Grid, problems: Problems) -> None:
    """Check that what opens is closed before and the other way round, and that a machine is left."""
    position: dict[tuple[str, str], bool] = {}
    machines = {(machine.model, str(machine.idx)) for machine in grid.machines}
    for change in changes:
        if change.device is None:
            continue
        what = change.device[1]
        if position.get(change.device, change.started_on) == change.on:
            noun, off, on = _NOUNS.get(change.device[0], ("machine", "off", "on"))
            state = on if change.on else off
            problems.add(
                change.place, f"{noun} {what} is {state} already at {change.at_s:g} s, where it should {_verb(change)}"
            )
        position[change.device] = change.on
        if change.kind == "generator_trip":
            machines.discard(change.device)
            if not machines:
                problems.add(change.place, f"machine {what} is the only one left, it cannot trip")


_NOUNS = {"Line": ("line", "open", "closed"), "Shunt": ("shunt", "off", "on"), "ShuntSw": ("shunt", "off", "on")}
"""What models are called, and their two positions."""


def _verb(change: _Change) -> str:
    return {"line_trip": "trip", "generator_trip": "trip", "line_reclose": "close"}.get(change.kind, "be switched")
