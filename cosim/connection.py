"""How much of a site is connected, as a function of time."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Connection:
    """Connected share of a site: 1 at first, then straight lines between knots, with jumps where two coincide."""

    _time_s: list[float] = field(default_factory=lambda: [0.0])
    _share: list[float] = field(default_factory=lambda: [1.0])

    @property
    def knots_s(self) -> list[float]:
        """Times of jumps and kinks."""
        return self._time_s[1:]

    def before(self, time_s: float) -> float:
        """Share just before a time."""
        return self._at(time_s, bisect_left(self._time_s, time_s))

    def after(self, time_s: float) -> float:
        """Share from a time on."""
        return self._at(time_s, bisect_right(self._time_s, time_s))

    def trip(self, at_s: float, share: float) -> None:
        """Disconnect a share of the site; what has been planned for later is forgotten."""
        left = self._cut(at_s)
        self._add(at_s, max(0.0, left - share))

    def come_back(self, at_s: float, over_s: float) -> None:
        """Connect all of it again, over a time; what has been planned for later is forgotten."""
        self._cut(at_s)
        self._add(at_s + over_s, 1.0)

    def aligned(self, nodes_s: np.ndarray, within_s: float) -> "Connection":
        """The same with knots moved to the nodes they belong to."""
        times = []
        for time_s in self._time_s:
            nearest = float(nodes_s[np.abs(nodes_s - time_s).argmin()]) if nodes_s.size else time_s
            times.append(nearest if abs(nearest - time_s) <= within_s else time_s)
        return Connection(times, list(self._share))

    def _at(self, time_s: float, following: int) -> float:
        if following >= len(self._time_s):
            return self._share[-1]
        start, end = self._time_s[following - 1], self._time_s[following]
        if following == 0 or end == start:
            return self._share[following]
        way = (time_s - start) / (end - start)
        return self._share[following - 1] + way * (self._share[following] - self._share[following - 1])

    def _cut(self, at_s: float) -> float:
        """End what is there at a time; the share there."""
        left = self.after(at_s)
        keep = bisect_right(self._time_s, at_s)
        del self._time_s[keep:], self._share[keep:]
        self._add(at_s, left)
        return left

    def _add(self, time_s: float, share: float) -> None:
        self._time_s.append(time_s)
        self._share.append(share)
