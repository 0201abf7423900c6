"""Arguments and options of commands that study a case or a scenario."""

from typing import Annotated

import typer


def names(incomplete: str) -> list[str]:
    """Grids and library scenarios whose names begin so, for tab completion."""
    from cosim.scenario.library import library
    from grids import catalogue

    return [name for name in (*catalogue(), *library()) if name.startswith(incomplete)]


Case = Annotated[
    str,
    typer.Argument(
        metavar="CASE_OR_SCENARIO",
        help="A grid (cosim list grids), a case file, a scenario file or its name in the library.",
        autocompletion=names,
    ),
]
Dyr = Annotated[str | None, typer.Option(metavar="FILE", help="PSS/E dynamic data that goes with a .raw case.")]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value, such as grid.base_load.p=1. May be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
