"""What the user gave us and cannot be used: said with place, key, and what was expected."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input.

    Parameters
    ----------
    message : str
        What is wrong, with the value, and what was expected.
    key : str
        Path of the key, such as ``sites[0].bus``; empty where none applies.
    place : str
        ``file:line:column``, or the option that the value came from.
    hint : str, optional
        The nearest valid name, or what to do.
    """

    message: str
    key: str = ""
    place: str = ""
    hint: str | None = None

    def __str__(self) -> str:
        head = "".join(f"{part}: " for part in (self.place, self.key) if part)
        return f"{head}{self.message}" + (f"; {self.hint}" if self.hint else "")


class InputError(Exception):
    """Bad input (exit code 2): one problem or several, never a traceback."""

    def __init__(self, *problems: Problem):
        self.problems = problems
        super().__init__("\n".join(str(p) for p in problems))


def nearest(word: object, valid: Iterable[object], cutoff: float = 0.6) -> str:
    """``did you mean 'x'?`` for the valid name nearest to a word; where none is near, what there is."""
    names = [str(name) for name in valid]
    near = difflib.get_close_matches(str(word), names, n=1, cutoff=cutoff)
    if near:
        return f"did you mean '{near[0]}'?"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"there are {shown}" if names else "there are none"
