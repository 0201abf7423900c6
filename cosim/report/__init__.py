"""Reports: the page and the PDF of one run, and the page that compares several, made from stored results alone."""

from pathlib import Path

from cosim.files import write_whole
from cosim.report.comparison import render_comparison, write_comparison
from cosim.report.page import render
from cosim.report.pdf import render_pdf, write_pdf
from cosim.result import Result

__all__ = ["render", "render_comparison", "render_pdf", "write_comparison", "write_pdf", "write_report"]


def write_report(result: Result, path: str | Path) -> None:
    """Write a run's report as one HTML file that needs no network.

    Parameters
    ----------
    result : Result
        With its summary stored; any status, any channels, with or without sites.
    path : str or Path
        File to write; one that exists is replaced, and a write that is cut short leaves no half of one.

    Raises
    ------
    ResultError
        If the result cannot be read or holds no summary.
    """
    write_whole(path, render(result))
