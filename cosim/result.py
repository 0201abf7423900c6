"""Read a run back: channels, sites, extrema and events as pandas objects, from ``result.h5`` alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cosim.errors import nearest
from cosim.growing import EXTREMA_COLUMNS
from cosim.network import Network
from cosim.recorder import FORMAT, REACTION_COLUMNS, SITE_COLUMNS

RESULT_NAME = "result.h5"
SUMMARY_NAME = "summary.json"
RESONANCE_CURVES = "resonance_curves"
"""Attribute with what the report draws of resonance, as JSON."""
BLOCK_ROWS = 16_384
"""Rows of a channel read at a time where not all of it is wanted."""


class ResultError(ValueError):
    """A result cannot be read, or does not hold what was asked for."""


class Result:
    """The stored result of one run; open it with :meth:`Result.open`.

    Data is read when asked for and the file is not held open between reads, except in :meth:`held_open`; times and what
    was noted of sites are kept once read. A channel is also an attribute: ``result.voltage_pu`` is
    ``result.channel("voltage_pu")``.
    """

    _held: h5py.File | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as file:
            if _plain(file.attrs.get("format")) != FORMAT:
                raise ResultError(f"{path}: an HDF5 file, but not a cosim result (no format attribute)")
            self.channels: tuple[str, ...] = tuple(file.get("channels", ()))
            self.sites: tuple[str, ...] = tuple(file.get("sites", ()))

    @classmethod
    def open(cls, path: str | Path) -> Result:
        """Open a run's directory or its ``result.h5``.

        Raises
        ------
        ResultError
            If there is no such file, or it is not a result.
        """
        found = Path(path)
        if found.is_dir():
            found = found / RESULT_NAME
        if not found.is_file():
            raise ResultError(f"{found}: no such result file")
        return cls(found)

    @contextmanager
    def held_open(self) -> Iterator[None]:
        """Hold the file open: many small reads take less time."""
        with self._open() as self._held:
            try:
                yield
            finally:
                self._held = None

    @property
    def attributes(self) -> dict[str, Any]:
        """The file's attributes as plain Python values."""
        with self._open() as file:
            return {key: _plain(value) for key, value in file.attrs.items()}

    @cached_property
    def time_s(self) -> NDArray[np.float64]:
        """Times of the stored channel rows [time]."""
        with self._open() as file:
            return file["time_s"][:]

    def has_channel(self, name: str) -> bool:
        """Whether a channel was recorded."""
        return name in self.channels

    def elements(self, name: str) -> list[str]:
        """Names of a channel's elements."""
        self._require(name, self.channels, "channel")
        with self._open() as file:
            return _texts(file[f"channels/{name}"].attrs["elements"])

    def channel(self, name: str, elements: Sequence[str] | None = None) -> pd.DataFrame:
        """One channel: index ``time_s``, a column per element, ``attrs["unit"]``.

        With `elements`, those alone, without ever holding the whole channel in memory.
        """
        known = self.elements(name)
        chosen = known if elements is None else list(elements)
        for element in chosen:
            self._require(element, tuple(known), f"element of channel {name} named")
        columns = slice(None) if elements is None else [known.index(element) for element in chosen]
        values, end = np.empty((self._rows(name), len(chosen))), 0
        for block in self._blocks(name):
            start, end = end, end + len(block)
            values[start:end] = block[:, columns]
        frame = pd.DataFrame(values, index=pd.Index(self.time_s[: len(values)], name="time_s"), columns=chosen)
        with self._open() as file:
            frame.attrs["unit"] = _plain(file[f"channels/{name}"].attrs["unit"])
        return frame

    def channel_with_jumps(self, name: str, elements: Sequence[str]) -> pd.DataFrame:
        """Some elements of a channel with the rows before jumps as well: a jump has two rows of one time.

        Of channels that do not keep them, or in a result without them, the same as :meth:`channel`.
        """
        frame = self.channel(name, elements)
        with self._open() as file:
            group = file.get("before_jumps")
            if group is None or name not in group or not group["time_s"].shape[0]:
                return frame
            known = self.elements(name)
            columns = [known.index(element) for element in elements]
            rows = min(group["time_s"].shape[0], group[name].shape[0])
            jump_s, before = group["time_s"][:rows], group[name][:rows][:, columns]
        time_s = frame.index.to_numpy()
        places = np.searchsorted(time_s, jump_s)  # each before the row of the same time
        index = pd.Index(np.insert(time_s, places, jump_s), name="time_s")
        out = pd.DataFrame(np.insert(frame.to_numpy(), places, before, axis=0), index=index, columns=list(elements))
        out.attrs = frame.attrs
        return out

    def envelope(self, name: str) -> pd.DataFrame:
        """Smallest and largest element of a channel at each stored time: columns min, max; NaN where all are."""
        self._require(name, self.channels, "channel")
        pairs = [np.empty((0, 2))]
        for block in self._blocks(name):
            finite = np.isfinite(block)
            low = np.where(finite, block, np.inf).min(axis=1, initial=np.inf)
            high = np.where(finite, block, -np.inf).max(axis=1, initial=-np.inf)
            some = finite.any(axis=1)
            pairs.append(np.column_stack([np.where(some, low, np.nan), np.where(some, high, np.nan)]))
        values = np.concatenate(pairs)
        return pd.DataFrame(values, index=pd.Index(self.time_s[: len(values)], name="time_s"), columns=["min", "max"])

    def _rows(self, name: str) -> int:
        """Rows of a channel that have a time: a killed run may lack one dataset's last."""
        with self._open() as file:
            return min(self.time_s.size, file[f"channels/{name}"].shape[0])

    def _blocks(self, name: str) -> Iterator[NDArray[np.float64]]:
        """A channel's rows, some thousands at a time."""
        with self._open() as file:
            data, rows = file[f"channels/{name}"], self._rows(name)
            for start in range(0, rows, BLOCK_ROWS):
                yield data[start : min(start + BLOCK_ROWS, rows)]

    def site(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """A site's draw at every node: index ``time_s`` (a jump has two rows); all columns that it has, or some.

        Columns: power_mw, reactive_mvar, command_mw; of a site that reacts also wanted_mw, connected_share,
        recharge_mw and storage_mw, and the state of charge of its storage's devices.
        """
        self._require(name, self.sites, "site")
        with self._open() as file:
            group = file[f"sites/{name}"]
            wanted = (*SITE_COLUMNS, *REACTION_COLUMNS) if columns is None else ("time_s", *columns)
            found = {column: group[column][:] for column in wanted if column in group}
        rows = min(values.size for values in found.values())
        time_s = pd.Index(found.pop("time_s")[:rows], name="time_s")
        return pd.DataFrame({column: values[:rows] for column, values in found.items()}, index=time_s, copy=False)

    def site_attributes(self, name: str) -> dict[str, Any]:
        """What was noted of a site (``bus``, ``energy_error``, ``below_v_min_s``, ...)."""
        self._require(name, self.sites, "site")
        return dict(self._site_attributes[name])

    @cached_property
    def _site_attributes(self) -> dict[str, dict[str, Any]]:
        with self._open() as file:
            return {
                name: {key: _plain(value) for key, value in file[f"sites/{name}"].attrs.items()} for name in self.sites
            }

    def has_demand(self, name: str) -> bool:
        """Whether a site's demand was stored at its trace's native rate."""
        self._require(name, self.sites, "site")
        with self._open() as file:
            return "demand_mw" in file[f"sites/{name}"]

    def demand(self, name: str) -> pd.Series:
        """A site's demand in MW as interval means; index: start of each interval; ``attrs["interval_s"]``."""
        if not self.has_demand(name):
            raise ResultError(f"{self.path}: no demand was stored for site {name}")
        with self._open() as file:
            data = file[f"sites/{name}/demand_mw"]
            power_mw = data[:]
            interval_s = float(data.attrs["interval_s"])
        start_s = pd.Index(np.arange(power_mw.size) * interval_s, name="time_s")
        series = pd.Series(power_mw, index=start_s, name="demand_mw")
        series.attrs["interval_s"] = interval_s
        return series

    def extrema(self, name: str) -> pd.DataFrame:
        """Smallest and largest value of each element of a channel over every node, with their times.

        Index: elements; columns min, min_time_s, max, max_time_s; NaN where nothing was seen.
        """
        self._require(name, self.channels, "channel")
        with self._open() as file:
            group = file[f"extrema/{name}"]
            columns = {column: group[column][:] for column in EXTREMA_COLUMNS}
            frame = pd.DataFrame(columns, index=pd.Index(_texts(group.attrs["elements"]), name="element"))
            frame.attrs["unit"] = _plain(group.attrs["unit"])
        return frame

    @property
    def events(self) -> pd.DataFrame:
        """What happened: columns time_s, kind, description."""
        with self._open() as file:
            group = file["events"]
            columns: dict[str, Any] = {"time_s": group["time_s"][:]}
            columns |= {name: _texts(group[name][:]) for name in ("kind", "description")}
        rows = min(len(values) for values in columns.values())
        return pd.DataFrame({name: values[:rows] for name, values in columns.items()})

    @property
    def inertia_mws(self) -> NDArray[np.float64] | None:
        """H times MVA [generator] in MW·s, inf for an infinite bus; None when it was not stored."""
        with self._open() as file:
            return file["generators/inertia_mws"][:] if "generators/inertia_mws" in file else None

    @property
    def network(self) -> Network | None:
        """Buses, generators and lines of the grid; None when they were not stored."""
        text = self.attributes.get("network")
        return None if text is None else Network.from_dict(json.loads(text))

    @property
    def summary(self) -> dict[str, Any]:
        """The run's summary, from the file or from ``summary.json`` beside it."""
        text = self.attributes.get("summary")
        beside = self.path.with_name(SUMMARY_NAME)
        if text is None and beside.is_file():
            text = beside.read_text(encoding="utf-8")
        if text is None:
            raise ResultError(f"{self.path}: holds no summary, and there is no {SUMMARY_NAME} beside it")
        return json.loads(text)

    @property
    def scenario_text(self) -> str:
        """The resolved scenario as YAML."""
        text = self.attributes.get("scenario")
        if text is None:
            raise ResultError(f"{self.path}: holds no scenario")
        return text

    def __getattr__(self, name: str) -> pd.DataFrame:
        # Underscored names are Python's own probing (pickle, copy) before __init__ has run.
        if not name.startswith("_") and name in self.__dict__.get("channels", ()):
            return self.channel(name)
        raise AttributeError(f"Result has no attribute or recorded channel {name!r}")

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self.channels]

    def __repr__(self) -> str:
        notes = self.attributes
        end = notes.get("end_time_s", self.time_s[-1] if self.time_s.size else 0.0)
        return (
            f"<Result {notes.get('name', self.path.parent.name)}: {notes.get('status', 'unfinished')}, "
            f"{end:g} s, {self.time_s.size} rows of {', '.join(self.channels) or 'no channel'}; "
            f"sites: {', '.join(self.sites) or 'none'}>"
        )

    def _open(self) -> AbstractContextManager[h5py.File]:
        if self._held is not None:
            return nullcontext(self._held)
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise ResultError(f"{self.path}: cannot be read as HDF5 ({error})") from error

    def _require(self, name: str, names: tuple[str, ...], what: str) -> None:
        if name not in names:
            raise ResultError(f'{self.path}: no {what} "{name}" was recorded; {nearest(name, names)}')


def _texts(values: Iterable[Any]) -> list[str]:
    return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value.item() if isinstance(value, np.generic) else value
