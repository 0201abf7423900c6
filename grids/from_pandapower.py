"""pandapower nets, from their JSON files, as ANDES devices.

The net's own conversion to bus, branch and generator arrays is used, with voltage angles: what pandapower solves is
what ANDES gets.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from grids.bus_branch import Row, Tables, add_tables
from grids.errors import GridError
from grids.records import CaseRecords, Complaints, read_text

_CONVERTED = (
    "bus",
    "line",
    "trafo",
    "trafo3w",
    "impedance",
    "switch",
    "load",
    "sgen",
    "shunt",
    "ward",
    "gen",
    "ext_grid",
    "motor",
    "storage",
)
"""Element tables whose power flow is carried over."""

_NO_POWER = (
    "measurement",
    "controller",
    "characteristic",
    "group",
    "bus_geodata",
    "line_geodata",
    "poly_cost",
    "pwl_cost",
)
"""Tables without a part in the power flow."""

_NO_LIMIT_MW = 1e5


def is_pandapower(path: Path) -> bool:
    """Whether a JSON file holds a pandapower net: it says so itself."""
    return '"pandapowerNet"' in path.read_text(encoding="utf-8", errors="replace")[:2000]


def read_pandapower(path: Path) -> CaseRecords:
    """Devices of a pandapower net.

    Buses keep their index in ``net.bus``; of buses that closed switches join, the one that pandapower keeps stands for
    all. Static generators, storages and motors become loads.

    Raises
    ------
    GridError
        For a damaged file, and for every row that makes no sense, with its table and index.
    """
    net = _load(path)
    complaints = Complaints()
    _check_elements(net, path, complaints)
    complaints.stop_if_any()
    arrays = _arrays(net, path)
    case = CaseRecords(path, float(net.sn_mva), float(net.f_hz))
    add_tables(case, _tables(net, arrays, path, case))
    return case


def _load(path: Path) -> Any:
    import pandapower

    try:
        json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise GridError(
            f"{path}:{error.lineno}: this is no valid JSON: {error.msg}", "is the file cut short?"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of formats of older versions, which are converted
        try:
            net = pandapower.from_json(str(path))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, UserWarning, ImportError) as error:
            raise GridError(f"{path}: pandapower cannot read this net: {type(error).__name__}: {error}") from error
    if not isinstance(net, pandapower.pandapowerNet):
        raise GridError(f"{path}: this is no pandapower net")
    for table in ("bus", "line", "gen", "ext_grid", "load"):
        if table not in net or not hasattr(net[table], "columns"):
            raise GridError(f"{path}: net.{table} is no table")
    return net


_BUS_COLUMNS = ("bus", "from_bus", "to_bus", "hv_bus", "mv_bus", "lv_bus")

_NUMBERS = {
    "bus": ("vn_kv",),
    "line": ("length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "max_i_ka"),
    "trafo": ("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent"),
    "trafo3w": ("sn_hv_mva", "sn_mv_mva", "sn_lv_mva", "vn_hv_kv", "vn_mv_kv", "vn_lv_kv"),
    "load": ("p_mw", "q_mvar"),
    "sgen": ("p_mw", "q_mvar"),
    "shunt": ("p_mw", "q_mvar"),
    "gen": ("p_mw", "vm_pu"),
    "ext_grid": ("vm_pu",),
}
"""Columns that must be finite numbers."""

_POSITIVE = {
    "bus": ("vn_kv",),
    "line": ("length_km", "x_ohm_per_km"),
    "trafo": ("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent"),
    "gen": ("vm_pu",),
    "ext_grid": ("vm_pu",),
}
"""Columns that must be above 0; a negative reactance or short-circuit voltage is a series capacitor."""

_MAY_BE_NEGATIVE = (("line", "x_ohm_per_km"), ("trafo", "vk_percent"))


def _check_elements(net: Any, path: Path, complaints: Complaints) -> None:
    """Check what pandapower's converter would stumble over or pass silently."""
    for table, frame in net.items():
        if str(table).startswith(("_", "res_")) or not hasattr(frame, "columns") or not len(frame):
            continue
        if table not in _CONVERTED + _NO_POWER and "in_service" in frame and frame.in_service.astype(bool).any():
            complaints.add(
                f"{path}: net.{table}", f"{len(frame)} element(s) have no counterpart in ANDES; replace them by loads"
            )
    buses = set(net.bus.index)
    for table in _CONVERTED:
        if table not in net or not len(net[table]):
            continue
        frame = net[table]
        if frame.index.has_duplicates:
            twice = frame.index[frame.index.duplicated()][0]
            complaints.add(f"{path}: net.{table}, index {twice}", "this index stands twice")
            continue
        for column in _BUS_COLUMNS:
            if column in frame and table != "bus":
                for index in frame.index[~frame[column].isin(buses)]:
                    complaints.add(
                        f"{path}: net.{table}, index {index}", f"{column}: there is no bus {frame.at[index, column]}"
                    )
        for column in _NUMBERS.get(table, ()):
            _check_numbers(table, column, frame, path, complaints)
    if not (net.ext_grid.in_service.astype(bool).any() or ("slack" in net.gen and net.gen.slack.astype(bool).any())):
        complaints.add(str(path), "there is no slack generator in service (an ext_grid, or a gen with slack)")
    if float(net.sn_mva) <= 0:
        complaints.add(str(path), f"net.sn_mva must be above 0, got {net.sn_mva}")


