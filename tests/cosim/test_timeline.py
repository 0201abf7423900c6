"""The nodes that the solver visits."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.timeline import MERGE_SHARE, plan


def test_regular_nodes_and_a_jump_between_them():
    timeline = plan(0.5, 0.1, [0.25])
    np.testing.assert_allclose(timeline.time_s, [0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5])
    assert timeline.time_s[timeline.is_jump].tolist() == [0.25]


def test_a_jump_on_a_regular_node_takes_its_place():
    timeline = plan(0.5, 0.1, [0.3])
    assert len(timeline.time_s) == 6
    assert timeline.is_jump.sum() == 1


def test_a_rest_shorter_than_a_step_is_a_step_of_its_own():
    assert plan(0.25, 0.1, []).time_s.tolist() == [0, 0.1, 0.2, 0.25]


@settings(deadline=None)
@given(
    duration_s=st.floats(0.1, 100),
    step_s=st.floats(1e-3, 0.1),
    jumps=st.lists(st.floats(0, 100), max_size=30),
)
def test_nodes_cover_the_run_without_slivers(duration_s, step_s, jumps):
    timeline = plan(duration_s, step_s, jumps)
    steps = np.diff(timeline.time_s)
    assert timeline.time_s[0] == 0
    assert timeline.time_s[-1] == duration_s
    assert steps.min() > 0
    assert steps[:-1].min(initial=1) > 0.99 * MERGE_SHARE * step_s
    assert steps.max() <= step_s * (1 + 2 * MERGE_SHARE)
    assert not timeline.is_jump[0]
    assert not timeline.is_jump[-1]
    for jump in jumps:
        if timeline.merge_s < jump < duration_s - timeline.merge_s:
            nearest = np.abs(timeline.time_s[timeline.is_jump] - jump).min()
            assert nearest <= timeline.merge_s * 1.01
