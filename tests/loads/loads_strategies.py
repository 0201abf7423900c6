"""Random traces, step sequences and cuts."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from loads_reference import make_trace

from loads.trace import Trace

POWERS = st.floats(0.0, 1e4)
GAPS = st.floats(1e-3, 2.0)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Even and uneven, linear and hold, some longer than a block of segments."""
    n = draw(st.integers(1, 12) | st.integers(120, 200))
    shape = draw(st.sampled_from(["linear", "hold"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    powers = n + (shape == "linear")
    power = draw(st.lists(POWERS, min_size=powers, max_size=powers)) if n <= 12 else rng.uniform(0, 1e4, powers)
    if draw(st.booleans()):
        knots = draw(st.floats(0.0, 1e3)) + draw(GAPS) * np.arange(n + 1)
    else:
        gaps = draw(st.lists(GAPS, min_size=n, max_size=n)) if n <= 12 else rng.uniform(1e-3, 2.0, n)
        knots = np.concatenate([[0.0], np.cumsum(gaps)])
    return make_trace(knots, power, shape)


STEPS = st.lists(st.floats(1e-3, 3.0), min_size=2, max_size=40)
AT_END = st.sampled_from(["loop", "hold"])
