"""Modes as plain data: for JSON, CSV and the tables that are shown."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from cosim.engines.state_origins import StateOrigin
from cosim.linear.modes import GROUP_SHARE, ZERO_PER_S, Kind, Mode
from cosim.modal_study import ModalStudy

LEAST_PARTICIPATION = 0.01
"""States and machines that take part with less are left out."""


CSV_COLUMNS = (
    "real_per_s",
    "imag_rad_per_s",
    "frequency_hz",
    "damping_percent",
    "kind",
    "unstable",
    "repeated",
    "condition",
    "state",
    "state_participation",
    "machine",
    "machine_participation",
    "with",
    "against",
)


def describe(study: ModalStudy, modes: Sequence[Mode]) -> dict[str, Any]:
    """The study in plain JSON types, with the modes that are wanted, in their order."""
    every = study.modes
    oscillatory = [mode for mode in every if mode.eigenvalue.imag > 0.0]
    return {
        "name": study.scenario.name,
        "grid": study.scenario.grid.case,
        "nominal_hz": study.linear.nominal_hz,
        "sites_mw": study.sites_mw,
        "base_load": study.scenario.grid.base_load.model_dump(mode="json"),
        "residual": study.residual,
        "stable": not every.unstable,
        "counts": {
            "states": len(every.states),
            "oscillatory": sum(mode.repeated for mode in oscillatory),
            "electromechanical": sum(mode.repeated for mode in oscillatory if mode.kind.electromechanical),
            "unstable": sum(mode.repeated for mode in every.unstable),
        },
        "rotational_per_s": [_pair(mode.eigenvalue) for mode in every.rotational],
        "unstable": [
            {"eigenvalue_per_s": _pair(mode.eigenvalue), "kind": str(mode.kind), "state": main_state(study, mode).label}
            for mode in every.unstable
        ],
        "machines": [
            {
                "idx": machine.idx,
                "bus": machine.bus,
                "area": machine.area,
                "inertia_mws": machine.inertia_mws if np.isfinite(machine.inertia_mws) else None,
            }
            for machine in study.machines
        ],
        "modes": [_mode(study, mode) for mode in modes],
    }


def as_csv(study: ModalStudy, modes: Sequence[Mode]) -> str:
    """A row for each mode."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for mode in modes:
        state, share = study.by_state(mode, 0.0)[0]
        machine, machine_share = next(iter(study.by_machine(mode).items()), ("", 0.0))
        together, against = swinging(study, mode)
        writer.writerow(
            [
                repr(mode.eigenvalue.real),
                repr(mode.eigenvalue.imag),
                repr(mode.frequency_hz),
                repr(mode.damping_percent),
                str(mode.kind),
                str(mode.is_unstable).lower(),
                mode.repeated,
                f"{mode.condition:.4g}",
                state.label,
                f"{share:.6g}",
                machine,
                f"{machine_share:.6g}",
                " ".join(together),
                " ".join(against),
            ]
        )
    return out.getvalue()


def main_state(study: ModalStudy, mode: Mode) -> StateOrigin:
    """State that takes part most."""
    return study.origins[int(np.argmax(mode.participation))]


def machines_of(study: ModalStudy, mode: Mode) -> list[tuple[str, float]]:
    """Machines, with their buses, and how much they and their controls take part; the largest first."""
    places = {machine.idx: str(machine) for machine in study.machines}
    shares = study.by_machine(mode).items()
    return [(places.get(name, name), share) for name, share in shares if share >= LEAST_PARTICIPATION]


def swinging(study: ModalStudy, mode: Mode) -> tuple[list[str], list[str]]:
    """Names of the machines that swing with the one that swings most, and of those against it; empty if none swings.

    Only oscillations of rotors have groups, and only where the eigenvalue's vectors mean anything.
    """
    if not mode.kind.electromechanical or not mode.is_reliable:
        return [], []
    together, against = mode.groups()
    names = study.modes.generators
    return [names[k] for k in together], [names[k] for k in against]


