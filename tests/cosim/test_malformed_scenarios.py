"""Each malformed file must be refused with exit code 2, the line and key named, and no traceback."""

from pathlib import Path

import pytest

from cosim.cli import main

FILES = sorted((Path(__file__).parent / "malformed").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_malformed_file_is_refused(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line, _, expected = path.read_text().splitlines()[0].removeprefix("# expect ").partition(":")
    with pytest.raises(SystemExit) as stop:
        main(["run", str(path)])
    printed = capsys.readouterr().err
    assert stop.value.code == 2
    assert "Traceback" not in printed
    assert f"{path}:{line.strip()}" in printed
    for part in expected.split("|"):
        assert part.strip() in printed


def test_there_are_twenty() -> None:
    assert len(FILES) >= 20


def test_large_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "large.yaml"
    path.write_text("# " + "x" * 1_100_000)
    with pytest.raises(SystemExit) as stop:
        main(["run", str(path)])
    assert stop.value.code == 2
    assert "too large" in capsys.readouterr().err


def test_deep_nesting_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text("[" * 50_000)
    with pytest.raises(SystemExit) as stop:
        main(["run", str(path)])
    assert stop.value.code == 2
    assert "nested" in capsys.readouterr().err


def test_anchor_that_contains_itself_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "loop.yaml"
    path.write_text("grid: &g\n  case: *g\n")
    with pytest.raises(SystemExit) as stop:
        main(["run", str(path)])
    assert stop.value.code == 2
    assert "nested" in capsys.readouterr().err
