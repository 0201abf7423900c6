"""Response of a grid's channels to given loads, over a whole run at once."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from cosim.linear.blocks import BlockForm
from cosim.linear.discrete import Discretisation, march

CHUNK_NODES = 8192
"""Nodes whose states are held at a time."""

NEGLIGIBLE = 1e-9
"""A block whose effect on every output is less than this share of what the strongest block does there is left out."""


@dataclass(frozen=True)
class Rows:
    """A stretch of a response: times, whether a row stands after a jump, and what outputs are made from.

    ``states`` has shape (rows, states), ``inputs`` (rows, inputs); ``c`` and ``d`` make outputs from them.
    """

    time_s: np.ndarray
    is_after: np.ndarray
    states: np.ndarray
    inputs: np.ndarray
    c: np.ndarray
    d: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """All outputs, shape (rows, outputs)."""
        return self.outputs(slice(None))

    def outputs(self, chosen: slice, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Some outputs at some rows, shape (rows, outputs)."""
        return self.states[rows] @ self.c[chosen].T + self.inputs[rows] @ self.d[chosen].T

    def seldom(self, interval_s: float) -> np.ndarray:
        """Positions of rows that are about so far apart; all of them if they are further."""
        number = np.floor((self.time_s + 1e-9) / interval_s)
        return np.flatnonzero(np.diff(number, prepend=-1.0))


class Response:
    """Outputs of linear equations at the nodes of a run, for any number of runs.

    Parameters
    ----------
    form : BlockForm
        Of the state matrix.
    b : ndarray, shape (states, inputs)
        In the coordinates of the form.
    c : ndarray, shape (outputs, states)
        In the coordinates of the form.
    d : ndarray, shape (outputs, inputs)
    time_s : ndarray, shape (nodes,)
        From 0 on, increasing.
    is_jump : ndarray of bool, shape (nodes,)
        Nodes that have a row before and one after; the first has, where its inputs jump.
    is_rough : bool
        Outputs to seven digits of what they move by, in half the time.
    """

    def __init__(
        self,
        form: BlockForm,
        b: np.ndarray,
        c: np.ndarray,
        d: np.ndarray,
        time_s: np.ndarray,
        is_jump: np.ndarray,
        *,
        is_rough: bool = False,
    ):
        states, kept = _kept(form, b, c)
        self._precision: type = np.float32 if is_rough else np.float64
        self._c = np.ascontiguousarray(c[:, states], dtype=self._precision)
        self._d = d.astype(self._precision)
        self._discrete = Discretisation(kept, b[states])
        self._states = int(states.sum())
        self._set_nodes(time_s, is_jump)

    def over(self, time_s: np.ndarray, is_jump: np.ndarray) -> Self:
        """Return the same equations at other nodes; steps of lengths met before need no more work."""
        other = copy.copy(self)
        other._set_nodes(time_s, is_jump)
        return other

    def _set_nodes(self, time_s: np.ndarray, is_jump: np.ndarray) -> None:
        self._time_s, self._is_jump = time_s, is_jump.copy()
        self._runs = _equal_steps(np.diff(time_s))

    def __call__(self, before: np.ndarray, after: np.ndarray) -> Iterator[Rows]:
        """Respond to inputs, deviations from the equilibrium before t = 0.

        Parameters
        ----------
        before, after : ndarray, shape (nodes, inputs)
            Inputs at the end of the step to each node, and at the start of the step from it.

        Yields
        ------
        Rows
            One after the other in time. At t = 0 the equilibrium, then the inputs' jump from it, if there is one.
        """
        self._is_jump[0] = np.any(before[0] != after[0])  # from the equilibrium to the first average
        w = np.zeros(self._states)
        states = np.empty((CHUNK_NODES, self._states))
        yield self._rows(slice(0, 1), w[None], before, after)
        held = 0  # nodes whose states are held
        for start, last in self._runs:
            step = self._discrete.step(float(self._time_s[start + 1] - self._time_s[start]))
            while start < last:
                stop = min(start + CHUNK_NODES - held, last)
                out = states[held : held + stop - start]
                march(w, self._discrete.sizes, step, after[start:stop], before[start + 1 : stop + 1], out)
                held += stop - start
                start = stop
                if held == CHUNK_NODES or start == len(self._time_s) - 1:
                    yield self._rows(slice(start + 1 - held, start + 1), states[:held], before, after)
                    held = 0

    def _rows(self, nodes: slice, states: np.ndarray, before: np.ndarray, after: np.ndarray) -> Rows:
        jumps = np.flatnonzero(self._is_jump[nodes])
        order = np.sort(np.concatenate([np.arange(len(states)), jumps]))
        is_after = np.append(False, order[1:] == order[:-1])
        inputs = np.where(is_after[:, None], after[nodes][order], before[nodes][order])
        precision = self._precision
        made_from = states[order].astype(precision, copy=False), inputs.astype(precision, copy=False)
        return Rows(self._time_s[nodes][order], is_after, *made_from, self._c, self._d)


def _kept(form: BlockForm, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """States, as a mask, and blocks that the inputs reach and the outputs see."""
    bounds = form.starts
    effect = np.array(
        [np.abs(c[:, i:j]).max(axis=1) * np.abs(b[i:j]).max(initial=0.0) * (j - i) for i, j in pairwise(bounds)]
    )
    kept = np.any(effect > NEGLIGIBLE * effect.max(axis=0, initial=0.0), axis=1)
    return np.repeat(kept, np.diff(bounds)), [block for block, stays in zip(form.blocks, kept, strict=True) if stays]


def _equal_steps(steps_s: np.ndarray) -> Sequence[tuple[int, int]]:
    """Stretches of nodes whose steps are of one length: first node and last."""
    changes = np.flatnonzero(np.abs(np.diff(steps_s)) > 1e-9 * steps_s[:-1]) + 1
    bounds = [0, *changes.tolist(), len(steps_s)]
    return list(pairwise(bounds))
