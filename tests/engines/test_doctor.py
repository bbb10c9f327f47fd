"""`touchline doctor`: what it says of this machine, and of machines that lack something."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.bundles import load_bundle
from edge.cli import doctor, main
from edge.cli.doctor import Finding
from edge.engines import Cpu
from tests.bundles.parts import bundle


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def only(findings: Iterator[Finding], what: str) -> Finding:
    return next(finding for finding in findings if finding.what == what)


def test_this_environment_has_what_the_main_job_needs() -> None:
    findings = [*doctor.check_python(), *doctor.check_packages(), *doctor.check_engines()]
    assert [f for f in findings if f.level == "fail"] == []
    assert only(iter(findings), "engine onnxruntime").found == "devices cpu"


@pytest.mark.process
@pytest.mark.slow
def test_every_trouble_comes_with_a_cure() -> None:
    for check in doctor.CHECKS:
        for finding in check():
            assert finding.found
            assert bool(finding.cure) == (finding.level != "ok"), finding


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "av" else "1.0")
    found = only(doctor.check_packages(), "av")
    assert (found.level, found.cure) == ("fail", "pip install av")


@pytest.mark.parametrize(
    ("installed", "level", "cure"),
    [
        ((), "fail", "pip install opencv-python-headless"),
        (("opencv-python",), "ok", ""),
        (("opencv-python-headless", "opencv-python"), "note", "pip uninstall opencv-python"),
    ],
)
def test_opencv_has_several_names(
    monkeypatch: pytest.MonkeyPatch, installed: tuple[str, ...], level: str, cure: str
) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: "5.0" if name in installed else None)
    found = only(doctor.check_packages(), "OpenCV")
    assert found.level == level
    assert cure in found.cure


def test_missing_engine_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = only(doctor.check_engines(), "engine openvino")
    assert (found.level, found.cure) == ("note", "pip install touchline[openvino]")


def test_openvino_is_named_where_it_may_be_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = {"soccer": doctor.list_bundles()["soccer"]}
    monkeypatch.setattr(doctor, "list_bundles", lambda: shipped)
    fast = Cpu("Xeon", "x86_64", 2, ("AVX2", "AVX512-VNNI"))
    found = {}
    for name, cpu in {
        "fast": fast,
        "old": replace(fast, features=("AVX2",)),
        "arm": replace(fast, machine="aarch64", features=("dotprod",)),
    }.items():
        with monkeypatch.context() as patch:
            patch.setattr("importlib.util.find_spec", lambda name: None)
            patch.setattr(doctor, "read_cpu", lambda cpu=cpu: cpu)
            found[name] = only(doctor.check_engines(), "engine openvino").found
    assert found == {
        "fast": "not installed; may be faster here for soccer",
        "old": "not installed",
        "arm": "not installed",
    }


def test_the_choice_of_auto_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):  # measured, then remembered
        found = only(doctor.check_engine_choice(), "engine auto")
        assert found.level == "ok"
        assert "ms median of" in found.found
    assert " on 2" in found.found


def test_no_engine_that_works_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = bundle(tmp_path / "soccer")
    (made.path / "model.onnx").write_bytes(b"damaged")
    damaged = load_bundle(made.path, verify=False)
    monkeypatch.setattr(doctor, "find_bundle", lambda sport: damaged)
    found = only(doctor.check_engine_choice(), "engine auto")
    assert (found.level, found.cure) == ("fail", "pip install --force-reinstall onnxruntime")
    assert "no engine on this box runs this graph" in found.found


def test_damaged_bundle_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = bundle(tmp_path / "soccer")
    monkeypatch.setattr(doctor, "list_bundles", lambda: {"soccer": made.path})
    found = only(doctor.check_bundles(), "bundle soccer")
    assert (found.level, found.found) == ("ok", "soccer 0.1.0 (fp32), digests right")
    (made.path / "dense.onnx").write_bytes(b"damaged")
    found = only(doctor.check_bundles(), "bundle soccer")
    assert found.level == "fail"
    assert "dense.onnx" in found.found


def test_no_bundle_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "list_bundles", dict)
    assert only(doctor.check_bundles(), "bundles").level == "fail"


def test_broker_that_answers_and_one_that_does_not(listener: int) -> None:
    assert doctor.check_broker("127.0.0.1", listener).level == "ok"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = doctor.check_broker(*closed.getsockname())
    assert refused.level == "fail"
    assert "refused" in refused.found


@pytest.mark.parametrize(
    "url", ["localhost", "http://localhost", "mqtt://", "mqtt://h:x", "mqtt://h:0"]
)
def test_broker_url_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--broker", url])
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (2, 1)
    assert repr(url) in error


@pytest.mark.parametrize(
    ("url", "address"),
    [("mqtt://box", ("box", 1883)), ("mqtts://box", ("box", 8883)), ("mqtt://box:1", ("box", 1))],
)
def test_broker_url_is_read(url: str, address: tuple[str, int]) -> None:
    assert doctor.parse_broker(url) == address


@pytest.mark.parametrize(
    ("text", "mb"), [("MemTotal: 9 kB\nMemAvailable:  2048000 kB\n", 2048), ("Mem: 1\n", None)]
)
def test_memory(tmp_path: Path, text: str, mb: int | None) -> None:
    path = tmp_path / "meminfo"
    path.write_text(text)
    assert doctor.memory_mb(path) == mb
    assert doctor.memory_mb(tmp_path / "none") is None


@pytest.mark.parametrize("level", ["ok", "note", "fail"])
def test_exit_code_and_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], level: Any
) -> None:
    finding = Finding("thing", level, "as found", "" if level == "ok" else "do this")
    monkeypatch.setattr(doctor, "CHECKS", (lambda: iter([finding]),))
    assert main(["doctor"]) == (1 if level == "fail" else 0)
    said = capsys.readouterr().out
    assert "thing  as found" in said
    assert ("-> do this" in said) == (level != "ok")
    assert ("cannot run: thing" in said) == (level == "fail")
    assert main(["doctor", "--json"]) == (1 if level == "fail" else 0)
    assert json.loads(capsys.readouterr().out)["findings"][0]["level"] == level
