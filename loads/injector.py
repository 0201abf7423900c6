"""The power of a site at the solver's nodes, one step at a time, with the trace's energy kept.

Write A_k for the trapezoidal energy up to node k, h_k for the step planned after it, and D(t, h) for the
integral of P over [t, t + h] under the falling half hat (t + h - tau) / h. The values of
`loads.interpolation.hat_average` keep, at every node,

    A_k + (h_k / 2) P_k = integral of P over [0, t_k] + D(t_k, h_k).          (1)

A step that is cut ends at a length r other than h_k, and P_k can no longer be changed. Putting (1) at both
ends of the step and taking the difference, so that only integrals over this step and the next appear, gives

    ((r + h_(k+1)) / 2) P_(k+1) = U + D(t_(k+1), h_(k+1)) + debt,
    debt = (h_k - r) / 2 P_k - D(t_k, h_k) + D(t_k, r),                       (2)

with U the integral over the step under the rising half hat: the ordinary average, plus what is owed. The debt
is zero when r = h_k or P is constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from loads.interpolation import SNAP_S, Waveform, hat_average, point_sample
from loads.segments import Floats

InjectionMode = Literal["average", "point"]

ROUNDING = 1e-12
"""A debt of less than this share of the largest value, times the step, is none."""


@dataclass
class _Sum:
    """A running sum with Neumaier's compensation: good to the last digit over millions of steps."""

    total: float = 0.0
    lost: float = 0.0

    def add(self, term: float) -> None:
        total = self.total + term
        if abs(self.total) >= abs(term):
            self.lost += (self.total - total) + term
        else:
            self.lost += (term - total) + self.total
        self.total = total

    @property
    def value(self) -> float:
        return self.total + self.lost


class _Node(NamedTuple):
    """A node, and what its value assumed about the step after it."""

    t: float
    h_next: float
    before: float
    after: float
    ahead: tuple[float, float]
    """Moments of the step planned."""
    debt: float
    """Energy still owed after this node."""
    energy: float
    """Of the trace over the step before the node."""

    @property
    def falling(self) -> float:
        """D(t, h_next)."""
        return self.ahead[0] - self.ahead[1] / self.h_next if self.h_next > 0.0 else 0.0


