"""`engine: auto` measures once per box: what it keeps, when it measures again, what breaks."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.bundles import Bundle
from edge.bundles.graphs import Graphs, open_graphs
from edge.engines import (
    ENGINES,
    Cpu,
    Engine,
    EngineChoice,
    EngineOptions,
    Measured,
    choice_key,
    load_named,
    read_cpu,
)
from edge.engines.remembered import MOST_BYTES, MOST_ENTRIES, NAME, RememberedChoices
from edge.errors import EngineError
from edge.paths import lasting_state_folder
from tests.bundles.parts import bundle

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
CHOICE = EngineChoice(
    Measured("openvino", "model.onnx", "int8", 700.0, 5.5, 6.0, 12),
    (
        Measured("openvino", "model.onnx", "int8", 700.0, 5.5, 6.0, 12),
        Measured("onnxruntime", "model.onnx", "int8", 90.0, 7.5, 8.0, 12),
    ),
)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("STATE_DIRECTORY", str(folder))
    monkeypatch.setattr("edge.bundles.graphs.lasting_state_folder", lasting_state_folder)
    return folder


@pytest.fixture
def soccer(tmp_path: Path) -> Bundle:
    return bundle(tmp_path / "soccer")


def reason(graphs: Graphs) -> str:
    graphs.close()
    assert graphs.choice is not None
    return graphs.choice.reason


def entries(state: Path) -> dict[str, Any]:
    found = json.loads((state / NAME).read_text())["choices"]
    assert isinstance(found, dict)
    return found


def test_the_second_start_does_not_measure(state: Path, soccer: Bundle):
    first, second = reason(open_graphs(soccer)), reason(open_graphs(soccer))
    assert " on 2" not in first
    assert " on 2" in second
    before, _, others = second.partition(" on 2")
    assert first.startswith(before)
    assert others.split("; ")[1:] == first.split("; ")[1:]
    assert len(entries(state)) == 1


def test_the_choice_kept_is_the_engine_loaded(state: Path, soccer: Bundle):
    """A remembered engine is taken although measuring might take another."""
    open_graphs(soccer).close()
    file = state / NAME
    ((key, entry),) = entries(state).items()
    for wanted in ("onnxruntime", "openvino"):
        entry["candidates"].sort(key=lambda row: row["engine"] != wanted)
        file.write_text(json.dumps({"format": 1, "choices": {key: entry}}))
        graphs = open_graphs(soccer)
        assert (graphs.encoder.name, graphs.dense.name) == (wanted, wanted)
        assert f"engine {wanted}" in reason(graphs)


CPU = read_cpu()
DIGESTS = {"model.onnx": "a" * 64}
ONE = EngineOptions(threads=1)
BOTH = ["onnxruntime", "openvino"]


@pytest.mark.parametrize(
    "other",
    [
        (replace(CPU, name="another"), BOTH, DIGESTS, ONE),
        (replace(CPU, cores=64.0), BOTH, DIGESTS, ONE),
        (replace(CPU, features=()), BOTH, DIGESTS, ONE),
        (CPU, ["onnxruntime"], DIGESTS, ONE),
        (CPU, BOTH, {"model.onnx": "b" * 64}, ONE),
        (CPU, BOTH, DIGESTS | {"dense.onnx": "b" * 64}, ONE),
        (CPU, BOTH, DIGESTS, EngineOptions(threads=3)),
        (CPU, BOTH, DIGESTS, EngineOptions(threads=1, arithmetic="bf16")),
    ],
)
def test_all_that_matters_is_in_the_key(
    other: tuple[Cpu, list[str], dict[str, str], EngineOptions],
):
    assert choice_key(CPU, BOTH, DIGESTS, ONE) == choice_key(CPU, BOTH[::-1], DIGESTS, ONE)
    assert choice_key(*other) != choice_key(CPU, BOTH, DIGESTS, ONE)


def test_another_version_of_an_engine_is_measured_again(monkeypatch: pytest.MonkeyPatch):
    def key() -> str:
        return choice_key(read_cpu(), ["openvino"], {}, EngineOptions(threads=1))

    before = key()
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1999.1")
    assert key() != before


def test_an_engine_without_a_record_of_its_installation_has_a_version(
    monkeypatch: pytest.MonkeyPatch,
):
    bare = replace(ENGINES["onnxruntime"], distributions=("no-such-distribution",))
    assert bare.version.endswith("onnxruntime/__init__.py")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"{",
        b"[]",
        b'"x"',
        b"[" * 100_000,
        b"{}",
        b'{"format": 1}',
        b'{"format": 1, "choices": []}',
        b'{"format": 2, "choices": {"k": 1}}',
        b'{"format": 1, "choices": {"k": null}}',
        b'{"format": 1, "choices": {"k": {"day": "2026-01-01", "candidates": []}}}',
        b'{"format": 1, "choices": {"k": {"day": 7, "candidates": [{}]}}}',
        b"x" * (MOST_BYTES + 1),
    ],
)
def test_a_damaged_file_costs_a_measurement(tmp_path: Path, content: bytes):
    (tmp_path / NAME).write_bytes(content)
    remembered = RememberedChoices(tmp_path)
    assert remembered.recall("k") is None
    remembered.keep("k", CHOICE)
    assert (found := remembered.recall("k")) is not None
    assert replace(found, measured_on=None) == CHOICE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("engine", "/bin/sh"),
        ("engine", None),
        ("median_ms", -1),
        ("median_ms", float("nan")),
        ("p95_ms", "x"),
        ("runs", "x"),
        ("runs", None),
    ],
)
def test_an_entry_with_a_wrong_value_is_not_used(tmp_path: Path, field: str, value: object):
    remembered = RememberedChoices(tmp_path)
    remembered.keep("k", CHOICE)
    found = json.loads((tmp_path / NAME).read_text())
    found["choices"]["k"]["candidates"][0][field] = value
    (tmp_path / NAME).write_text(json.dumps(found))
    assert remembered.recall("k") is None


def test_the_only_engine_is_kept_without_times(tmp_path: Path):
    alone = Measured("onnxruntime", "model.onnx", "int8", 90.0)
    RememberedChoices(tmp_path).keep("k", EngineChoice(alone, (alone,)))
    found = RememberedChoices(tmp_path).recall("k")
    assert found is not None
    assert found.candidates == (alone,)
    assert found.reason == "engine onnxruntime (int8): the only one here that runs this bundle"
    json.loads((tmp_path / NAME).read_text(), parse_constant=pytest.fail)


def test_the_file_is_bounded(tmp_path: Path):
    remembered = RememberedChoices(tmp_path)
    for number in range(MOST_ENTRIES + 9):
        remembered.keep(f"{number}", CHOICE)
    assert [*entries(tmp_path)] == [f"{n}" for n in range(9, MOST_ENTRIES + 9)]
    remembered.keep("9", CHOICE)  # the newest again
    remembered.keep("new", CHOICE)
    assert remembered.recall("9") is not None
    assert remembered.recall("10") is None
    assert (tmp_path / NAME).stat().st_size < MOST_BYTES
    assert [p.name for p in tmp_path.iterdir()] == [NAME]


def test_readers_see_a_whole_file_beside_writers(tmp_path: Path):
    remembered = RememberedChoices(tmp_path)
    remembered.keep("kept", CHOICE)
    done = threading.Event()
    lost: list[int] = []

    def read() -> None:
        while not done.is_set():
            if remembered.recall("kept") is None:
                lost.append(1)

    def write(name: str) -> None:
        for _ in range(30):
            remembered.keep(name, CHOICE)

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(3)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert not lost
    assert set(entries(tmp_path)) == {"kept", "w0", "w1", "w2"}


def test_a_folder_that_cannot_be_written_costs_a_measurement(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "file").write_text("")
    for folder in (None, tmp_path / "file", tmp_path / "file" / "below", Path("/proc/self/state")):
        remembered = RememberedChoices(folder)
        with caplog.at_level(logging.INFO):
            remembered.keep("k", CHOICE)
            assert remembered.recall("k") is None
    assert not caplog.records


@pytest.mark.parametrize("home", ["/proc/self/nowhere", "/dev/null", ""])
def test_without_a_home_it_decides_each_time_and_says_nothing_of_it(soccer: Bundle, home: str):
    environment = {**os.environ, "HOME": home}
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        environment.pop(name, None)
    program = (
        "import os, pwd, sys\n"
        "pwd.getpwuid = lambda number: (_ for _ in ()).throw(KeyError(number))\n"
        "from edge.bundles import load_bundle\n"
        "from edge.bundles.graphs import open_graphs\n"
        f"for _ in range(2): print(open_graphs(load_bundle({str(soccer.path)!r})).choice.reason)\n"
    )
    done = run(program, environment)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all("median of 12 runs;" in line for line in lines)
    assert done.stderr == ""


BROKEN = {
    "raises ImportError": "raise ImportError('libopenvino.so.2640 is missing')",
    "raises OSError": "raise OSError('cannot allocate memory in static TLS block')",
    "built for another NumPy": "raise ValueError('numpy.dtype size changed')",
    "raises AttributeError": "import os; os.no_such_name",
    "has nothing in it": "",
    "has no devices": "class Core:\n    available_devices = []\n",
    "cannot say its devices": (
        "class Core:\n    @property\n"
        "    def available_devices(self): raise RuntimeError('no plugin')"
    ),
    "compiles nothing": (
        "class Core:\n    available_devices = ['CPU']\n"
        "    def compile_model(self, *a): raise TypeError('unexpected argument')"
    ),
}
"""What a broken openvino package does."""


def run(program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_engine_makes_room_for_the_next_with_a_word(
    kind: str, state: Path, soccer: Bundle, tmp_path: Path
):
    (tmp_path / "path" / "openvino").mkdir(parents=True)
    (tmp_path / "path" / "openvino" / "__init__.py").write_text(BROKEN[kind])
    program = (
        "from edge.bundles import load_bundle\n"
        "from edge.bundles.graphs import open_graphs\n"
        f"print(open_graphs(load_bundle({str(soccer.path)!r})).choice.reason)\n"
        "from edge.cli import main; main(['doctor'])"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "path")}
    done = run(program, environment)
    assert done.stdout.startswith("engine onnxruntime (fp32): the only one")
    (word,) = [line for line in done.stderr.splitlines() if "openvino" in line]
    assert "engine openvino does not work here, onnxruntime is used: " in word
    assert not (state / NAME).exists() or soccer.label not in (state / NAME).read_text()
    (found,) = [line for line in done.stdout.splitlines() if "  engine auto " in line]
    assert found.startswith("ok")
    assert "onnxruntime" in found


def test_a_folder_of_an_engines_name_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "some_engine" / "models").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not replace(ENGINES["openvino"], packages=("some_engine",)).installed
    monkeypatch.setitem(sys.modules, "some_engine", None)
    assert not replace(ENGINES["openvino"], packages=("some_engine",)).installed


def test_a_remembered_engine_that_breaks_makes_room(
    state: Path, soccer: Bundle, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    open_graphs(soccer).close()
    file = state / NAME
    ((key, entry),) = entries(state).items()
    entry["candidates"].sort(key=lambda row: row["engine"] != "openvino")
    file.write_text(json.dumps({"format": 1, "choices": {key: entry}}))
    monkeypatch.setattr("edge.engines.openvino_engine.devices", lambda: ())
    with caplog.at_level(logging.WARNING):
        graphs = open_graphs(soccer)
    assert graphs.encoder.name == "onnxruntime"
    assert "engine openvino worked on 2" in caplog.text
    graphs.close()


def test_an_engine_that_runs_the_encoder_alone_makes_room(
    state: Path, soccer: Bundle, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    broken: list[str] = []

    def load(path: Path, engine: str, options: EngineOptions) -> Engine:
        if path.name == "dense.onnx":
            broken[:] = broken or [engine]  # the first that is tried
            if engine in broken:
                raise EngineError(f"{engine}: no such operation")
        return load_named(path, engine, options)

    monkeypatch.setattr("edge.bundles.graphs.load_named", load)
    graphs = open_graphs(soccer)
    assert graphs.encoder.name == graphs.dense.name != broken[0]
    assert f"engine {broken[0]} runs the encoder alone: " in caplog.text
    assert f"{broken[0]} failed" in reason(graphs)
    assert not (state / NAME).exists()


def test_graphs_that_no_engine_runs_are_an_error(state: Path, soccer: Bundle):
    (soccer.path / "dense.onnx").write_bytes(b"damaged")
    with pytest.raises(EngineError, match="cannot load"):
        open_graphs(soccer)
    assert not (state / NAME).exists()
