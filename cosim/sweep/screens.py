"""Screened runs of a sweep, as a worker makes them: in its own process, which they cannot harm."""

import json
from collections import OrderedDict
from typing import Any

from cosim.scenario.load import validate
from cosim.scenario.source import Source
from cosim.screen import CannotScreen, Screener
from cosim.sweep.records import record_of, record_of_failure

MAX_SCREENERS = 4
"""Operating points that a worker holds; the one used longest ago goes first."""


class Screens:
    """Screens tasks, and keeps the operating points that they are screened at."""

    def __init__(self) -> None:
        self._screeners: OrderedDict[str, Screener | None] = OrderedDict()

    def record_of(self, task: dict[str, Any]) -> dict[str, Any] | None:
        """The record of a task; None if it cannot be screened and takes a run of its own."""
        try:
            screener = self._screener(task["reference"])
            if screener is None:
                return None
            source = Source(None, task["data"])
            summary = screener.run(validate(source), source)
        except CannotScreen:
            return None
        except (OSError, MemoryError) as error:
            return {"stop": str(error)}
        except Exception as error:
            return record_of_failure(error)
        return record_of(summary, None)

    def _screener(self, reference: dict[str, Any]) -> Screener | None:
        """The operating point of a scenario; None if there is none."""
        key = json.dumps(reference, sort_keys=True)
        if key not in self._screeners:
            while len(self._screeners) >= MAX_SCREENERS:
                self._screeners.popitem(last=False)
            source = Source(None, reference)
            try:
                self._screeners[key] = Screener(validate(source), source)
            except CannotScreen:
                self._screeners[key] = None
        self._screeners.move_to_end(key)
        return self._screeners[key]