@dataclass
class Injector:
    """Node values of weighted waveforms plus a constant.

    Call `start`, then for every step `next_value` for the node at its end and, when the solver has reached
    it, `commit`. A step that failed is cut by calling `next_value` again with an earlier time.

    Parameters
    ----------
    components
        Waveforms [W] with their weights; the values returned are in weight x W, MW for MW/W.
    constant
        Added to every value, in the same unit.
    mode
        ``"average"``: the hat average, which keeps the energy. ``"point"``: the waveform at the node.

    Notes
    -----
    A debt is paid at the next node, but a tiny step after a long one would turn a small debt into a spike. A
    value therefore leaves the waveforms' range by no more than the range's own width, and not below zero when
    the range does not; what is not paid stays in `energy_debt` for the next node. On the near side of a jump,
    whose step may have any length, nothing is paid; the far side takes it.
    """

    components: Sequence[tuple[Waveform, float]]
    constant: float = 0.0
    mode: InjectionMode = "average"
    _node: _Node = field(init=False, repr=False)
    _next: _Node | None = field(default=None, init=False, repr=False)
    _injected: _Sum = field(default_factory=_Sum, init=False, repr=False)
    _trace: _Sum = field(default_factory=_Sum, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.mode not in ("average", "point"):
            raise ValueError(f"injection mode must be 'average' or 'point', got {self.mode!r}")
        low = high = 0.0
        for waveform, weight in self.components:
            ends = sorted(weight * value for value in waveform.range_w)
            low += ends[0]
            high += ends[1]
        floor = -self.constant if low + self.constant >= 0.0 else -np.inf
        self._lowest = max(low - (high - low), floor)
        self._highest = high + (high - low)
        self._rounding = ROUNDING * max(abs(self._lowest), abs(self._highest))

    @property
    def initial_value(self) -> float:
        """Value of the waveforms at time 0, whatever the steps: what is drawn in the equilibrium before the run."""
        return self._point(0.0) + self.constant

    def start(self, h_next: float) -> float:
        """Return the value at time 0 for a first step of length `h_next` [s], and begin a new run."""
        if not h_next > 0.0:
            raise ValueError(f"the first step must be longer than 0 s, got {h_next} s")
        node = _Node(0.0, h_next, 0.0, 0.0, self._moments(0.0, h_next), 0.0, 0.0)
        value = 2.0 * node.falling / h_next if self.mode == "average" else self._point(0.0)
        self._node = node._replace(before=value, after=value)
        self._next = None
        self._injected, self._trace = _Sum(), _Sum()
        return value + self.constant

    def next_value(self, t: float, h_next: float, jump: bool = False) -> tuple[float, float]:
        """Return the values before and after the node at `t`, the end of the step from the committed node.

        Parameters
        ----------
        t
            Time of the node [s].
        h_next
            Length of the step planned after it [s]; 0 at the end of the run.
        jump
            Whether the node has two values because the power jumps there.

        Raises
        ------
        ValueError
            If `t` is not after the committed node or `h_next` is negative.
        """
        node = self._node
        h = t - node.t
        if not h > 0.0 or h_next < 0.0:
            raise ValueError(f"a step from {node.t} s to {t} s, and then of {h_next} s, does not go forward")
        m0, m1 = node.ahead if t == node.t + node.h_next else self._moments(node.t, t)
        ahead = self._moments(t, t + h_next) if h_next > 0.0 else (0.0, 0.0)
        new = _Node(t, h_next, 0.0, 0.0, ahead, 0.0, m0)
        if self.mode == "point":
            after = self._point(t)
            before = sum(w * waveform.value_before(t) for waveform, w in self.components) if jump else after
            debt = 0.0
        else:
            rising = m1 / h
            debt = node.debt + 0.5 * (node.h_next - h) * node.after - node.falling + (m0 - rising)
            if jump and h_next > 0.0:
                before = 2.0 * rising / h
                after, debt = self._pay(new.falling, 0.5 * h_next, debt)
            else:
                before, debt = self._pay(rising + new.falling, 0.5 * (h + h_next), debt)
                after = before
        self._next = new._replace(before=before, after=after, debt=debt)
        return before + self.constant, after + self.constant

    def values(self, nodes: Floats, is_jump: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Return the values before and after all nodes of a run, or a stretch of it, in which no step is cut.

        Where a stretch starts and ends they are those of a run that does: to have those of the whole run, give one
        node more on each side.

        Parameters
        ----------
        nodes
            Times [s], shape (nodes,), from 0 or later on.
        is_jump
            Shape (nodes,).
        """
        before = np.full(len(nodes), self.constant)
        after = before.copy()
        for waveform, weight in self.components:
            if self.mode == "average":
                left, right = hat_average(waveform, nodes, is_jump)
            else:
                left = right = point_sample(waveform, nodes)
                if is_jump.any():
                    left = right.copy()
                    left[is_jump] = [waveform.value_before(t) for t in nodes[is_jump]]
            before += weight * left
            after += weight * right
        return before, after

    def series(self, nodes: Floats, is_jump: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Return the values before and after all nodes of a run at once, and take that run as made.

        The arguments are those of `values`, from time 0 on.
        """
        before, after = self.values(nodes, is_jump)
        self._injected, self._trace = _Sum(), _Sum()
        self._add_energies(nodes, before, after)
        return before, after

    def is_ready(self, t: float, h_next: float) -> bool:
        """Whether the values from the node at `t` on are those of `values`: no step was cut, or all is paid back."""
        node = self._node
        return node.t == t and node.h_next == h_next and abs(node.debt) <= self._rounding * h_next

    def take(self, nodes: Floats, before: Floats, after: Floats, h_next: float) -> None:
        """Take a stretch of the run as made, at the nodes as planned.

        Parameters
        ----------
        nodes
            Times [s], shape (nodes,), from the committed node on, which `is_ready`.
        before, after
            What `values` gives for them; those of the first are not used.
        h_next
            Length of the step planned after the last of them [s]; 0 at the end of the run.
        """
        self._add_energies(nodes, before, np.append(self._node.after + self.constant, after[1:]))
        t = float(nodes[-1])
        ahead = self._moments(t, t + h_next) if h_next > 0.0 else (0.0, 0.0)
        self._node = _Node(
            t, h_next, float(before[-1]) - self.constant, float(after[-1]) - self.constant, ahead, 0.0, 0.0
        )
        self._next = None

    def _add_energies(self, nodes: Floats, before: Floats, after: Floats) -> None:
        self._injected.add(0.5 * float(np.diff(nodes) @ (after[:-1] + before[1:])))
        self._trace.add(self._moments(float(nodes[0]), float(nodes[-1]))[0])
        self._trace.add(float(nodes[-1] - nodes[0]) * self.constant)

    def commit(self) -> None:
        """Make the node last asked for the start of the next step."""
        if self._next is None:
            raise RuntimeError("commit without a next_value since the last commit")
        node, self._node, self._next = self._node, self._next, None
        h = self._node.t - node.t
        self._injected.add(0.5 * h * (node.after + self._node.before))
        self._injected.add(h * self.constant)
        self._trace.add(self._node.energy)
        self._trace.add(h * self.constant)

    @property
    def energy_injected(self) -> float:
        """Trapezoidal integral of the values over the committed steps [value x s]."""
        return self._injected.value

    @property
    def energy_trace(self) -> float:
        """Integral of the waveforms and the constant over the committed steps [value x s]."""
        return self._trace.value

    @property
    def energy_debt(self) -> float:
        """Energy that cut steps left over and no node has paid yet [value x s]; 0 in a run without cuts."""
        return self._node.debt

    def edges(self, t_end: float, threshold: float) -> Floats:
        """Return the times [s] in (0, t_end) where a component, weighted, jumps by more than `threshold`.

        Edges less than a nanosecond apart, as looped components make by rounding, are one.
        """
        times = [
            waveform.edges(t_end, threshold / abs(weight)) for waveform, weight in self.components if weight != 0.0
        ]
        merged = np.sort(np.concatenate([np.empty(0), *times]))
        return merged[np.diff(merged, prepend=-np.inf) > SNAP_S]

    def _moments(self, a: float, b: float) -> tuple[float, float]:
        m0 = m1 = 0.0
        for waveform, weight in self.components:
            part0, part1 = waveform.moments(a, b)
            m0 += weight * part0
            m1 += weight * part1
        return m0, m1

    def _point(self, t: float) -> float:
        return sum(weight * waveform.value(t) for waveform, weight in self.components)

    def _pay(self, energy: float, half_width: float, debt: float) -> tuple[float, float]:
        """Return the value with `energy` and as much of `debt` as the bounds allow, and the debt left."""
        value = (energy + debt) / half_width
        bounded = min(max(value, self._lowest), self._highest)
        return bounded, (value - bounded) * half_width
