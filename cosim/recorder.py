"""Write a run's result file as the run goes: fixed buffers, growing datasets, readable after a kill."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.growing import TEXT, Column, Extrema, Table

FORMAT = "cosim-result"
FORMAT_VERSION = 1
JUMPING_CHANNELS = ("voltage_pu", "frequency_hz")
"""Channels whose values before each jump are kept too: how long they stay beyond a level depends on them."""
SITE_COLUMNS = ("time_s", "power_mw", "reactive_mvar", "command_mw")
"""What is stored of every site at every node."""
REACTION_COLUMNS = (
    "wanted_mw",
    "connected_share",
    "recharge_mw",
    "storage_mw",
    "battery_soc",
    "supercapacitor_soc",
)
"""What is stored besides of a site that reacts to the grid, as far as it has the equipment."""

# Nodes nearer than this are one instant: an edge and the step that ends on it can differ by rounding.
_SAME_TIME_S = 1e-9
# HDF5 1.8 format: attributes may pass 64 KB (names of thousands of buses), and, unlike later formats,
# a file whose writer was killed carries no "still open" mark which would stop readers.
_LIBVER = ("v108", "v108")
# Rows are written many at a time: HDF5's own cache of 1 MB a dataset would hold what nobody reads.
_CHUNK_CACHE_BYTES = 0


@dataclass(frozen=True)
class ChannelSpec:
    """What a channel holds: its unit and the names of its elements, in column order."""

    unit: str
    elements: tuple[str, ...]


class Recorder:
    """Writer of one ``result.h5``; a context manager.

    Memory does not grow with duration: each group of datasets has a buffer of `chunk_rows` rows, and the
    file is flushed every `chunk_rows` nodes, so that what a killed run leaves can be read.

    Parameters
    ----------
    path
        File to write; an existing one is replaced.
    channels
        Name -> :class:`ChannelSpec`. Extrema are kept for every channel.
    sites
        Names of the sites.
    every_s
        Channels keep the first node at or past each multiple of this; 0 keeps every node. Sites and
        extrema always see every node.
    attributes
        Text and numbers stored on the file (``nominal_hz``, ``step_s``, ``scenario``, ...).
    inertia
        H times MVA of each generator in MW·s, in the order of channel ``speed_pu``; inf for an infinite bus.
    site_columns
        Of some sites, what is stored at every node besides `SITE_COLUMNS`.
    chunk_rows
        Rows of a buffer and of an HDF5 chunk.
    """

    def __init__(
        self,
        path: str | Path,
        channels: Mapping[str, ChannelSpec],
        sites: Sequence[str],
        every_s: float,
        attributes: Mapping[str, str | float | int],
        *,
        inertia: ArrayLike | None = None,
        site_columns: Mapping[str, Sequence[str]] | None = None,
        chunk_rows: int = 512,
    ) -> None:
        _check_names([*channels, *sites])
        if "total" in sites:
            raise ValueError('"total" cannot name a site: it is reserved for the sum of all sites')
        if not every_s >= 0:
            raise ValueError(f"every_s must be >= 0, got {every_s}")
        self.path = Path(path)
        self._every_s = every_s
        self._due = 0.0  # next multiple of every_s that wants a row
        self._now_s = -math.inf
        self._stored_s = -math.inf
        self._nodes = 0
        self._chunk_rows = chunk_rows
        self._file = h5py.File(self.path, "w", libver=_LIBVER, rdcc_nbytes=_CHUNK_CACHE_BYTES)
        self._file.attrs.update({"format": FORMAT, "format_version": FORMAT_VERSION, "every_s": every_s})
        self._file.attrs.update(attributes)

        names = tuple(channels)
        self._channels = names
        self._jumping = tuple(name for name in names if name in JUMPING_CHANNELS)
        self._last = dict[str, NDArray[np.float64]]()
        layout: dict[str, Column] = {"time_s": Column()}
        layout |= {f"channels/{name}": Column((len(channels[name].elements),)) for name in names}
        self._rows = Table(self._file, layout, chunk_rows)
        self._before_jumps = Table(
            self._file.create_group("before_jumps"),
            {"time_s": Column()} | {name: Column((len(channels[name].elements),)) for name in self._jumping},
            chunk_rows,
        )
        self._extrema = {}
        for name, spec in channels.items():
            _label(self._file[f"channels/{name}"], spec)
            group = self._file.create_group(f"extrema/{name}")
            _label(group, spec)
            self._extrema[name] = Extrema(group, len(spec.elements))
        self._sites = {
            name: Table(
                self._file.create_group(f"sites/{name}"),
                {column: Column() for column in (*SITE_COLUMNS, *(site_columns or {}).get(name, ()))},
                chunk_rows,
            )
            for name in sites
        }
        text = Column(dtype=TEXT)
        self._events = Table(
            self._file.create_group("events"),
            {"time_s": Column(), "kind": text, "description": text},
            chunk_rows,
        )
        if inertia is not None:
            self._write_inertia(np.asarray(inertia, dtype=float), channels.get("speed_pu"))
        self.flush()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def record(self, time_s: float, values: Mapping[str, NDArray[np.float64]]) -> None:
        """Take the state at a node, after any jump there.

        A second call at the same time (a jump: the network solved again at t+) replaces the stored row, which is kept
        among the rows before jumps; extrema see both.

        Parameters
        ----------
        time_s
            Time of the node; never earlier than the last one.
        values
            Channel name -> values [element], in the order of the channel's elements.
        """
        if time_s < self._now_s - _SAME_TIME_S:
            raise ValueError(f"time runs backwards: {time_s} s after {self._now_s} s")
        self._now_s = time_s
        for name, extrema in self._extrema.items():
            extrema.update(time_s, values[name])
        if time_s <= self._stored_s + _SAME_TIME_S:
            self._before_jumps.append(self._stored_s, *[self._last[name] for name in self._jumping])
            self._rows.replace_last(self._stored_s, *[values[name] for name in self._channels])
        elif self._is_due(time_s):
            self._rows.append(time_s, *[values[name] for name in self._channels])
            self._stored_s = time_s
        self._last = {name: np.array(values[name]) for name in self._jumping}
        self._nodes += 1
        if self._nodes % self._chunk_rows == 0:
            self.flush()

    def record_rows(
        self, time_s: NDArray[np.float64], is_after: NDArray[np.bool_], values: Mapping[str, NDArray[np.float64]]
    ) -> None:
        """Take many rows at once, as `record` takes one.

        Parameters
        ----------
        time_s
            Times, shape (rows,), not decreasing and later than the last one; the row after a jump follows the one
            before it, at the same time.
        is_after
            Which rows stand after a jump, shape (rows,).
        values
            Channel name -> values [row, element].
        """
        if not len(time_s):
            return
        if time_s[0] < self._now_s - _SAME_TIME_S:
            raise ValueError(f"time runs backwards: {time_s[0]} s after {self._now_s} s")
        for name, extrema in self._extrema.items():
            extrema.update_rows(time_s, values[name])
        nodes = np.flatnonzero(~is_after)
        last = np.append(nodes[1:], len(time_s)) - 1  # of each node, the row after its jump, or its only one
        due = self._are_due(time_s[nodes])
        jumps = due & (last > nodes)
        self._before_jumps.extend(time_s[nodes[jumps]], *[values[name][nodes[jumps]] for name in self._jumping])
        self._rows.extend(time_s[nodes[due]], *[values[name][last[due]] for name in self._channels])
        self._now_s = float(time_s[-1])
        self.flush()

    def record_site_rows(self, name: str, *columns: NDArray[np.float64]) -> None:
        """Take many rows of a site at once: an array for each of `SITE_COLUMNS`, then each further column."""
        self._sites[name].extend(*columns)

    def record_site(
        self, name: str, time_s: float, power_mw: float, reactive_mvar: float, command_mw: float, *further: float
    ) -> None:
        """Take a site's draw at a node, and its further columns; a jump is two rows of one time, before and after."""
        self._sites[name].append(time_s, power_mw, reactive_mvar, command_mw, *further)

    def site_series(self, name: str, columns: Sequence[str]) -> list[NDArray[np.float64]]:
        """What was taken of a site so far, an array for each column."""
        self._sites[name].write()
        return [self._file[f"sites/{name}/{column}"][:] for column in columns]

    def record_demand(self, name: str, interval_s: float, power_mw: ArrayLike) -> None:
        """Store, or extend, a site's demand at the native rate of its trace.

        Parameters
        ----------
        interval_s
            Length of an interval; the same in every call for a site.
        power_mw
            Means [interval]; sample k covers ``[k * interval_s, (k + 1) * interval_s)``.
        """
        power = np.asarray(power_mw, dtype=float)
        group = self._file[f"sites/{name}"]
        if "demand_mw" not in group:
            group.create_dataset("demand_mw", (0,), maxshape=(None,), chunks=(65536,), dtype=float)
            group["demand_mw"].attrs["interval_s"] = interval_s
        data = group["demand_mw"]
        if data.attrs["interval_s"] != interval_s:
            raise ValueError(f"demand of {name}: interval {interval_s} s after {data.attrs['interval_s']} s")
        start = data.shape[0]
        data.resize(start + power.size, axis=0)
        data[start:] = power

    def record_event(self, time_s: float, kind: str, text: str) -> None:
        """Log an event. RoCoF is not counted between kinds ``fault`` and ``fault_cleared``."""
        self._events.append(time_s, kind, text)

    def set_attribute(self, key: str, value: str | float | int) -> None:
        """Set a file attribute."""
        self._file.attrs[key] = value

    def set_site_attribute(self, name: str, key: str, value: str | float | int) -> None:
        """Set an attribute of a site (``bus``, ``energy_error``, ``below_v_min_s``, ...)."""
        self._file[f"sites/{name}"].attrs[key] = value

    def flush(self) -> None:
        """Bring the file up to date with everything taken so far."""
        for table in (self._rows, self._before_jumps, self._events, *self._sites.values()):
            table.write()
        for extrema in self._extrema.values():
            extrema.write()
        self._file.flush()

    def close(self) -> None:
        """Flush and close; closing twice does nothing."""
        if self._file:
            self.flush()
            self._file.close()

    def _is_due(self, time_s: float) -> bool:
        if self._every_s == 0:
            return True
        position = time_s / self._every_s + 1e-6
        if position < self._due:
            return False
        self._due = math.floor(position) + 1
        return True

    def _are_due(self, time_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        if self._every_s == 0:
            return np.ones(len(time_s), dtype=bool)
        reached = np.floor(time_s / self._every_s + 1e-6)
        due = reached > np.append(self._due - 1, reached[:-1])
        self._due = max(self._due, float(reached[-1]) + 1)
        return due

    def _write_inertia(self, inertia_mws: NDArray[np.float64], speed: ChannelSpec | None) -> None:
        if speed is not None and inertia_mws.shape != (len(speed.elements),):
            raise ValueError(f"inertia has shape {inertia_mws.shape}, expected ({len(speed.elements)},)")
        data = self._file.create_dataset("generators/inertia_mws", data=inertia_mws)
        if speed is not None:
            data.attrs.create("elements", speed.elements, dtype=TEXT)


def set_attribute(path: Path, key: str, value: str | float | int) -> None:
    """Set an attribute of a closed file: the summary is made from what is stored."""
    with h5py.File(path, "r+", libver=_LIBVER) as file:
        file.attrs[key] = value


def _label(item: h5py.Group | h5py.Dataset, spec: ChannelSpec) -> None:
    item.attrs["unit"] = spec.unit
    item.attrs.create("elements", spec.elements, dtype=TEXT)


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not name or "/" in name or name == ".":
            raise ValueError(f'"{name}" cannot name a channel or site: it must not be empty or hold "/"')
