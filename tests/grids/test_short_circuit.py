"""Short-circuit strength against an independent bus-impedance calculation and the textbook."""

from types import SimpleNamespace

import numpy as np
import pytest

from grids import GridError, load_grid
from grids.edits import replace_by_inverters, select_machines, take_line_out
from grids.grid import synchronous_models
from grids.short_circuit import short_circuit


def column(*values):
    return SimpleNamespace(v=list(values))


def two_machines():
    """Machines of 100 and 200 MVA, x''d 0.2 and x'd 0.3 on their own bases, behind lines of 0.1 and 0.15 to bus 3."""
    zeros = column(0.0, 0.0)
    line = SimpleNamespace(
        n=2,
        u=column(1, 1),
        bus1=column(1, 2),
        bus2=column(3, 3),
        Vn1=column(110.0, 110.0),
        Sn=column(100.0, 100.0),
        r=zeros,
        x=column(0.1, 0.15),
        tap=column(1.0, 1.0),
        phi=zeros,
    )
    round_rotor = SimpleNamespace(
        n=1, u=column(1), bus=column(1), Vn=column(110.0), Sn=column(100.0), ra=column(0.0), xd2=column(0.2)
    )
    classical = SimpleNamespace(
        n=1, u=column(1), bus=column(2), Vn=column(110.0), Sn=column(200.0), ra=column(0.0), xd1=column(0.3)
    )
    system = SimpleNamespace(
        is_setup=False,
        Bus=SimpleNamespace(idx=column(1, 2, 3), Vn=column(110.0, 110.0, 110.0)),
        Line=line,
        groups={"SynGen": SimpleNamespace(models={"GENROU": round_rotor, "GENCLS": classical})},
    )
    buses = [SimpleNamespace(idx=k) for k in (1, 2, 3)]
    return SimpleNamespace(
        system=system, base_mva=100.0, buses=buses, find_bus=lambda wanted: SimpleNamespace(idx=wanted)
    )


def test_two_machines_as_in_a_textbook():
    # seen from bus 3: 0.2 + 0.1 in parallel with 0.3 * 100 / 200 + 0.15, each 0.3 pu: 0.15 pu, 100 / 0.15 MVA
    assert short_circuit(two_machines(), [3])[0].mva == pytest.approx(100 / 0.15)
    # at terminal 1: 0.2 in parallel with 0.1 + 0.15 + 0.15
    assert short_circuit(two_machines(), [1])[0].mva == pytest.approx(100 / (0.2 * 0.4 / 0.6))


def bus_impedance(grid):
    """Diagonal of the bus impedance matrix, built one branch at a time from ANDES's own values on the system base."""
    system = grid.system
    system.setup()
    position = {idx: k for k, idx in enumerate(system.Bus.idx.v)}
    n = len(position)
    impedance = np.zeros((n, n), dtype=complex)
    here = np.zeros(n, dtype=bool)
    links = []
    for model in synchronous_models(system):
        for k in range(model.n):
            reactance = model.xd2.v[k] if hasattr(model, "xd2") else model.xd1.v[k]
            links.append((None, position[model.bus.v[k]], complex(model.ra.v[k], reactance), 1.0))
    line = system.Line
    branches = [
        (position[line.bus1.v[k]], position[line.bus2.v[k]], complex(line.r.v[k], line.x.v[k]), line.tap.v[k])
        for k in range(line.n)
        if line.u.v[k]
    ]
    while links or branches:
        if links:
            link = links.pop()
        else:
            k = next(k for k, b in enumerate(branches) if here[b[0]] or here[b[1]])
            link = branches.pop(k)
        start, end, z, tap = link
        if start is None:
            vector, own = (impedance[:, end].copy(), impedance[end, end] + z) if here[end] else (None, None)
            if vector is None:
                impedance[end, end], here[end] = z, True
                continue
        elif not here[end]:  # a new bus at the second end: V_start / tap - z I
            impedance[:, end] = impedance[:, start] / tap
            impedance[end, :] = impedance[start, :] / tap
            impedance[end, end] = impedance[start, start] / tap**2 + z
            here[end] = True
            continue
        elif not here[start]:  # the same from the first end
            impedance[:, start] = impedance[:, end] * tap
            impedance[start, :] = impedance[end, :] * tap
            impedance[start, start] = (impedance[end, end] + z) * tap**2
            here[start] = True
            continue
        else:
            vector = impedance[:, start] / tap - impedance[:, end]
            own = vector[start] / tap - vector[end] + z
        impedance -= np.outer(vector, vector) / own
    return np.diag(impedance)


@pytest.mark.parametrize("case", ["ieee14", "ieee39", "kundur", "npcc140"])
def test_against_step_by_step_bus_impedance(case):
    found = short_circuit(load_grid(case))
    grid = load_grid(case)
    impedance = bus_impedance(grid)
    assert not np.any(np.asarray(grid.system.Line.phi.v))
    np.testing.assert_allclose([s.mva for s in found], grid.base_mva / np.abs(impedance), rtol=1e-6)
    np.testing.assert_allclose([s.x_over_r for s in found], impedance.imag / impedance.real, rtol=1e-4)


def test_set_up_or_not_is_the_same():
    grid = load_grid("ieee14")
    before = [s.mva for s in short_circuit(grid)]
    grid.system.setup()
    assert [s.mva for s in short_circuit(grid)] == pytest.approx(before, rel=1e-6)


def test_inverters_contribute_nothing_and_open_lines_weaken():
    grid = load_grid("ieee39")
    whole = {s.bus: s.mva for s in short_circuit(grid)}
    take_line_out(grid, grid.find_line(ends=(16, 17)))
    without_line = {s.bus: s.mva for s in short_circuit(grid)}
    assert without_line[16] < whole[16]
    replace_by_inverters(grid, select_machines(grid, ["GENROU_6"]))
    weaker = {s.bus: s.mva for s in short_circuit(grid)}
    assert all(weaker[bus] < without_line[bus] for bus in whole)


def test_unfed_bus_has_no_strength():
    grid = two_machines()
    grid.system.Line.u.v[:] = [0, 0]
    assert short_circuit(grid, [3])[0].mva == 0
    assert short_circuit(grid, [1])[0].mva == pytest.approx(100 / 0.2)


def test_missing_bus_is_named():
    with pytest.raises(GridError, match="no bus 99"):
        short_circuit(load_grid("ieee14"), [99])
