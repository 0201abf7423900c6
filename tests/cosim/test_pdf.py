"""The printed report: paginated, the numbers of the page, and plots as vectors."""

import io
import re

import numpy as np
import plotly.graph_objects as go
import pytest
from pypdf import PdfReader
from test_report import Page, make

from cosim.report import render, render_pdf
from cosim.report.drawing import axes, curve, plane, points, shade
from cosim.report.print_figures import svg


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return make(tmp_path_factory.mktemp("run"), name="a <script>alert(1)</script> & $x$")


@pytest.fixture(scope="module")
def pages(result):
    return PdfReader(io.BytesIO(render_pdf(result))).pages


def test_pages_have_numbers_and_headers(pages):
    assert len(pages) >= 6
    for number, page in enumerate(pages, start=1):
        text = page.extract_text()
        assert f"{number} of {len(pages)}" in text
        assert "Verdict: fail" in text.replace("\xa0", " ")
        assert "<script>alert(1)</script>" in text


def test_it_has_the_numbers_of_the_page(result, pages):
    printed = " ".join(" ".join(page.extract_text().split()) for page in pages)
    shown = Page(render(result)).text
    for said in ("59.9600", "0.8200", "20.00", "≤ 50", "−0.0800", "instantaneous sag", "line 5 trips"):
        assert said in shown
        assert said in printed
    for heading in ("1 Compliance", "11 Ride-through", "13 Limitations", "Appendix"):
        assert heading in printed


def test_plots_are_vectors(pages):
    for page in pages:
        assert not [image for image in page.images if image.name]  # no raster anywhere


def test_contents_give_pages(pages):
    first = pages[0].extract_text()
    assert re.search(r"13 Limitations.*\d", first)


def test_the_same_figure_gives_the_same_bytes():
    plot = axes(2, ["power (MW)", "power (MW)"], 400)
    x = np.arange(10.0)
    curve(plot, x, x**2, "one <&> $two$", "#3584c8", row=1)
    curve(plot, x, -x, "step", "#d5762a", row=2, shape="hv", dash="dash")
    shade(plot, 2.0, 4.0, "marked", "#cf4b3c", row=2)
    drawn = svg(plot)
    assert drawn == svg(plot)
    assert "<image" not in drawn
    assert "one &lt;&amp;&gt;" in drawn
    assert "marked" in drawn


def test_logarithmic_planes_keep_their_ranges():
    plot = plane("frequency (Hz)", "amplitude (MW)", log_x=True, log_y=True)
    curve(plot, np.array([0.1, 10.0]), np.array([1.0, 100.0]), "a", "#3584c8")
    points(plot, np.array([1.0]), np.array([10.0]), "b", "#cf4b3c", symbol="triangle-down", texts=["here"])
    plot.update_xaxes(range=[-2, 2])
    drawn = svg(plot)
    assert "frequency (Hz)" in drawn
    assert "amplitude (MW)" in drawn


def test_packed_and_plain_arrays_are_the_same():
    packed = go.Figure(go.Scatter(x=np.arange(3.0), y=np.array([1.0, np.nan, 2.0]), mode="lines"))
    plain = go.Figure(go.Scatter(x=[0.0, 1.0, 2.0], y=[1.0, None, 2.0], mode="lines"))
    for plot in (packed, plain):
        plot.update_layout(axes(1, ["y"], 300).layout)
    assert svg(packed) == svg(plain)
