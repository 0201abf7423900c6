"""The error raised for load data that cannot be used as it stands."""

from __future__ import annotations


class LoadDataError(ValueError):
    """Load data that is malformed, ambiguous or missing.

    Parameters
    ----------
    message
        What is wrong, with the value that was found.
    path
        File the data came from.
    line
        Line of the file, counted from 1.
    column
        Name of the table column, or position in the line counted from 1.
    hint
        What was expected, what to do, or the nearest valid name.

    Notes
    -----
    ``str()`` reads ``path:line: message; hint``, leaving out what is unknown.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        line: int | None = None,
        column: str | int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line
        self.column = column
        self.hint = hint

    def __str__(self) -> str:
        where = self.path or ""
        if self.line is not None:
            where = f"{where}:{self.line}" if where else f"line {self.line}"
        text = f"{where}: {self.message}" if where else self.message
        return f"{text}; {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        # The default keeps `args` alone: an error handed back by a worker process would lose its place.
        return type(self), (self.message,), self.__dict__
