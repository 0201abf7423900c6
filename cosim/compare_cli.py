"""`cosim compare`: runs side by side."""

import json
from pathlib import Path
from typing import Annotated

import typer


def compare(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR DIR...", help="Folders of runs; the first is the base.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Page to write.")] = Path("comparison.html"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts, and write no page.")] = False,
) -> None:
    """Put runs side by side: overlaid plots, verdicts, and a table of differences from the first."""
    from cosim.comparison import Comparison
    from cosim.console import print_comparison
    from cosim.errors import InputError, Problem
    from cosim.report import write_comparison
    from cosim.result import Result, ResultError

    if len(folders) < 2:
        raise InputError(Problem(f"expected at least 2 folders of runs, got {len(folders)}"))
    try:
        comparison = Comparison.of([Result.open(folder) for folder in folders])
    except ResultError as error:
        raise InputError(Problem(str(error))) from error
    if as_json:
        typer.echo(json.dumps(comparison.as_dict(), indent=2, ensure_ascii=False))
        return
    print_comparison(comparison)
    write_comparison(comparison, out)
    typer.echo(f"wrote {out}")
