"""A user's own case, of any format that is read, as an ANDES system: checked first, so that mistakes are named."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from grids.andes_runtime import read_case
from grids.errors import GridError
from grids.record_checks import check_records
from grids.records import CaseRecords, system_from_records

_PLACEHOLDER_PU = 90.0
"""A limit above this (system base) says nothing of the machine: synthesised dynamics are sized by its power alone."""


@dataclass(frozen=True)
class DynamicData:
    """Where the dynamics of a case come from.

    Parameters
    ----------
    dyr : Path, optional
        PSS/E dynamic data for a .raw case.
    substitutes : mapping
        PSS/E models that ANDES lacks, to models that it has, or to ``drop``.
    source : str
        ``case``: the case or its dyr has them; ``synthesised``: typical data, for a case without any; ``none``: they
        are not needed.
    """

    dyr: Path | None
    substitutes: Mapping[str, str]
    source: Literal["case", "synthesised", "none"]


def read_own_case(path: Path, dynamics: DynamicData) -> tuple[Any, list[str]]:
    """Read and check a case, and give it its dynamics.

    Parameters
    ----------
    path : Path
        .raw, .m, .xlsx or .json; a .json file may be ANDES's or pandapower's.
    dynamics : DynamicData
        Where the machines' dynamics come from.

    Returns
    -------
    system : andes.System
        Not yet set up.
    notes : list of str
        What was left out or read in another way than written, and what ANDES had to say.

    Raises
    ------
    GridError
        For every mistake in the file, with its place.
    """
    case = _records(path)
    check_records(case)
    typical: list[Any] = []

    def read() -> tuple[Any, list[str]]:
        return read_case(path) if _is_andes(path) else system_from_records(case)

    if dynamics.dyr is not None:
        dyr, typical = _dyr(dynamics, case)
        system, messages = system_from_records(case, dyr)
    else:
        if dynamics.substitutes:
            raise GridError("substitutes go with a dyr", "remove grid.substitutes")
        system, messages = _tried(read, path)
    if system is None:
        raise GridError(f"{path} cannot be read: {'; '.join(messages) or 'ANDES does not recognise it'}")
    for record, model in typical:
        _add_typical(system, record, model)
    added = _synthesised(system, read, path) if dynamics.source == "synthesised" else []
    return system, case.notes + messages + added


def _records(path: Path) -> CaseRecords:
    """Read a case by its ending; JSON files by their content."""
    suffix = path.suffix.lower()
    if suffix == ".raw":
        from grids.psse_network import network_records
        from grids.psse_raw import read_raw

        return network_records(read_raw(path))
    if suffix == ".m":
        from grids.matpower import read_matpower

        return read_matpower(path)
    if _is_andes(path):
        from grids.andes_tables import read_andes_tables

        return read_andes_tables(path)
    from grids.from_pandapower import read_pandapower

    return read_pandapower(path)


def _is_andes(path: Path) -> bool:
    from grids.from_pandapower import is_pandapower

    suffix = path.suffix.lower()
    return suffix == ".xlsx" or (suffix == ".json" and not is_pandapower(path))


def _tried(read: Any, path: Path) -> tuple[Any, list[str]]:
    """ANDES's own reader, whose tracebacks become messages: what our checks pass may still be too much for it."""
    try:
        return read()
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OSError) as error:
        raise GridError(f"{path} cannot be read: {type(error).__name__}: {error}") from error


def _dyr(dynamics: DynamicData, case: CaseRecords) -> tuple[str, list[Any]]:
    """Text of the checked dyr, and the records that get typical parameters."""
    from grids.andes_tables import group_of_models
    from grids.psse_dyr import check_dyr, dyr_text, read_dyr, substituted

    assert dynamics.dyr is not None
    kept, typical, notes = substituted(read_dyr(dynamics.dyr), dynamics.substitutes)
    case.notes += notes + check_dyr(kept, case, group_of_models())
    return dyr_text(kept), typical


_ATTACHED_TO = {"Exciter": "syn", "TurbineGov": "syn", "PSS": "avr"}
"""Groups of models that can be added with default parameters, and the parameter that says to what."""


def _add_typical(system: Any, record: Any, psse_model: str) -> None:
    """Add a substitute whose parameters the file does not have, with ANDES's default ones."""
    from grids.psse_dyr import known_models

    destination = known_models()[psse_model].destination
    group = system.models[destination].group
    if group not in _ATTACHED_TO:
        count = len(known_models()[psse_model].parameters)
        raise GridError(
            f"{record.place}: {record.name} has {len(record.parameters)} parameters, substitute {psse_model} {count}",
            f"a {group} cannot take default parameters: choose a model with as many",
        )
    machine = _device_of(system, "SynGen", record)
    host = machine
    if group == "PSS" and machine is not None:
        exciters = system.groups["Exciter"].models.values()
        found = [m.idx.v[i] for m in exciters for i in range(m.n) if m.syn.v[i] == machine]
        host = found[0] if found else None
    if host is None:
        needed = "an exciter" if group == "PSS" else "a machine model"
        raise GridError(
            f"{record.place}: {record.name}: its substitute {psse_model} needs {needed}, which the dyr lacks"
        )
    parameters = {_ATTACHED_TO[group]: host}
    if group == "PSS":
        parameters["MODE"] = 1  # its input is the rotor's speed
    required = [k for k, p in system.models[destination].params.items() if p.property.get("mandatory")]
    if missing := [key for key in required if key not in parameters]:
        raise GridError(
            f"{record.place}: {record.name}: {psse_model} has no default for {', '.join(missing)}",
            "choose another substitute",
        )
    system.add(destination, parameters)


def _device_of(system: Any, group: str, record: Any) -> Any:
    """Machine model of a record's machine; None if there is none."""
    generator = next(
        (
            model.idx.v[i]
            for model in (system.PV, system.Slack)
            for i in range(model.n)
            if model.bus.v[i] == record.bus and model.subidx.v[i] == record.machine
        ),
        None,
    )
    models = system.groups[group].models.values()
    return next((m.idx.v[i] for m in models for i in range(m.n) if m.gen.v[i] == generator), None)


def _synthesised(system: Any, read: Any, path: Path) -> list[str]:
    """Machines and controls from typical data, sized by the power that the power flow gives."""
    from grids.grid import synchronous_models
    from grids.synthesised import add_typical_dynamics, solved_generators

    if synchronous_models(system):
        raise GridError(f"{path} has dynamics of its own", "remove dynamics: synthesised")
    base = float(system.config.mva)

    def known(limit_mw: float) -> float:
        return limit_mw if abs(limit_mw) < _PLACEHOLDER_PU * base else 0.0

    copy, _ = read()
    sized = [
        replace(
            generator,
            p_max_mw=known(generator.p_max_mw),
            q_max_mvar=known(generator.q_max_mvar),
            q_min_mvar=known(generator.q_min_mvar),
        )
        for generator in solved_generators(copy, str(path))
    ]
    return add_typical_dynamics(system, sized)
