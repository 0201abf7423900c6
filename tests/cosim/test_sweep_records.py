"""Records of runs: whatever cuts a file short, only the lines that it cuts are lost, and none is made up."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cosim.sweep.records as records_module
from cosim.sweep.records import CRASHED, WORKERS_NAME, Records, RecordWriter

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
records_of_runs = st.lists(
    st.fixed_dictionaries(
        {"status": st.sampled_from(["completed", "diverged", "error"]), "error": st.text(), "values": plain}
    ),
    min_size=1,
    max_size=5,
).map(lambda found: [{"run_id": f"run{k}"} | record for k, record in enumerate(found)])
in_a_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def lines_of(records):
    return [json.dumps(record).encode() + b"\n" for record in records]


def read(folder: Path) -> dict[str, dict]:
    records = Records(folder)
    records.update()
    return records.found


def worker_file(folder: Path, name: str = "host-1-0.jsonl") -> Path:
    (folder / WORKERS_NAME).mkdir(exist_ok=True, parents=True)
    return folder / WORKERS_NAME / name


@given(records_of_runs)
@in_a_folder
def test_what_is_written_is_read(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("sweep")
    writer = RecordWriter(folder)
    for number, record in enumerate(records):
        writer.append(record)
        assert read(folder) == {r["run_id"]: r for r in records[: number + 1]}


@given(records_of_runs, st.data())
@in_a_folder
def test_a_file_that_is_cut_short_loses_only_the_lines_that_are_cut(tmp_path, records, data):
    lines = lines_of(records)
    content = b"".join(lines)
    cut = data.draw(st.integers(0, len(content)))
    worker_file(tmp_path).write_bytes(content[:cut])
    whole = [r for k, r in enumerate(records) if len(b"".join(lines[: k + 1])) <= cut]
    assert read(tmp_path) == {r["run_id"]: r for r in whole}


def test_a_file_may_be_cut_at_any_byte(tmp_path):
    records = [
        {"run_id": f"run{k}", "status": "completed", "values": {"a": 1.5, "é\u2028": "{}\n\r"}} for k in range(3)
    ]
    lines = lines_of(records)
    content = b"".join(lines)
    for cut in range(len(content) + 1):
        worker_file(tmp_path).write_bytes(content[:cut])
        assert len(read(tmp_path)) == content[:cut].count(b"\n")


@given(records_of_runs, st.data())
@in_a_folder
def test_lines_after_one_that_was_cut_short_count(tmp_path, records, data):
    """As when the last block of a file was lost and the line break of the next write was not."""
    lines = lines_of(records)
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] = lines[number][: data.draw(st.integers(0, len(lines[number]) - 2))] + b"\n"
    worker_file(tmp_path).write_bytes(b"".join(lines))
    assert read(tmp_path) == {r["run_id"]: r for k, r in enumerate(records) if k != number}


@given(records_of_runs, st.lists(st.integers(1, 40), min_size=1))
@in_a_folder
def test_a_file_can_be_read_while_it_grows(tmp_path, records, sizes):
    content = b"".join(lines_of(records))
    path = worker_file(tmp_path)
    path.write_bytes(b"")
    reader, at = Records(tmp_path), 0
    while at < len(content):
        size = sizes[at % len(sizes)]
        with path.open("ab") as file:
            file.write(content[at : at + size])
        at += size
        reader.update()
        assert len(reader.found) == content[:at].count(b"\n")
    assert reader.found == {r["run_id"]: r for r in records}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[1, 2]",
        b'"text"',
        b"{}",
        b'{"run_id": "run1"}',
        b'{"status": "completed"}',
        b'{"run_id": ["run1"], "status": "completed"}',
        b'{"run_id": "run1", "status": null}',
        b'{"run_id": "run1", "status": "compl',
        b"\xff\xfe\x00",
        b"\x00" * 4096,
        b"[" * 100,
    ],
)
def test_what_is_no_record_is_left_out(line, tmp_path):
    good = {"run_id": "run0", "status": "completed"}
    worker_file(tmp_path).write_bytes(line + b"\n" + json.dumps(good).encode() + b"\n")
    assert read(tmp_path) == {"run0": good}


def test_a_run_that_crashed_gives_way_to_a_later_record(tmp_path):
    crashed = {"run_id": "run0", "status": CRASHED, "error": "ended by SIGKILL"}
    good = {"run_id": "run0", "status": "completed"}
    writer = RecordWriter(tmp_path)
    reader = Records(tmp_path)
    writer.append(crashed)
    reader.update()
    assert reader.found == {"run0": crashed}
    writer.append(crashed | {"error": "ended by SIGSEGV"})
    reader.update()
    assert reader.found["run0"]["error"] == "ended by SIGSEGV"
    writer.append(good)
    reader.update()
    assert reader.found == {"run0": good}
    writer.append(crashed)
    reader.update()
    assert reader.found == {"run0": good}
    assert read(tmp_path) == {"run0": good}


@pytest.mark.parametrize("names", [("a.jsonl", "b.jsonl"), ("b.jsonl", "a.jsonl")])
def test_it_gives_way_whichever_file_is_read_first(names, tmp_path):
    crashed, good = {"run_id": "run0", "status": CRASHED}, {"run_id": "run0", "status": "diverged"}
    for name, record in zip(names, (crashed, good), strict=True):
        worker_file(tmp_path, name).write_bytes(json.dumps(record).encode() + b"\n")
    assert read(tmp_path) == {"run0": good}


def test_the_first_of_two_good_records_stays(tmp_path):
    """A run that was made twice, by two owners: its row does not change later."""
    for name, value in (("a.jsonl", 1), ("b.jsonl", 2)):
        record = {"run_id": "run0", "status": "completed", "values": {"metric": value}}
        worker_file(tmp_path, name).write_bytes(json.dumps(record).encode() + b"\n")
    reader = Records(tmp_path)
    reader.update()
    reader.update()
    assert reader.found["run0"]["values"] == {"metric": 1}


def test_a_folder_without_records_has_none(tmp_path):
    assert read(tmp_path) == {}
    assert read(tmp_path / "missing") == {}


def test_a_number_that_is_none_is_refused_and_not_written(tmp_path):
    writer = RecordWriter(tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        writer.append({"run_id": "run0", "status": "completed", "values": {"metric": float("nan")}})
    writer.append({"run_id": "run1", "status": "completed"})
    assert list(read(tmp_path)) == ["run1"]


ALONE = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("records", sys.argv[1])  # without the package, which takes long to import
records = importlib.util.module_from_spec(spec)
spec.loader.exec_module(records)
writer = records.RecordWriter(Path(sys.argv[2]))
"""
MANY = """
for number in range(int(sys.argv[4])):
    writer.append({"run_id": f"{sys.argv[3]}-{number}", "status": "completed", "error": "x" * 3000})
"""
FULL = """
written = []
for number in range(30):
    try:
        writer.append({"run_id": f"run{number}", "status": "completed", "error": "x" * 30})
        written.append(number)
    except OSError as error:
        print(error.errno, file=sys.stderr)
print(written)
"""


