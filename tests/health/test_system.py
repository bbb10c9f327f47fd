"""Figures of this process, and thermal zones as boards show them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from edge.health.system import read_process, temperatures


def test_figures_of_this_process_follow_what_it_does() -> None:
    before = read_process()
    assert before.resident_mb is not None
    assert before.threads is not None
    assert before.descriptors is not None
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    handles = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
    ballast = bytearray(os.urandom(1 << 16) * 1024)  # 64 MiB, written to
    after = read_process()
    release.set()
    thread.join()
    for handle in handles:
        os.close(handle)
    assert after.resident_mb is not None
    assert after.resident_mb - before.resident_mb > 40, len(ballast)
    assert after.descriptors == before.descriptors + 5
    assert after.threads == before.threads + 1


def zone(folder: Path, number: int, name: str, temp: str) -> None:
    path = folder / f"thermal_zone{number}"
    path.mkdir()
    (path / "type").write_text(name + "\n")
    (path / "temp").write_text(temp + "\n")


def test_zones_of_a_board(tmp_path: Path) -> None:
    zone(tmp_path, 0, "cpu-thermal", "61437")
    zone(tmp_path, 1, "cpu-thermal", "59000")
    zone(tmp_path, 10, "PMIC-Die", "-256000")
    zone(tmp_path, 2, "gpu", "not a number")
    (tmp_path / "thermal_zone3").mkdir()
    (tmp_path / "cooling_device0").mkdir()
    assert temperatures(tmp_path) == {"cpu-thermal": 61.437, "cpu-thermal-1": 59.0}


def test_a_system_that_tells_nothing_gives_none(tmp_path: Path) -> None:
    figures = read_process(tmp_path / "proc", tmp_path / "thermal")
    assert (figures.resident_mb, figures.threads, figures.descriptors) == (None, None, None)
    assert figures.temperatures_c == {}