def _check_numbers(table: str, column: str, frame: Any, path: Path, complaints: Complaints) -> None:
    import pandas as pd

    if column not in frame:
        complaints.add(f"{path}: net.{table}", f"there is no column {column}")
        return
    numbers = pd.to_numeric(frame[column], errors="coerce")
    for index in frame.index[~np.isfinite(numbers)]:
        complaints.add(f"{path}: net.{table}, index {index}", f"{column} is {frame.at[index, column]!r}, not a number")
    if column in _POSITIVE.get(table, ()):
        wrong = numbers == 0 if (table, column) in _MAY_BE_NEGATIVE else numbers <= 0
        for index in frame.index[wrong]:
            complaints.add(f"{path}: net.{table}, index {index}", f"{column} must not be {numbers[index]:g}")


def _arrays(net: Any, path: Path) -> dict[str, Any]:
    """pandapower's bus, branch and generator arrays, elements out of service included.

    Its public converter leaves out what is out of service and the columns for conductance and unequal ends.
    """
    from pandapower.auxiliary import _add_ppc_options
    from pandapower.pd2ppc import _pd2ppc

    net["_options"] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _add_ppc_options(
                net,
                calculate_voltage_angles=True,
                trafo_model="t",
                check_connectivity=True,
                mode="pf",
                switch_rx_ratio=2,
                init_vm_pu="flat",
                init_va_degree="flat",
                enforce_q_lims=False,
                enforce_p_lims=False,
                recycle=None,
                voltage_depend_loads=False,
            )
            arrays, _ = _pd2ppc(net)
            _start_from_solution(net, arrays)
    except (ValueError, KeyError, TypeError, IndexError, UserWarning, AttributeError) as error:
        raise GridError(f"{path}: pandapower cannot convert this net: {type(error).__name__}: {error}") from error
    return arrays


def _start_from_solution(net: Any, arrays: dict[str, Any]) -> None:
    """Voltages to start from: with transformers that shift by 150 degrees a flat start ends nowhere, or wrong."""
    import pandapower

    try:
        pandapower.runpp(net, calculate_voltage_angles=True)
    except pandapower.LoadflowNotConverged:
        return
    solved = net._ppc["bus"]
    if len(solved) == len(arrays["bus"]):
        arrays["bus"][:, 7:9] = np.where(np.isfinite(solved[:, 7:9]), solved[:, 7:9], arrays["bus"][:, 7:9])


