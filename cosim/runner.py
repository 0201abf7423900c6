"""Execute one scenario and leave behind its result, summary, resolved scenario and report."""

import io
import json
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from cosim import provenance, summary
from cosim.criteria import COMPLETED
from cosim.engines.andes import CHANNELS, Initialisation
from cosim.engines.linear import LinearEngine
from cosim.errors import InputError, Problem
from cosim.interval_means import mean_over_intervals
from cosim.loop_inputs import powers
from cosim.metrics import plain
from cosim.network import Network
from cosim.open_loop import OpenLoopRun, is_open_loop
from cosim.recorder import ChannelSpec, Recorder, set_attribute
from cosim.result import RESONANCE_CURVES, RESULT_NAME, SUMMARY_NAME, Result
from cosim.run_notes import model_notes, run_warnings
from cosim.run_resonance import operating_point, resonance_entry
from cosim.scenario.load import load_scenario, validate
from cosim.scenario.model import Scenario
from cosim.scenario.site import Site
from cosim.scenario.source import Source
from cosim.simulation import CoSimulation, Outcome, Progress
from cosim.site_accounts import site_accounts
from cosim.site_equipment import COLUMNS
from cosim.study import Study, prepare_study
from cosim.variants import (
    comparison_entry,
    half_step_scenario,
    steady_scenario,
    step_check_entry,
    step_warnings,
    unmitigated_scenario,
)

SCENARIO_NAME = "scenario.yaml"
REPORT_NAME, PDF_NAME = "report.html", "report.pdf"
BASELINE_NAME, UNMITIGATED_NAME = "baseline", "unmitigated"
HALF_STEP_NAME = "half-step"
"""Folders, inside a run's, of the runs that it is compared with."""


