"""Screening: many runs of one grid with linear equations from one operating point, and metrics of extremes alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from cosim.criteria import COMPLETED, Run, judge, overall_verdict, wanted_by
from cosim.engines.linear import LinearEngine
from cosim.linear.domain import CHANNELS as DOMAIN_CHANNELS
from cosim.linear.domain import Domain
from cosim.loop_inputs import levels, powers
from cosim.metrics import channels_for, plain
from cosim.metrics.screening import assess_extremes
from cosim.network import Network
from cosim.open_loop import is_open_loop, response_to_levels, watch
from cosim.problems import Problems
from cosim.scenario.model import Scenario
from cosim.scenario.source import Source
from cosim.screened_result import KEPT, ScreenedResult
from cosim.study import grid_key, prepare_study, set_up_grid
from cosim.study_inputs import StudyInputs, study_inputs

EDGE_GRID_SHARE = 1 / 64
"""Edges of traces go to the nearest multiple of this share of a step: a handful of lengths of steps are then all."""

CHANNELS = ("voltage_pu", "speed_pu", *KEPT)
"""Channels that are always looked at, besides those that criteria need."""

OTHER_SIZE = 0.9
"""Size of a site, against its own, with which it is seen how the voltages before the run depend on its power."""

FAR_FROM_LIMIT = 0.05
"""A control that goes less than this share of the way to its limit in the first run is not looked at in the others."""


class CannotScreen(ValueError):
    """A scenario whose sites react to the grid, or that does not start: it takes a run of its own."""


def screen_key(scenario: Scenario) -> str:
    """What a `Screener` serves, as text: scenarios that differ in seeds, traces and mitigation share one."""
    sites = [
        site.model_dump(mode="json", include={"name", "bus", "rating_mw", "mode", "power_factor"})
        for site in scenario.sites
    ]
    return json.dumps([grid_key(scenario), sites, scenario.redispatch.model_dump(mode="json")], sort_keys=True)


class Screener:
    """Runs scenarios of one `screen_key`, all with the linear equations of the first one's operating point.

    The equations belong to the sites' power at t = 0 of the first scenario. Another one may start from another power:
    its voltages before the run follow from how those depend on each site's power in the power flow; that its equations
    are a little different too is left out.

    Parameters
    ----------
    scenario : Scenario
        With engine ``linear``.
    source : Source
        Where its keys stand.

    Raises
    ------
    InputError
        If the scenario cannot be used.
    CannotScreen
        If it does not start, or its sites react to the grid.
    """

    def __init__(self, scenario: Scenario, source: Source):
        self._scenario, self._source = scenario, source
        study = prepare_study(scenario, source, set_up_grid(scenario, source))
        if not is_open_loop(study.loads, study.events):
            raise CannotScreen("its sites react to the grid")
        assert isinstance(study.engine, LinearEngine)
        self._engine, self._grid = study.engine, study.grid
        self._start = study.start_level
        outcome = self._engine.initialise(*powers(study.loads, self._start))
        if not outcome.succeeded:
            raise CannotScreen("it does not start")
        self._network = Network.of(self._grid)
        self._loads = study.loads
        self._shift: np.ndarray | None = None
        self._responses: dict[tuple[str, ...], Any] = {}
        _, _, domain = self._respond(self._inputs(scenario, source))
        self._engine.watch_limits(domain.share_of_room > FAR_FROM_LIMIT)
        self._responses.clear()

    def run(self, scenario: Scenario, source: Source) -> dict[str, Any]:
        """Screen a scenario.

        Returns
        -------
        dict
            ``status``, ``verdict``, ``metrics``, ``criteria`` and ``linear`` as in ``summary.json``; metrics that are
            not of extremes are None.

        Raises
        ------
        InputError
            If the scenario cannot be used.
        CannotScreen
            If its sites react to the grid.
        """
        inputs = self._inputs(scenario, source)
        if not is_open_loop(inputs.loads, inputs.events.events):
            raise CannotScreen("its sites react to the grid")
        result, status, domain = self._respond(inputs)
        sites = inputs.scenario.sites
        measured = assess_extremes(result, wanted_by(inputs.criteria, result.sites))
        ratings: dict[str, float | None] = {str(site.name): site.rating_mw for site in sites}
        verdicts = judge(inputs.criteria, measured, Run(status, self._grid.nominal_hz, ratings))
        return {
            "status": status,
            "verdict": overall_verdict(verdicts, status),
            "metrics": plain(measured.values),
            "criteria": [plain(entry.as_dict()) for entry in verdicts],
            "linear": plain(domain.as_dict()),
        }

    def _inputs(self, scenario: Scenario, source: Source) -> StudyInputs:
        folder = source.path.parent if source.path else Path()
        edge_grid_s = EDGE_GRID_SHARE * scenario.simulation.step_s
        return study_inputs(scenario, folder, self._grid, Problems(source), edge_grid_s)

    def _respond(self, inputs: StudyInputs) -> tuple[ScreenedResult, str, Domain]:
        engine, timeline = self._engine, inputs.timeline
        wanted = channels_for(path for criterion in inputs.criteria for path in (criterion.metric or "",))
        shown = tuple(name for name in dict.fromkeys([*CHANNELS, *wanted]) if name in engine.linear.channels)
        names = tuple(dict.fromkeys([*shown, *DOMAIN_CHANNELS]))
        if names not in self._responses:
            self._responses[names] = response_to_levels(
                engine, inputs.loads, names, timeline.time_s, timeline.is_jump, is_rough=True
            )
        response, places = self._responses[names]
        start = inputs.start_level
        before, after = levels(inputs.loads, timeline.time_s, timeline.is_jump, start)
        present = {name: engine.linear.channels[name].present for name in names}
        present["voltage_pu"] = present["voltage_pu"] + self._voltage_shift(start)
        result = self._result(inputs, shown)
        domain, status = Domain(engine.linear, engine.islands), COMPLETED
        for rows in response.over(timeline.time_s, timeline.is_jump)(before - start, after - start):
            values = {name: rows.outputs(places[name]) + present[name] for name in shown}
            result.take(rows, values)
            if watch(rows, values, places, present, domain) is not None:
                status = "unstable"
                break
        return result, status, domain

    def _result(self, inputs: StudyInputs, channels: tuple[str, ...]) -> ScreenedResult:
        engine, simulation = self._engine, inputs.scenario.simulation
        demands, notes = {}, {}
        for site in inputs.scenario.sites:
            demand = inputs.demands[str(site.name)]
            demands[str(site.name)] = demand.native_series(simulation.duration_s, simulation.step_s)
            windows = [w.trace.provenance.sensor_window_s or 0.0 for w in demand.workloads]
            notes[str(site.name)] = {"rating_mw": site.rating_mw, "sensor_window_s": max(windows, default=0.0)}
        elements = {name: engine.linear.elements[engine.linear.channels[name].kind] for name in channels}
        attributes = {"nominal_hz": self._grid.nominal_hz, "step_s": simulation.step_s}
        return ScreenedResult(elements, attributes, self._network, engine.inertia_mws, demands, notes)

    def _voltage_shift(self, start: np.ndarray) -> np.ndarray:
        """Change of the bus voltages before a run that starts from other levels than the operating point's."""
        if np.allclose(start, self._start, rtol=0.0, atol=1e-6):
            return np.zeros(len(self._engine.elements["bus"]))
        if self._shift is None:
            self._shift = np.column_stack([self._shift_by(k) for k in range(len(self._loads))])
        return self._shift @ (start - self._start)

    def _shift_by(self, number: int) -> np.ndarray:
        """Change of the bus voltages for each MW of one site's power in the power flow; zero for loads of events."""
        load = self._loads[number]
        present = self._engine.linear.channels["voltage_pu"].present
        if not load.is_site:
            return np.zeros(len(present))
        sites = [
            site.model_copy(update={"rating_mw": OTHER_SIZE * site.rating_mw}) if site.name == load.name else site
            for site in self._scenario.sites
        ]
        study = prepare_study(self._scenario.model_copy(update={"sites": sites}), self._source)
        change_mw = study.start_level[number] - self._start[number]
        outcome = study.engine.initialise(*powers(study.loads, study.start_level))
        if not outcome.succeeded or not change_mw:
            return np.zeros(len(present))
        return (study.engine.channel("voltage_pu") - present) / change_mw
