"""The WSCC nine-bus system: published machines and exciters, typical governors, on the network that ANDES ships."""

from functools import cache
from importlib import resources
from typing import Any

from ruamel.yaml import YAML

from grids.dynamic_devices import StaticGenerator, add_control, add_machine, static_generators
from grids.hydro_governor import HydroUnit, linear_hydro_governor

_REACTANCES = ("xd", "xd1", "xq", "xq1", "xl")


@cache
def _data() -> dict[str, Any]:
    text = resources.files("grids").joinpath("wscc9_dynamics.yaml").read_text(encoding="utf-8")
    return YAML(typ="safe", pure=True).load(text)


def add_wscc9_dynamics(system: Any) -> list[str]:
    """Add machines, exciters and governors to the nine-bus network; return what there is to say about it.

    The published machine is the two-axis model. GENROU becomes it with x'' = x'd and T''q0 = 0: the d axis has no
    subtransient flux then, and the one of the q axis follows without delay, so that the stator sees x'q.
    """
    data = _data()
    generators = {generator.bus: generator for generator in static_generators(system)}
    for row in data["machines"]:
        _add_unit(system, generators[row["bus"]], row, data)
    return [
        "the book's two-axis machines as GENROU whose subtransient part adds nothing",
        "governors are typical ones: the published system has none",
    ]


def _add_unit(system: Any, generator: StaticGenerator, row: dict[str, Any], data: dict[str, Any]) -> None:
    rating_mva = row["rating_mva"]
    machine_to_book = rating_mva / data["base_mva"]
    parameters = {name: row[name] * machine_to_book for name in _REACTANCES}
    parameters |= {"H": row["H"] / machine_to_book, "xd2": parameters["xd1"]}
    # T''d0 is without effect. S12 = 1 with S10 = 0 is how ANDES writes a machine without saturation.
    parameters |= {"Td10": row["Td10"], "Tq10": row["Tq10"], "Td20": 0.05, "Tq20": 0.0, "S10": 0.0, "S12": 1.0}
    machine = add_machine(system, generator, rating_mva, parameters)
    add_control(system, data["exciter"]["model"], machine, data["exciter"]["parameters"])
    governor = data["governors"][row["turbine"]]
    if row["turbine"] == "hydro":
        to_system = rating_mva / float(system.config.mva)
        linear = linear_hydro_governor(HydroUnit(**governor), generator.p_mw / rating_mva, to_system)
        add_control(system, "IEESGO", machine, linear)
    else:
        add_control(system, "TGOV1N", machine, governor)