def alone(code: str, *arguments: object) -> list[str]:
    """The command of a process that has a writer and runs some code."""
    return [sys.executable, "-B", "-c", ALONE + code, records_module.__file__, *map(str, arguments)]


def test_workers_that_write_at_the_same_time_do_not_disturb_each_other(tmp_path):
    workers, each = 4, 40
    processes = [subprocess.Popen(alone(MANY, tmp_path, worker, each)) for worker in range(workers)]
    reader, counts = Records(tmp_path), [0]
    while any(process.poll() is None for process in processes):
        reader.update()
        counts.append(len(reader.found))
    reader.update()
    assert [process.returncode for process in processes] == [0] * workers
    assert set(reader.found) == {f"{worker}-{number}" for worker in range(workers) for number in range(each)}
    assert counts == sorted(counts)
    assert len(list((tmp_path / WORKERS_NAME).iterdir())) == workers


def test_a_full_disk_is_told_and_what_follows_is_not_lost(tmp_path):
    """No file can grow beyond 500 bytes: lines are cut short as on a full disk, and then there is room again."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))

    done = subprocess.run(alone(FULL, tmp_path), preexec_fn=limit, capture_output=True, text=True, check=True)
    written = json.loads(done.stdout)
    assert 0 < len(written) < 30
    assert len(done.stderr.split()) == 30 - len(written)
    assert set(read(tmp_path)) == {f"run{number}" for number in written}
    assert any(not path.read_bytes().endswith(b"\n") for path in (tmp_path / WORKERS_NAME).iterdir())
    first_lost = min(set(range(30)) - set(written))
    assert max(written) > first_lost  # what comes after a line that was cut short begins a line of its own
