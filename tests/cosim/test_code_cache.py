"""The folder of compiled models: many processes, folders that cannot be written, files that are spoilt."""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cosim.compiled.model_code import FOOTER, HEADER
from cosim.compiled.model_loop import ModelCode
from loads import machine_code

CODE = """
@njit(error_model="numpy")
def differential(a__, t__):
    for k__ in range(t__[0]):
        a__[k__] = 2.0 * a__[k__]


@njit(error_model="numpy")
def algebraic(a__, t__):
    a__[0] = -1.0


@njit(error_model="numpy")
def jacobian(a__, t__, j__):
    j__[0] = sin(a__[0])
"""
"""A model as `cosim.compiled.model_code` writes it, but smaller."""

CHILD = """
import json, sys, tempfile
from pathlib import Path

plain = tempfile.TemporaryFile


def file(*arguments, dir=None, **keys):
    if sys.argv[4] == "read-only" and str(dir).startswith(sys.argv[5]):
        raise PermissionError(13, "Permission denied", str(dir))
    return plain(*arguments, dir=dir, **keys)


tempfile.TemporaryFile = file

from cosim.compiled import code_cache
from cosim.compiled.model_loop import ModelCode
from tests_code_cache import doubled

told = []
code = ModelCode("TINY", 2, Path(sys.argv[1]).read_text(encoding="utf-8"))
Path(sys.argv[2]).touch()
while len(list(Path(sys.argv[2]).parent.glob("ready-*"))) < int(sys.argv[3]):
    pass
address, = code_cache.compiled([code], lambda name, seconds: told.append(name))
print(json.dumps({"told": told, "folder": str(code_cache.folder()), "doubled": doubled(address)}))
"""


def doubled(address):
    """What kind 0 of the model makes of 1 and 2."""
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(address)
    arena, table, jacobian = np.array([1.0, 2.0]), np.array([2], dtype=np.int64), np.zeros(1)
    function(0, arena.ctypes.data, table.ctypes.data, jacobian.ctypes.data)
    return arena.tolist()


def start(cache, scratch, number=1, count=1, mode="writable"):
    """Start a process that compiles the model once ``count`` of them are ready."""
    text = scratch / "tiny.txt"
    text.write_text(HEADER.format(model="TINY") + CODE + FOOTER, encoding="utf-8")
    (scratch / "tests_code_cache.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    paths = os.pathsep.join([str(scratch), str(Path(__file__).parents[2])])
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    (scratch / "temporary").mkdir(exist_ok=True)
    environment |= {"COSIM_CACHE_DIR": str(cache), "PYTHONPATH": paths, "TMPDIR": str(scratch / "temporary")}
    arguments = [sys.executable, "-c", CHILD, str(text), str(scratch / f"ready-{number}"), str(count)]
    arguments += [mode, str(cache)]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answer(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out)


def run(cache, scratch, mode="writable"):
    return answer(start(cache, scratch, mode=mode))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_two_processes_at_once_compile_a_model_once(cache, scratch):
    processes = [start(cache, scratch, number, 2) for number in (1, 2)]
    answers = [answer(process) for process in processes]
    assert [a["doubled"] for a in answers] == [[2.0, 4.0]] * 2
    assert sorted(len(a["told"]) for a in answers) == [0, 1]
    assert len(list(cache.rglob("tiny_*.py"))) == 1
    assert run(cache, scratch)["told"] == []


def test_a_folder_that_cannot_be_made_gives_way_to_a_temporary_one(cache, scratch):
    cache.write_text("a file", encoding="utf-8")
    found = run(cache / "below", scratch)
    assert found["doubled"] == [2.0, 4.0]
    assert found["told"] == ["TINY"]
    assert not found["folder"].startswith(str(cache))
    assert run(cache / "below", scratch)["told"] == []


def test_a_folder_that_is_only_read_is_used(cache, scratch):
    """As in an image that was made with `cosim grid compile`; the attempt to write there fails, for root too."""
    run(cache, scratch)
    before = sorted(path.name for path in cache.rglob("*"))
    for path in (cache, *cache.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    found = [run(cache, scratch, "read-only") for _ in range(2)]
    for path in (cache, *cache.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert [one["doubled"] for one in found] == [[2.0, 4.0]] * 2
    assert [one["told"] for one in found] == [[], []]
    copies = {Path(one["folder"]) for one in found}
    assert len(copies) == 1
    copy = copies.pop()
    assert not copy.is_relative_to(cache)
    assert all(path.stat().st_mode & 0o200 for path in (copy, *copy.rglob("*")) if path.is_dir())
    assert sorted(path.name for path in cache.rglob("*")) == before


def test_others_cannot_put_code_into_the_copy(tmp_path, monkeypatch):
    """Numba runs what it finds: a folder that another user could have made is not used."""
    monkeypatch.setattr(machine_code.tempfile, "gettempdir", lambda: str(tmp_path))
    open_to_all = tmp_path / f"cosim-code-{os.getuid()}"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert machine_code._temporary() != open_to_all
    open_to_all.chmod(0o700)
    assert machine_code._temporary() == open_to_all


@pytest.mark.parametrize("suffix", [".nbi", ".nbc", ".py"])
@pytest.mark.parametrize("kept", [0.0, 0.5], ids=["empty", "half"])
def test_a_spoilt_file_does_not_break_a_run(cache, scratch, suffix, kept):
    """As after a crash of the machine, or a disk that was full."""
    assert run(cache, scratch)["doubled"] == [2.0, 4.0]
    files = list(cache.rglob(f"tiny_*{suffix}"))
    assert files
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content[: int(kept * len(content))])
    assert run(cache, scratch)["doubled"] == [2.0, 4.0]
    assert run(cache, scratch)["told"] == []


def test_a_model_with_another_text_has_a_file_of_its_own(cache):
    from cosim.compiled import code_cache

    first, second = ModelCode("TINY", 2, "a"), ModelCode("TINY", 2, "b")
    assert code_cache._path(cache, first) != code_cache._path(cache, second)
