"""What is wrong with a scenario, collected so that the user sees all of it at once."""

from cosim.errors import InputError, Problem
from cosim.scenario.source import Location, Source
from grids import GridError


class Problems:
    """Problems of one scenario, each with its place in the file."""

    def __init__(self, source: Source):
        self.source, self.found = source, list[Problem]()

    def add(self, location: Location, message: str, hint: str | None = None) -> None:
        """Note a problem at a key."""
        self.found.append(self.source.problem(location, message, hint))

    def add_error(self, location: Location, error: GridError) -> None:
        """Note what a grid said of the value of a key."""
        self.found.append(self.source.problem(location, str(error)))

    def stop_if_any(self) -> None:
        """Raise `InputError` with all that was noted, if anything was."""
        if self.found:
            raise InputError(*self.found)
