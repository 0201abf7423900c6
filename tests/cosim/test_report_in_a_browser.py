"""The page in a real browser: no error, no request, text of users stays text."""

import shutil
import subprocess

import pytest
from test_report import make

from cosim.comparison import Comparison
from cosim.report import write_comparison, write_report

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--virtual-time-budget=20000"),
]
EVIL = "<script>alert(1)</script>"


def opened(path, profile, width=1200):
    """The page's elements after its scripts have run, and what the browser's console said."""
    command = [
        BROWSER,
        *FLAGS,
        f"--user-data-dir={profile}",
        f"--window-size={width},3000",
        "--dump-dom",
        f"file://{path}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.slow
def test_the_page_runs_without_error_or_request(tmp_path):
    result = make(tmp_path, name=EVIL)
    write_report(result, tmp_path / "report.html")
    elements, console = opened(tmp_path / "report.html", tmp_path / "profile")
    assert console == []  # a refused request would be there: the page's policy allows none
    assert elements.count('class="main-svg"') >= 10  # drawn
    assert EVIL not in elements
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in elements


@pytest.mark.slow
def test_the_comparison_runs_without_error(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    results = [make(tmp_path / "a", name=EVIL), make(tmp_path / "b", name="other")]
    write_comparison(Comparison.of(results), tmp_path / "comparison.html")
    elements, console = opened(tmp_path / "comparison.html", tmp_path / "profile")
    assert console == []
    assert EVIL not in elements
    assert elements.count('class="main-svg"') >= 4
