"""Put the page together: its style, scripts and interactive plots around the report's content."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from cosim.report.content import content, plain_value
from cosim.report.figures import Figure
from cosim.report.text import label, words
from cosim.result import Result

_HERE = Path(__file__).parent


def render(result: Result) -> str:
    """The whole page as text; the same result gives the same bytes."""
    shown = content(result)
    drawn = {section: [(f, figure_json(f)) for f in figures] for section, figures in shown["figures"].items()}
    return template("template.html.j2").render(
        shown
        | {
            "style": Markup(asset("style.css")),
            "scripts": [Markup(text) for text in scripts()],
            "policy": policy(),
            "figures": drawn,
            "printed": False,
        }
    )


@functools.cache
def template(name: str) -> Any:
    """A template with the filters that the report's templates use."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": words, "label": label, "value": plain_value}
    environment.tests["mapping_like"] = lambda item: isinstance(item, Mapping)
    return environment.get_template(name)


@functools.cache
def asset(name: str) -> str:
    """Text of a file beside this module."""
    return (_HERE / name).read_text(encoding="utf-8")


@functools.cache
def scripts() -> tuple[str, str]:
    """Scripts of a page: Plotly's, and our own."""
    return get_plotlyjs().replace("\r\n", "\n"), asset("page.js")


def policy() -> str:
    """What a browser may do with the page: run these two scripts, and load nothing from anywhere."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts()]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


def figure_json(figure: Figure) -> Markup:
    """The figure's JSON, safe inside a script element whatever names it holds."""
    if figure.plot is None:
        return Markup()
    text = str(figure.plot.to_json())
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
