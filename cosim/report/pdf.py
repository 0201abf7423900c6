"""The report as a PDF: the page's content, paginated, with its plots as vectors."""

from __future__ import annotations

import base64
import warnings
from pathlib import Path

from markupsafe import Markup

from cosim.errors import InputError, Problem
from cosim.files import write_whole
from cosim.report.content import content
from cosim.report.figures import Figure
from cosim.report.page import asset, template
from cosim.report.print_figures import svg
from cosim.result import Result


def render_pdf(result: Result) -> bytes:
    """The report's PDF.

    Raises
    ------
    InputError
        If the text layout library that WeasyPrint needs (Pango) is not installed on this machine.
    """
    try:
        with warnings.catch_warnings():  # it does without this library: fonts are then cut down by fontTools
            warnings.filterwarnings("ignore", "HarfBuzz-Subset will be required", DeprecationWarning)
            from weasyprint import HTML
    except OSError as error:
        hint = "install Pango (Debian and Ubuntu: libpango-1.0-0 libpangoft2-1.0-0; macOS: brew install pango)"
        raise InputError(
            Problem(f"a PDF needs the library Pango, which cannot be loaded: {error}", hint=hint)
        ) from error

    text = template("template.html.j2").render(printed_content(result))
    return bytes(HTML(string=text).write_pdf())


def printed_content(result: Result) -> dict[str, object]:
    """Content of the template for print."""
    shown = content(result)
    drawn = {section: [(figure, _image(figure)) for figure in figures] for section, figures in shown["figures"].items()}
    return shown | {
        "style": Markup(asset("style.css") + asset("print.css")),
        "scripts": [],
        "policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
        "figures": drawn,
        "printed": True,
    }


def write_pdf(result: Result, path: str | Path) -> None:
    """Write the report's PDF; a write that is cut short leaves no half of one."""
    write_whole(path, render_pdf(result))


def _image(figure: Figure) -> str:
    """The plot as an SVG address; empty for one that is not drawn."""
    if figure.plot is None:
        return ""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg(figure.plot).encode()).decode()}"
