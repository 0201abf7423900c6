"""Damaged tables: whatever happens to a file, the answer is a finite trace or an error that names the file."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loads.errors import LoadDataError
from loads.readers import read_trace

ROWS = 24
POWERS_W = 400 + 50 * np.sin(np.arange(ROWS))
DAY = "2023/07/14 10:12:"
ISO = "2024-05-17T15:38:"

FILES = {
    "nvidia-smi": [
        "timestamp, index, power.draw [W]",
        *(f"{DAY}{i:02}.483, {gpu}, {p:.2f} W" for i, p in enumerate(POWERS_W) for gpu in (0, 1)),
    ],
    "rocm-smi": [
        "timestamp,device,Average Graphics Package Power (W)",
        *(f"{1715960307 + i},card{gpu},{p:.1f}" for i, p in enumerate(POWERS_W) for gpu in (0, 1)),
    ],
    "amd-smi": [
        "timestamp,gpu,socket_power,temperature",
        *(f"{1715960307 + i},{gpu},{p:.0f},45" for i, p in enumerate(POWERS_W) for gpu in (0, 1)),
    ],
    "dcgm": [
        "timestamp,gpu_id,power_w,energy_mj",
        *(f"{ISO}{i:02}Z,0,{p:.3f},{1000 + 400_000 * i}" for i, p in enumerate(POWERS_W)),
    ],
    "zeus": ["Time,Power", *(f"{ISO.replace('T', ' ')}{i:02}.123456789,{1e3 * p:.0f}" for i, p in enumerate(POWERS_W))],
    "long": ["time_ms,node,power_kw", *(f"{500 * i},{n},{p / 1e3:.5f}" for i, p in enumerate(POWERS_W) for n in "ab")],
    "wide": [
        "timestamp;GPU0;GPU1",
        *(f"{i / 2:.1f};{p:.2f};{p + 1:.2f}".replace(".", ",") for i, p in enumerate(POWERS_W)),
    ],
    "blanks": ["# time_s  power_w", *(f"{i / 10:.1f}   {p:.4f}" for i, p in enumerate(POWERS_W))],
}
JUNK = [
    "",
    " ",
    "x",
    "[N/A]",
    "ERR!",
    "inf",
    "-",
    "1e400",
    "9" * 400,
    "nan",
    '"',
    "#",
    "36 C",
    "0x1F",
    "é",
    "\x00",
    "1,5",
]


@st.composite
def damaged_lines(draw, lines):
    """Lines lost, written twice, moved, cut short, or with a cell that is something else."""
    lines = list(lines)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(
            st.sampled_from(["delete", "repeat", "repeat header", "junk cell", "swap cells", "junk line", "merge"])
        )
        delimiter = next((mark for mark in ",;" if mark in lines[at]), " ")
        cells = lines[at].split(delimiter)
        cell = draw(st.integers(0, len(cells) - 1))
        if kind == "delete" and len(lines) > 1:
            del lines[at]
        elif kind == "repeat":
            lines.insert(at, lines[at])
        elif kind == "repeat header":
            lines.insert(at, lines[0])
        elif kind == "junk cell":
            lines[at] = delimiter.join([*cells[:cell], draw(st.sampled_from(JUNK)), *cells[cell + 1 :]])
        elif kind == "swap cells":
            other = draw(st.integers(0, len(cells) - 1))
            cells[cell], cells[other] = cells[other], cells[cell]
            lines[at] = delimiter.join(cells)
        elif kind == "junk line":
            lines.insert(at, draw(st.sampled_from(JUNK)))
        elif at + 1 < len(lines):
            lines[at] += lines.pop(at + 1)
    return lines


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "trace.csv"


def trace_or_error(path, data):
    """Read a file; return its trace, or None after an error in order."""
    path.write_bytes(data)
    try:
        trace = read_trace(path)
    except LoadDataError:
        return None
    assert np.isfinite(trace.time_s).all()
    assert np.isfinite(trace.power_w).all()
    return trace


@pytest.mark.parametrize("name", FILES)
def test_whole_files_are_read_without_warnings_of_damage(path, name):
    trace = trace_or_error(path, ("\n".join(FILES[name]) + "\n").encode())
    assert trace.mean_w == pytest.approx((1 if name in ("dcgm", "zeus", "blanks") else 2) * 400, rel=0.02)
    codes = {warning.code for warning in trace.provenance.warnings}
    assert not codes & {
        "malformed_rows",
        "unreadable_cells",
        "unreadable_times",
        "repeated_header",
        "truncated_last_line",
    }


@pytest.mark.parametrize("name", FILES)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_lines_do_not_change_the_scale_in_silence(path, name, data):
    lines = data.draw(damaged_lines(FILES[name]))
    content = "\n".join(lines).encode()
    cut = data.draw(st.integers(0, min(40, len(content))), label="bytes cut off")
    trace = trace_or_error(path, content[: len(content) - cut])
    if trace is None or trace.provenance.warnings:
        return
    devices = 1 if name in ("dcgm", "zeus", "blanks") else 2
    assert trace.max_w <= 1.01 * devices * (POWERS_W.max() + 1)
    assert trace.min_w >= 0.99 * POWERS_W.min()


@pytest.mark.parametrize("name", FILES)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_flipped_bytes_end_in_a_trace_or_an_error(path, name, flips):
    content = bytearray("\n".join(FILES[name]).encode())
    for at, byte in flips:
        content[at % len(content)] = byte
    trace_or_error(path, bytes(content))
