"""An initialised ANDES system as flat arrays for compiled code.

The arena of a scenario is one array of float64:

    time | iterations | mode changed | x | y | f | g | parameters, services, flags and memories of each model

so that a scenario is copied or reset at once. Tables say where a model's arguments lie in it; they, the pattern of the
Jacobian and the machine code are shared by all scenarios of a grid.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from andes.linsolvers.scipy import spmatrix_to_csc
from scipy.sparse import bmat, coo_matrix, csc_matrix

from cosim.compiled.arena import ITERATIONS, MODE_CHANGED, TIME, VARIABLES
from cosim.compiled.code_cache import Told, compiled
from cosim.compiled.model_code import model_code
from cosim.compiled.model_loop import ModelCode
from cosim.compiled.scalar_code import NotTranslatable


class NotCovered(Exception):
    """A system that the compiled engine does not cover; says what of it."""


@dataclass(frozen=True)
class Pattern:
    """Pattern of a square matrix by columns."""

    indptr: np.ndarray
    indices: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, columns: np.ndarray, size: int) -> Self:
        """The pattern that has these entries; an entry may be named more than once."""
        matrix = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(size, size)).tocsc()
        matrix.sort_indices()
        return cls(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64))

    @cached_property
    def columns(self) -> np.ndarray:
        """Column of each entry."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    def positions(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Positions of entries among the values.

        Raises
        ------
        NotCovered
            If one is outside the pattern.
        """
        wanted = np.asarray(rows, dtype=np.int64) + self._size * np.asarray(columns, dtype=np.int64)
        out = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1).astype(np.int64)
        missing = np.flatnonzero(self._keys[out] != wanted)
        if len(missing):
            place = f"({rows[missing[0]]}, {columns[missing[0]]})"
            raise NotCovered(f"an entry of the Jacobian outside its pattern, {place}")
        return out

    @property
    def _size(self) -> int:
        return len(self.indptr) - 1

    @cached_property
    def _keys(self) -> np.ndarray:
        """A number for each entry, ascending."""
        return self.indices + self._size * self.columns


class FlatSystem:
    """Tables and machine code of an initialised ANDES system.

    Parameters
    ----------
    system : andes.System
        With ``TDS.init()`` done.
    told
        Told what had to be compiled.

    Raises
    ------
    NotCovered
        If a model has no counterpart in compiled code, or part of the network is an island without supply.
    """

    def __init__(self, system: Any, told: Told | None = None):
        self.system = system
        self.codes = model_codes(system)
        dae = system.dae
        self.states, self.algebraic = int(dae.n), int(dae.m)
        self.size = self.states + self.algebraic
        self.pattern, self.constant = _pattern(system)
        self.tables = self._tables()
        self._told = told

    @cached_property
    def addresses(self) -> np.ndarray:
        """Addresses of the models' functions; compiles them."""
        return np.array(compiled(self.codes, self._told), dtype=np.int64)

    @property
    def names(self) -> list[str]:
        """Names of the models."""
        return [code.name for code in self.codes]

    def _tables(self) -> list[np.ndarray]:
        """A table for each model, and the layout of the arena."""
        offset = VARIABLES + 2 * self.size
        tables, self.slots, pegs = [], [], []
        for code in self.codes:
            offsets = []
            for slot in code.slots:
                offsets.append(offset)
                self.slots.append((slot, offset))
                offset += slot.size
            lists = [self._positions(variable) for variable in code.variables]
            entries = [self.places(matrix, rows, columns) for matrix, rows, columns in code.jacobian]
            first_list = 4 + len(offsets)
            first_entry = first_list + code.count * len(lists)
            head = [code.count, self.size, first_list, first_entry, *offsets]
            places = [self.pattern.positions(*map(np.concatenate, zip(*entries, strict=True)))] if entries else []
            tables.append(np.concatenate([np.array(head, dtype=np.int64), *lists, *places]).astype(np.int64))
            for slot_number, state in code.pegs:
                pegs += [(offsets[slot_number] + k, int(a)) for k, a in enumerate(state.a)]
        self.arena_size = offset
        self.peg_flag = np.array([flag for flag, _ in pegs], dtype=np.int64)
        self.peg_state = np.array([state for _, state in pegs], dtype=np.int64)
        self._check_pegs()
        return tables

    def places(self, matrix: str, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of an entry of fx, fy, gx or gy in the full Jacobian."""
        return rows + self.states * (matrix[0] == "g"), columns + self.states * (matrix[1] == "y")

    def _positions(self, variable: Any) -> np.ndarray:
        return VARIABLES + np.asarray(variable.a, dtype=np.int64) + (0 if variable.v_code == "x" else self.states)

    def _check_pegs(self) -> None:
        """A pegged state is seen by its own model alone: others would see it earlier here than in ANDES."""
        pegged = set(self.peg_state.tolist())
        for code in self.codes:
            own = {id(state) for _, state in code.pegs}
            for variable in code.variables:
                foreign = variable.v_code == "x" and id(variable) not in own and variable.owner.class_name != code.name
                if foreign and pegged.intersection(np.asarray(variable.a).tolist()):
                    raise NotCovered(f"{code.name} reads a state of another model that has a limit ({variable.name})")

    def pull(self, arena: np.ndarray) -> None:
        """Take everything from the ANDES system."""
        dae, tds = self.system.dae, self.system.TDS
        arena[TIME], arena[ITERATIONS], arena[MODE_CHANGED] = float(dae.t), tds.niter, tds.custom_event
        ends = [self.states, self.size, self.size + self.states]
        parts = np.split(arena[VARIABLES : VARIABLES + 2 * self.size], ends)
        for part, values in zip(parts, (dae.x, dae.y, dae.f, dae.g), strict=True):
            part[:] = values
        for slot, at in self.slots:
            arena[at : at + slot.size] = slot.values()

    def push(self, arena: np.ndarray) -> None:
        """Give variables, flags, variable services and memories back to the ANDES system."""
        self.push_variables(arena)
        tds = self.system.TDS
        tds.niter, tds.custom_event = int(arena[ITERATIONS]), bool(arena[MODE_CHANGED])
        for slot, at in self.slots:
            if slot.is_kept:
                slot.store(arena[at : at + slot.size])
        self.system.vars_to_models()

    def push_variables(self, arena: np.ndarray) -> None:
        """Give time and variables back to the arrays of the ANDES system."""
        dae = self.system.dae
        dae.t[...] = arena[TIME]
        values = arena[VARIABLES : VARIABLES + 2 * self.size]
        dae.x[:], dae.y[:] = values[: self.states], values[self.states : self.size]
        dae.f[:], dae.g[:] = values[self.size : self.size + self.states], values[self.size + self.states :]

    def jacobian(self) -> np.ndarray:
        """Values of the Jacobian that the ANDES system has now, in the pattern's order."""
        dae = self.system.dae
        fx, fy, gx, gy = (spmatrix_to_csc(m) for m in (dae.fx, dae.fy, dae.gx, dae.gy))
        matrix = bmat([[fx, fy], [gx, gy]]).tocoo()
        out = np.zeros(len(self.pattern.indices))
        np.add.at(out, self.pattern.positions(matrix.row, matrix.col), matrix.data)
        return out


def model_codes(system: Any) -> list[ModelCode]:
    """Texts of all models in use.

    Raises
    ------
    NotCovered
        With the model and what of it has no counterpart in compiled code.
    """
    if system.Bus.n_islanded_buses:
        raise NotCovered(f"{system.Bus.n_islanded_buses} buses are not connected to the rest")
    for code in ("f", "g"):
        for variable in system._setters[code]:
            raise NotCovered(f"{variable.owner.class_name} sets the equation of {variable.name}")
    codes = []
    for model in models_in_use(system):
        try:
            codes.append(model_code(model))
        except NotTranslatable as error:
            raise NotCovered(f"{model.class_name}: {error}") from error
    return codes


def models_in_use(system: Any) -> Iterator[Any]:
    """Models whose equations ANDES evaluates in time domain, in its order."""
    return (model for model in system.exist.pflow_tds.values() if model.n and not model._all_replaced)


def _pattern(system: Any) -> tuple[Pattern, np.ndarray]:
    """Pattern of [[fx, fy], [gx, gy]], the diagonal included, and its constant entries, which others add to."""
    dae = system.dae
    parts = [[_template(dae, name) for name in pair] for pair in (("fx", "fy"), ("gx", "gy"))]
    places = bmat([[_ones(part) for part in row] for row in parts]).tocoo()
    size = dae.n + dae.m
    diagonal = np.arange(size)
    pattern = Pattern.of(np.append(places.row, diagonal), np.append(places.col, diagonal), size)
    values, constant = np.zeros(len(pattern.indices)), bmat(parts).tocoo()
    np.add.at(values, pattern.positions(constant.row, constant.col), constant.data)
    return pattern, values


def _template(dae: Any, name: str) -> csc_matrix:
    """What ANDES resets a matrix to before its entries are added."""
    return spmatrix_to_csc(dae.tpl[name])


def _ones(matrix: csc_matrix) -> csc_matrix:
    return csc_matrix((np.ones(len(matrix.data)), matrix.indices, matrix.indptr), shape=matrix.shape)
