"""Compile what runs of a scenario's grid need, before they are made; and say what is covered."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosim import runner
from cosim.compilation import Compilation, watched
from cosim.compiled import code_cache
from cosim.compiled.flat_system import models_in_use
from cosim.compiled.model_code import model_code
from cosim.compiled.scalar_code import NotTranslatable
from cosim.criteria import COMPLETED
from cosim.engine_choice import Stepped, stepped
from cosim.scenario.model import Scenario
from cosim.scenario.source import Source
from cosim.study import Study, prepare_study
from cosim.variants import shortened

STEPS = 5
SMALL_MW = 0.01
"""Of the site that is put on a grid without one: sites have code of their own."""


@dataclass(frozen=True)
class ModelRow:
    """A model of a grid; ``reason`` says why it is not covered, ``compile_s`` is None if it was compiled already."""

    model: str
    devices: int
    reason: str | None
    compile_s: float | None


@dataclass(frozen=True)
class Compiled:
    """What compiling for a grid came to.

    Attributes
    ----------
    grid : str
    stepped : Stepped
        What would step a run, and why.
    status, message : str
        Of the short run that was made.
    models : list of ModelRow
    own_s : float
        Seconds for what all grids share: the stepper, sites.
    folder : Path
        Where the models' code is kept; of this process alone if it is a temporary one.
    """

    grid: str
    stepped: Stepped
    status: str
    message: str
    models: list[ModelRow]
    own_s: float
    folder: Path

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "grid": self.grid,
            "engine": self.stepped.engine,
            "reason": self.stepped.reason,
            "status": self.status,
            "message": self.message,
            "models": [
                {"model": m.model, "devices": m.devices, "covered": m.reason is None, "reason": m.reason}
                | {"compile_s": None if m.compile_s is None else round(m.compile_s, 3)}
                for m in self.models
            ],
            "models_s": round(sum(m.compile_s or 0.0 for m in self.models), 3),
            "stepper_s": round(self.own_s, 3),
            "cache": str(self.folder),
        }


def compile_ahead(scenario: Scenario, source: Source, compilation: Compilation) -> Compiled:
    """Make a run of a few steps, which compiles all that a long one needs.

    Parameters
    ----------
    scenario, source
        As of `prepare_study`; the engine that is asked for must not be the linear one.
    compilation
        Told what is compiled meanwhile.

    Raises
    ------
    InputError
        If the scenario cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="cosim-compile-") as folder, watched(compilation):
        study = prepare_study(shortened(scenario, STEPS), source, told=compilation.told)
        result = runner.execute(study, Path(folder), report=False)
        status, message = result.summary["status"], result.attributes.get("message") or ""
    return Compiled(
        study.grid.name,
        stepped(study.engine, scenario.simulation.engine),
        status,
        "" if status == COMPLETED else message,
        _rows(study, compilation),
        compilation.own_s,
        code_cache.folder(),
    )


def _rows(study: Study, compilation: Compilation) -> list[ModelRow]:
    rows = []
    for model in models_in_use(study.grid.system):
        reason = None
        try:
            model_code(model)
        except NotTranslatable as error:
            reason = str(error)
        rows.append(ModelRow(model.class_name, int(model.n), reason, compilation.models.get(model.class_name)))
    return rows