def swinging_areas(study: ModalStudy, mode: Mode) -> tuple[list[str], list[str]]:
    """Areas whose centres of inertia swing with the one that swings most, and those against it; of inter-area modes."""
    speeds = study.by_area(mode)
    if mode.kind is not Kind.INTER_AREA or not mode.is_reliable or not speeds:
        return [], []
    order = sorted(speeds, key=lambda area: -abs(speeds[area]))
    order = [area for area in order if abs(speeds[area]) >= GROUP_SHARE * abs(speeds[order[0]])]
    together = [area for area in order if (speeds[area] / speeds[order[0]]).real >= 0.0]
    return together, [area for area in order if area not in together]


def notes(study: ModalStudy) -> list[str]:
    """What a reader of the modes must know besides their numbers."""
    found = []
    rotational = study.modes.rotational
    if rotational:
        count = sum(mode.repeated for mode in rotational)
        text = "The zero eigenvalue turns all angles together and is no instability: only differences of angles matter."
        if count > 1:
            text = (
                f"{count} eigenvalues are zero: all angles can turn together, and nothing returns the frequency to its "
                "value (an infinite bus, or neither governors nor damping). They are no instabilities."
            )
        found.append(text)
    unreliable = [mode for mode in study.modes if not mode.is_reliable and mode.kind is not Kind.ROTATIONAL]
    if unreliable:
        values = ", ".join(f"{mode.eigenvalue.real:.4g}" for mode in unreliable[:4])
        more = ", ..." if len(unreliable) > 4 else ""
        found.append(
            f"Eigenvalues of identical lags in series share their vectors (real parts {values}{more} 1/s): what takes "
            "part in them is not known. Other modes are not affected."
        )
    zero = [m for m in study.modes if m.kind is not Kind.ROTATIONAL and abs(m.eigenvalue) <= ZERO_PER_S]
    if zero:
        states = ", ".join(dict.fromkeys(main_state(study, mode).label for mode in zero[:3]))
        found.append(
            f"{sum(m.repeated for m in zero)} further eigenvalues are zero: {states}; each holds what it is given."
        )
    return found


def _mode(study: ModalStudy, mode: Mode) -> dict[str, Any]:
    together, against = swinging(study, mode)
    known = mode.is_reliable
    states = study.by_state(mode, LEAST_PARTICIPATION) if known else []
    return {
        "eigenvalue_per_s": _pair(mode.eigenvalue),
        "frequency_hz": mode.frequency_hz,
        "damping_percent": mode.damping_percent,
        "kind": str(mode.kind),
        "electromechanical": mode.kind.electromechanical,
        "unstable": mode.is_unstable,
        "repeated": mode.repeated,
        "condition": mode.condition if np.isfinite(mode.condition) else None,
        "reliable": known,
        "participation": [
            {
                "state": origin.label,
                "device": origin.device,
                "model": origin.model,
                "variable": origin.variable,
                "part": origin.part,
                "machine": origin.machine,
                "share": share,
            }
            for origin, share in states
        ],
        "participation_by_machine": {
            machine: share
            for machine, share in study.by_machine(mode).items()
            if known and share >= LEAST_PARTICIPATION
        },
        "shape": _shape(study, mode) if known and mode.eigenvalue.imag > 0.0 else [],
        "with": together,
        "against": against,
        "area_speeds": {
            area: _polar(speed) for area, speed in study.by_area(mode).items() if known and mode.kind.electromechanical
        },
    }


def _shape(study: ModalStudy, mode: Mode) -> list[dict[str, Any]]:
    order = np.argsort(-np.abs(mode.shape), kind="stable")
    return [
        {"machine": study.machines[k].idx, "bus": study.machines[k].bus, **_polar(complex(mode.shape[k]))}
        for k in order
    ]


def _polar(value: complex) -> dict[str, float]:
    return {"magnitude": abs(value), "phase_deg": float(np.degrees(np.angle(value)))}


def _pair(value: complex) -> list[float]:
    return [value.real, value.imag]
