"""Tables of metrics: a row for each, with its place and time, and beside a run without fluctuation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosim.criteria import find
from cosim.metrics import reason_for, unit_of
from cosim.metrics.oscillation import BANDS_HZ
from cosim.report.tables.cells import Cell, Table, columns
from cosim.report.text import MISSING, general, is_number, number, spaced, words

COI = "centre of inertia"


@dataclass(frozen=True)
class Row:
    """A metric by its path; ``place`` and ``time`` are paths of companions, ``where`` the words around the place."""

    label: str
    path: str
    where: str = ""
    place: str = ""
    time: str = ""
    note: str = ""


def number_tables(summary: Mapping[str, Any]) -> dict[str, list[Table]]:
    """Tables of metrics by section of the report.

    Parameters
    ----------
    summary
        Of the run; with ``baseline``, every table shows the run without fluctuation and the difference.
    """
    sites = list(summary["metrics"]["site"])
    found = {
        "loads": [("table-sites", "Power and energy of each site", [r for name in sites for r in _site(name)])],
        "frequency": [("table-frequency", "Frequency", list(_frequency(summary["metrics"])))],
        "voltage": [
            ("table-voltage", "Voltage", list(_voltage())),
            ("table-flicker", "Flicker (IEC 61000-4-15)", [r for name in sites for r in _flicker(name)]),
        ],
        "ramps": [("table-ramps", "Ramps and fluctuation of the demand", list(_ramps(summary["metrics"])))],
        "oscillations": [
            ("table-swings", "Swings over the run", list(_swings())),
            ("table-bands", "Oscillation by band", [r for band in BANDS_HZ for r in _band(band)]),
        ],
    }
    return {section: [_table(*spec, summary=summary) for spec in specs if spec[2]] for section, specs in found.items()}


def _table(id_: str, caption: str, rows: Sequence[Row], *, summary: Mapping[str, Any]) -> Table:
    metrics, reasons = summary["metrics"], summary.get("not_assessed") or {}
    steady = (summary.get("baseline") or {}).get("metrics")
    has_times = any(row.time for row in rows)
    titles = ["Quantity", "Value>", "Unit", "Where"]
    titles += ["Time (s)>"] if has_times else []
    titles += ["Without fluctuation>", "Difference>"] if steady is not None else []
    return Table(id_, caption, columns(*titles), [_cells(row, metrics, reasons, steady, has_times) for row in rows])


def _cells(
    row: Row,
    metrics: Mapping[str, Any],
    reasons: Mapping[str, str],
    steady: Mapping[str, Any] | None,
    has_times: bool,
) -> list[Cell]:
    unit, value = unit_of(row.path), _number(metrics, row.path)
    place, time_s = _known(metrics, row.place), _known(metrics, row.time)
    if value is None:
        where = Cell("not assessed", reason_for(reasons, row.path))
    else:
        where = Cell(row.where.format(place) if place is not None or not row.place else MISSING)
    cells = [
        Cell(row.label, row.note),
        Cell(_digits(value, unit), sort=value),
        Cell(unit or MISSING),
        where,
    ]
    if has_times:
        cells.append(Cell(number(time_s, "s") if value is not None else MISSING, sort=time_s))
    if steady is not None:
        other = _number(steady, row.path)
        change = None if value is None or other is None else value - other
        cells += [Cell(_digits(v, unit), sort=v) for v in (other, change)]
    return cells


def _digits(value: float | None, unit: str) -> str:
    """Write a quantity; a plain ratio has no unit that says how fine it is."""
    return number(value, unit) if unit else general(value, 4)


def _known(tree: Mapping[str, Any], path: str) -> Any:
    if not path:
        return None
    try:
        return find(tree, path)
    except KeyError:
        return None


def _number(tree: Mapping[str, Any], path: str) -> float | None:
    value = _known(tree, path)
    return value if is_number(value) else None


def _site(name: str) -> Iterable[Row]:
    labels = {
        "mean_mw": "mean power",
        "min_mw": "lowest power",
        "max_mw": "highest power",
        "energy_mwh": "energy",
        "energy_error": "energy error",
        "poi_min_pu": "lowest voltage at the POI",
        "poi_max_pu": "highest voltage at the POI",
        "below_v_min_s": "time below v_min_pu",
        "power_recovery_s": "time to 90 % of power after a sag",
    }
    notes = {"energy_error": "commanded at nominal voltage against the trace's, relative"}
    for key, label in labels.items():
        yield Row(f"{name}: {label}", f"site.{name}.{key}", where=name, note=notes.get(key, ""))


def _frequency(metrics: Mapping[str, Any]) -> Iterable[Row]:
    f = "frequency."
    yield Row("Nadir", f + "nadir_hz", "generator {}", f + "nadir_generator", f + "nadir_time_s")
    yield Row("Zenith", f + "zenith_hz", "generator {}", f + "zenith_generator", f + "zenith_time_s")
    nominal = f"from {general(metrics['frequency']['nominal_hz'])} Hz"
    yield Row("Largest deviation", f + "max_deviation_mhz", "any generator", note=nominal)
    yield Row("Peak to peak", f + "peak_to_peak_mhz", "generator {}", f + "peak_to_peak_generator")
    yield Row("Nadir, COI", f + "coi.nadir_hz", COI, time=f + "coi.nadir_time_s")
    yield Row("Zenith, COI", f + "coi.zenith_hz", COI, time=f + "coi.zenith_time_s")
    yield Row("Peak to peak, COI", f + "coi.peak_to_peak_mhz", COI)
    yield Row("Settling frequency", f + "settling_hz", COI, note="mean of the last tenth of the record")
    for name in metrics["frequency"]["max_rocof_hz_per_s"]:
        path, time = f"{f}max_rocof_hz_per_s.{name}", f"{f}max_rocof_time_s.{name}"
        yield Row(f"Largest |RoCoF|, {spaced(name)}", path, COI, time=time)
    yield Row("Lowest 10-s mean", f + "mean_10s.min_hz", COI)
    yield Row("Highest 10-s mean", f + "mean_10s.max_hz", COI)
    for band in metrics["frequency"].get("outside_s", {}):
        yield Row(f"Time outside {spaced(band)}", f"{f}outside_s.{band}", COI, note="by 1-s means")
    yield Row("Worst bus", f + "worst_bus_deviation_mhz", "bus {}", f + "worst_bus", f + "worst_bus_time_s")


def _voltage() -> Iterable[Row]:
    v = "voltage."
    yield Row("Lowest", v + "min_pu", "bus {}", v + "min_bus", v + "min_time_s")
    yield Row("Highest", v + "max_pu", "bus {}", v + "max_bus", v + "max_time_s")
    yield Row("Largest swing", v + "swing_pu", "bus {}", v + "swing_bus")
    for side, label in (("max", "Rapid change, largest"), ("steady", "Rapid change, steady")):
        r = f"{v}rapid_change.{side}_"
        yield Row(label, r + "pu", "bus {}", r + "bus", r + "time_s", "against the mean of the second before")
    for share in (80, 90):
        yield Row(f"Back to {share} % after the last fault", f"{v}recovery.to_{share}_percent_s")
    for share in (70, 80):
        label = f"Later dip below {share} %"
        yield Row(label, f"{v}recovery.then_below_{share}_percent_s", note="longest unbroken")
    yield Row("Lowest 10-min mean", v + "mean_600s.min_pu")
    yield Row("Highest 10-min mean", v + "mean_600s.max_pu")


def _flicker(name: str) -> Iterable[Row]:
    for key, label in (("pst", "short-term, Pst"), ("plt", "long-term, Plt")):
        for lamp in (120, 230):
            yield Row(f"{name}: {label}, {lamp} V lamp", f"voltage.flicker.{name}.{key}_{lamp}v", where=name)


def _ramps(metrics: Mapping[str, Any]) -> Iterable[Row]:
    names = {f"sites.{name}": name for name in metrics["ramp"]["sites"]}
    if len(names) > 1:
        names["total"] = "total"
    for key, name in names.items():
        tree = metrics["ramp"]["sites"].get(name, metrics["ramp"]["total"])
        r = f"ramp.{key}."
        yield Row(f"{name}: fastest rise in 1 s", r + "max_up_mw_per_s", name, time=r + "max_up_time_s")
        yield Row(f"{name}: fastest fall in 1 s", r + "max_down_mw_per_s", name, time=r + "max_down_time_s")
        for window in tree["windows"]:
            path, time = f"{r}windows.{window}", f"{r}window_times_s.{window}"
            yield Row(f"{name}: largest change over {spaced(window)}", path, name, time=time)
        for window in tree.get("excursion_mw", {}):
            path, time = f"{r}excursion_mw.{window}", f"{r}excursion_times_s.{window}"
            yield Row(f"{name}: largest less smallest within {spaced(window)}", path, name, time=time)
        for group, label in (
            ("filtered_mw", "peak to peak, first-order filter"),
            ("band_mw", "peak to peak in"),
            ("band_rms_mw", "rms in"),
            ("band_energy_percent", "share of the fluctuation's energy in"),
        ):
            for parameter in tree.get(group, {}):
                yield Row(f"{name}: {label} {spaced(parameter)}", f"{r}{group}.{parameter}", name)
        yield Row(f"{name}: frequency of the largest line", r + "dominant_hz", name)


def _swings() -> Iterable[Row]:
    for path, label, kind, place in (
        ("generator.swing_mw", "Generator power", "generator {}", "generator.swing_generator"),
        ("generator.swing_percent", "Generator power, of rating", "generator {}", "generator.swing_percent_generator"),
        ("generator.angle_swing_deg", "Rotor angle against COI", "generator {}", "generator.angle_swing_generator"),
        ("line.swing_mw", "Line power", "{}", "line.swing_line"),
        ("line.swing_percent", "Line power, of rating", "{}", "line.swing_percent_line"),
        ("line.tie_swing_mw", "Tie-line power", "{}", "line.tie_swing_line"),
    ):
        yield Row(label, path, kind, place, note="largest less smallest")
    yield Row("Least damped natural mode", "oscillation.min_damping_percent", note="0.1 to 2 Hz")


def _band(band: str) -> Iterable[Row]:
    o, name = f"oscillation.{band}.", words(band)
    low, high = BANDS_HZ[band]
    note = f"{low:g} to {high:g} Hz"
    for key, label, kind, place in (
        ("frequency_peak_to_peak_mhz", "frequency, peak to peak", "generator {}", "frequency_generator"),
        ("generator_peak_to_peak_mw", "generator power, peak to peak", "generator {}", "swinging_generator"),
        ("line_peak_to_peak_mw", "line power, peak to peak", "{}", "swinging_line"),
        ("tie_peak_to_peak_mw", "tie-line power, peak to peak", "{}", "swinging_tie_line"),
        ("voltage_peak_to_peak_pu", "voltage at a POI, peak to peak", "bus {}", "voltage_bus"),
        ("load_peak_to_peak_mw", "load of all sites, peak to peak", "", ""),
        ("generator_amplification", "generator over load", "", ""),
        ("tie_amplification", "tie line over load", "", ""),
        ("dominant_hz", "dominant frequency", "", ""),
        ("damping_percent", "its damping", "", ""),
    ):
        yield Row(f"{name}: {label}", o + key, kind, o + place if place else "", note=note)