def _tables(net: Any, arrays: dict[str, Any], path: Path, case: CaseRecords) -> Tables:
    from pandapower.pypower import idx_brch as col

    lookup = net._pd2ppc_lookups["bus"]
    index_of: dict[int, int] = {}
    joined = []
    for bus in sorted(net.bus.index):
        number = int(lookup[bus])
        if number >= 0 and index_of.setdefault(number, int(bus)) != bus:
            joined.append(f"{bus} with {index_of[number]}")
    if joined:
        case.notes.append(
            f"buses joined by closed switches: {', '.join(joined[:8])}{', ...' if len(joined) > 8 else ''}"
        )
    spare = max(net.bus.index) + 1
    for number in arrays["bus"][:, 0].astype(int):
        if number not in index_of:  # the star bus of a three-winding transformer, the open end of a line
            index_of[number] = spare
            spare += 1
    tables = Tables(float(net.sn_mva))
    for values in arrays["bus"][:, :13].tolist():
        bus = index_of[int(values[0])]
        tables.bus.append(Row([float(bus), *values[1:]], f"bus {bus}", f"{path}: net.bus, index {bus}"))
        if bus in net.bus.index and net.bus.name.at[bus]:
            tables.bus_names[bus] = str(net.bus.name.at[bus])
    _add_branches(net, arrays["branch"].real, index_of, tables, path, col)
    _add_generators(net, lookup, index_of, tables, path)
    loads = [name for name in ("sgen", "storage", "motor", "ward") if name in net and len(net[name])]
    if loads:
        case.notes.append(f"elements of net.{', net.'.join(loads)} become loads")
    return tables


def _element_of(net: Any, position: int) -> tuple[str, int]:
    """Table and index of the element that a row of the branch array is."""
    for table, (first, last) in net._pd2ppc_lookups["branch"].items():
        if first <= position < last:
            count = len(net[table]) if table in net else 0
            return table, int(net[table].index[(position - first) % count]) if count else position - first
    return "branch", position


def _add_branches(net: Any, branch: np.ndarray, index_of: dict[int, int], tables: Tables, path: Path, col: Any) -> None:
    """Rows of the branch array; a core's conductance and what differs between the ends become end shunts."""
    complaints = Complaints()
    for position, values in enumerate(branch):
        table, index = _element_of(net, position)
        place = f"{path}: net.{table}, index {index}"
        if values[col.BR_R_ASYM] or values[col.BR_X_ASYM]:
            complaints.add(place, "its impedance differs between the two directions, which ANDES has no model for")
            continue
        to_shunt = complex(values[col.BR_G_ASYM], values[col.BR_B_ASYM]) / 2
        ends = [float(index_of[int(values[k])]) for k in (0, 1)]
        numbers = [*ends, *(float(v) for v in values[2:11])]
        numbers[5:8] = [rate if 0 < rate < _NO_LIMIT_MW else 0.0 for rate in numbers[5:8]]
        tables.branch.append(Row(numbers, f"{table} {index}", place, float(values[col.BR_G]), to_shunt))
    complaints.stop_if_any()


def _add_generators(net: Any, lookup: np.ndarray, index_of: dict[int, int], tables: Tables, path: Path) -> None:
    """Generators and external grids, each one; limits that the net does not have are wide."""
    for table in ("ext_grid", "gen"):
        frame = net[table]
        for index in frame.index:
            element = frame.loc[index]
            number = int(lookup[int(element.bus)])
            on = bool(element.in_service) and number >= 0
            limits = [
                _limit(element, name, sign)
                for name, sign in (("max_q_mvar", 1), ("min_q_mvar", -1), ("max_p_mw", 1), ("min_p_mw", -1))
            ]
            p_mw = float(element.p_mw) * float(element.get("scaling", 1.0)) if table == "gen" else 0.0
            rating = float(element.get("sn_mva", np.nan))
            bus = index_of.get(number, int(element.bus))
            values = [
                float(bus),
                p_mw,
                0.0,
                limits[0],
                limits[1],
                float(element.vm_pu),
                rating if np.isfinite(rating) and rating > 0 else 0.0,
                float(on),
                limits[2],
                limits[3],
            ]
            tables.gen.append(Row(values, f"{table} {index}", f"{path}: net.{table}, index {index}"))


def _limit(element: Any, name: str, sign: int) -> float:
    value = float(element.get(name, np.nan))
    return value if np.isfinite(value) else sign * _NO_LIMIT_MW