def run(
    scenario: str | Path | Mapping[str, Any],
    out: str | Path | None = None,
    overrides: Iterable[str] = (),
    *,
    report: bool = True,
    baseline: bool = False,
    unmitigated: bool = False,
    check_step: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Run a scenario.

    Parameters
    ----------
    scenario : str, Path or mapping
        Name in the library, path of a scenario file, or the scenario's keys and values.
    out : str or Path, optional
        Folder to write to; ``results/<name of the scenario>`` by default. Files of an earlier run there are replaced.
    overrides : iterable of str
        ``KEY=VALUE``, such as ``sites[0].rating_mw=300``.
    report : bool
        Whether to write ``report.html``.
    baseline : bool
        Whether to run it again without the sites' fluctuation (in folder ``baseline``), and report the difference.
    unmitigated : bool
        Whether to run it again without mitigation (in folder ``unmitigated``), and report the difference.
    check_step : bool
        Whether to run it again at half the step (in folder ``half-step``), and report what changes.
    progress : callable, optional
        Told the simulated time, in s, after every node; further runs count on from the end of the first.

    Returns
    -------
    Result
        Channels as pandas frames (``result.voltage_pu``), sites, events and the summary.

    Raises
    ------
    InputError
        If the scenario cannot be used. A simulation that does not complete raises nothing: see
        ``result.summary["status"]``.

    Examples
    --------
    >>> result = cosim.run("ieee14-quickstart")  # doctest: +SKIP
    >>> result.summary["metrics"]["frequency"]["nadir_hz"]  # doctest: +SKIP
    """
    if isinstance(scenario, Mapping):
        source = Source(None, dict(scenario))
        valid = validate(source)
    else:
        valid, source = load_scenario(scenario, overrides)
    started = time.perf_counter()
    study = prepare_study(valid, source)
    folder = Path(out) if out is not None else default_folder(valid)
    return execute(
        study,
        folder,
        report=report,
        baseline=baseline,
        unmitigated=unmitigated,
        check_step=check_step,
        progress=progress,
        started=started,
    )


def default_folder(scenario: Scenario) -> Path:
    """Where a run is written if the user names no folder."""
    return folder_named(scenario.name)


def folder_named(name: str) -> Path:
    """Folder among the results for what has a name, which may be any text."""
    return Path("results") / (re.sub(r"[^\w .+()-]+", "-", name).strip(" .-") or "scenario")


def execute(
    study: Study,
    folder: Path,
    *,
    report: bool = True,
    baseline: bool = False,
    unmitigated: bool = False,
    check_step: bool = False,
    progress: Progress | None = None,
    started: float | None = None,
) -> Result:
    """Run a prepared study, and what is to be compared with it, and write everything that belongs to a run."""
    started = time.perf_counter() if started is None else started
    progress = progress or (lambda _: None)
    _remove_earlier(folder)
    result = _simulated(study, folder, progress, started, with_resonance=report)
    built = result.summary
    duration_s = study.scenario.simulation.duration_s
    further = [(BASELINE_NAME, steady_scenario)] * baseline
    further += [(UNMITIGATED_NAME, unmitigated_scenario)] * unmitigated
    further += [(HALF_STEP_NAME, half_step_scenario)] * check_step
    for number, (name, variant) in enumerate(further if built["status"] == COMPLETED else [], start=1):
        offset_s = number * duration_s
        other = prepare_study(variant(study), Source(None, {}))
        second = _simulated(other, folder / name, lambda t, o=offset_s: progress(o + t), time.perf_counter()).summary
        if name in (BASELINE_NAME, UNMITIGATED_NAME):
            built[name] = comparison_entry(second)
        else:
            built["step_check"] = step_check_entry(built, second)
            built["warnings"] += step_warnings(built["step_check"])
        _store(built, result)
    if report:
        from cosim.report import write_report

        write_report(result, folder / REPORT_NAME)
    return result


def _remove_earlier(folder: Path) -> None:
    """Remove what an earlier run left beside its result: it must not outlive it."""
    for name in (REPORT_NAME, PDF_NAME):
        (folder / name).unlink(missing_ok=True)
    for further in (folder / BASELINE_NAME, folder / UNMITIGATED_NAME, folder / HALF_STEP_NAME):
        for name in (RESULT_NAME, SUMMARY_NAME, SCENARIO_NAME):
            (further / name).unlink(missing_ok=True)
        if further.is_dir() and not any(further.iterdir()):
            further.rmdir()


def _simulated(
    study: Study, folder: Path, progress: Progress, started: float, *, with_resonance: bool = False
) -> Result:
    """One run with its result, summary and resolved scenario."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMMARY_NAME).unlink(missing_ok=True)
    text = scenario_text(study.scenario)
    (folder / SCENARIO_NAME).write_text(text, encoding="utf-8")

    initialisation = study.engine.initialise(*powers(study.loads, study.start_level))
    point = operating_point(study, succeeded=initialisation.succeeded) if with_resonance else None
    with _recorder(study, initialisation, folder / RESULT_NAME, text) as recorder:
        outcome = _simulate(study, initialisation, recorder, progress)
        _close(study, outcome, recorder)
    result = Result.open(folder)
    with result.held_open():
        built = summary.build(
            result,
            study.criteria,
            provenance.collect(study, text, wall_time_s=time.perf_counter() - started),
            {
                "residual": initialisation.residual,
                "power_flow_iterations": initialisation.power_flow_iterations,
                "worst_equation": initialisation.worst_equation,
                "redispatch_mw": study.redispatch_mw,
                "notes": model_notes(study, initialisation),
            },
            run_warnings(study, outcome),
        )
    if point is not None:
        built["resonance"], curves = resonance_entry(point, result)
        if curves is not None:
            set_attribute(result.path, RESONANCE_CURVES, curves)
    _store(built, result)
    return result


def _store(built: Mapping[str, Any], result: Result) -> None:
    """Write a summary beside a result and into it."""
    text = summary.write(built, result.path.with_name(SUMMARY_NAME))
    set_attribute(result.path, "summary", text)


def scenario_text(scenario: Scenario) -> str:
    """The resolved scenario as YAML that can be run again."""
    stream = io.StringIO()
    yaml = YAML(pure=True)
    yaml.width = 110
    yaml.dump(scenario.model_dump(mode="json", by_alias=True, exclude_none=True), stream)
    return stream.getvalue()


def _recorder(study: Study, initialisation: Initialisation, path: Path, text: str) -> Recorder:
    """Recorder with the channels that the scenario asks for; none if there is no initial state to record."""
    engine, scenario = study.engine, study.scenario
    channels: dict[str, ChannelSpec] = {}
    if initialisation.succeeded:
        for name in scenario.outputs.channels:
            unit, kind = CHANNELS[name]
            channels[name] = ChannelSpec(unit, engine.elements[kind])
        if "speed_pu" in channels:
            channels["coi_hz"] = ChannelSpec("Hz", ("coi",))
    attributes: dict[str, str | float | int] = {
        "name": scenario.name,
        "nominal_hz": engine.nominal_hz,
        "step_s": scenario.simulation.step_s,
        "grid": study.grid.name,
        "grid_source": study.grid.source,
        "scenario": text,
        "network": json.dumps(Network.of(study.grid).as_dict()),
    }
    try:
        return Recorder(
            path,
            channels,
            list(study.demands),
            scenario.outputs.every_s,
            attributes,
            inertia=engine.inertia_mws if "speed_pu" in channels else None,
            site_columns={load.name: load.equipment.columns for load in study.loads if load.equipment},
        )
    except OSError as error:  # HDF5's own errors name no file
        hint = "close programs that have it open, or choose another folder with --out"
        raise InputError(Problem(f"cannot be written: {error}", place=str(path), hint=hint)) from error


def _simulate(study: Study, initialisation: Initialisation, recorder: Recorder, progress: Progress) -> Outcome:
    """Run the loop; a Ctrl-C ends it early with what there is."""
    if not initialisation.power_flow_converged:
        said = initialisation.messages[-1] if initialisation.messages else "no solution"
        return Outcome(
            "power_flow_failed",
            0.0,
            f"the power flow with the sites' power at t = 0 has no solution ({said}): try a smaller site, another bus, "
            "or more reactive support (power_factor)",
        )
    if initialisation.obstacle:
        return Outcome("initialisation_failed", 0.0, initialisation.obstacle)
    if not initialisation.succeeded:
        return Outcome(
            "initialisation_failed",
            0.0,
            f"equation '{initialisation.worst_equation}' is off by {initialisation.residual} pu at t = 0: a machine or "
            "control starts outside its limits; try another redispatch or a smaller site",
        )
    loop: CoSimulation | OpenLoopRun
    if isinstance(study.engine, LinearEngine) and is_open_loop(study.loads, study.events):
        loop = OpenLoopRun(
            study.engine, study.loads, study.timeline, study.events, recorder, study.scenario.outputs.channels
        )
    else:
        loop = CoSimulation(
            study.engine,
            study.loads,
            study.timeline,
            study.events,
            recorder,
            study.scenario.outputs.channels,
            study.watchers(),
        )
    try:
        return loop.run(study.start_level, progress)
    except KeyboardInterrupt:
        loop.outcome.status = "interrupted"
        loop.outcome.message = f"interrupted at {loop.outcome.end_time_s:g} s"
        return loop.outcome


def _close(study: Study, outcome: Outcome, recorder: Recorder) -> None:
    """Note on the result what only the loop knows, and the demand at the traces' own rate."""
    recorder.set_attribute("status", outcome.status)
    recorder.set_attribute("end_time_s", outcome.end_time_s)
    recorder.set_attribute("message", outcome.message)
    if isinstance(study.engine, LinearEngine) and study.engine.domain:
        recorder.set_attribute("linear", json.dumps(study.engine.domain.as_dict()))
    for site in study.scenario.sites:
        _close_site(study, site, outcome, recorder)


def _close_site(study: Study, site: Site, outcome: Outcome, recorder: Recorder) -> None:
    """Note on the result what only the loop knows of a site, and its demand at the traces' own rate."""
    name = str(site.name)
    demand = study.demands[name]
    recorder.set_site_attribute(name, "bus", str(site.bus))
    recorder.set_site_attribute(name, "rating_mw", site.rating_mw)
    windows = [w.trace.provenance.sensor_window_s or 0.0 for w in demand.workloads]
    recorder.set_site_attribute(name, "sensor_window_s", max(windows, default=0.0))
    response = outcome.sites.get(name)
    if response is None or not outcome.end_time_s > 0.0:
        return
    recorder.set_site_attribute(name, "poi_min_pu", response.min_pu)
    recorder.set_site_attribute(name, "poi_max_pu", response.max_pu)
    recorder.set_site_attribute(name, "below_v_min_s", response.energies.below_v_min_s)
    injector = response.injector
    if outcome.status == COMPLETED and injector.energy_trace > 0:
        recorder.set_site_attribute(name, "energy_error", injector.energy_injected / injector.energy_trace - 1.0)
    step_s = study.scenario.simulation.step_s
    interval_s, power_mw = demand.native_series(outcome.end_time_s, step_s)
    if response.reacts:
        time_s, _, share, recharge_mw, storage_mw = recorder.site_series(name, ("time_s", *COLUMNS))
        power_mw = power_mw * mean_over_intervals(time_s, share, interval_s, power_mw.size)
        power_mw += mean_over_intervals(time_s, recharge_mw + storage_mw, interval_s, power_mw.size)
    recorder.record_demand(name, interval_s, power_mw)
    for key, value in site_accounts(demand, study.stages[name], response, outcome.end_time_s, step_s).items():
        recorder.set_site_attribute(name, key, json.dumps(plain(value)))
