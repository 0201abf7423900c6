"""The package as users install it: a wheel in a new environment."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_wheel_holds_the_library_and_all_data(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "cosim/scenarios/ieee39-training.yaml",
        "cosim/scenario/template.yaml",
        "cosim/report/template.html.j2",
        "grids/catalogue.yaml",
        "loads/interpolation.py",
        "cosim/py.typed",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "scenarios/"))]


@pytest.mark.slow
def test_library_is_found_from_an_installed_wheel(wheel, tmp_path):
    """Unpacked away from the checkout, the package finds its scenarios and runs the command line."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import cosim, sys; from cosim.scenario.library import library_folder, library;"
        "from cosim.cli import main; print(library_folder()); print(sorted(library())); main(['list', 'scenarios'])"
    )
    printed = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.splitlines()[0] == str(tmp_path / "site" / "cosim" / "scenarios")
    assert "ieee39-gpt3-recorded" in printed
