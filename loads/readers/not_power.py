"""Tables that people have beside their power recordings, told apart to say what to do with them."""

from __future__ import annotations

from collections.abc import Sequence

from loads.errors import LoadDataError

_KNOWN = (
    (
        {"timestamp", "contexttokens", "generatedtokens"},
        "the file is a list of requests with their tokens, not of power",
        "use it as the arrivals of an inference workload",
    ),
    (
        {"emissions", "energy_consumed", "duration"},
        "the file is a CodeCarbon summary, one row a run, not power against time",
        "use the log of the power sampler itself; energy over duration is the mean power",
    ),
)


def refuse_known(names: Sequence[str], path: str, line: int) -> None:
    """Raise `LoadDataError` if the columns are those of a known file without power against time."""
    lowered = {name.lower() for name in names}
    for columns, message, hint in _KNOWN:
        if columns <= lowered:
            raise LoadDataError(message, path=path, line=line, hint=hint)
