"""A new bundle is tested in a child: whatever it does, the box hears why in bounded time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.box.model_updates.download import Stopped
from edge.box.model_updates.install import install
from edge.box.model_updates.self_test_process import (
    Limits,
    NoMemoryError,
    SelfTestResult,
    check_memory,
    free_memory_mb,
    self_test_in_child,
)
from edge.bundles import Bundle, InstallRules, ModelStore, load_bundle, update_manifest
from edge.config import Config, with_changes
from edge.errors import BundleError
from edge.registration.golden import make_golden
from tests.bundles import hostile_graphs as hostile
from tests.bundles.packed import PUBLIC, archive
from tests.bundles.test_graph_check import with_encoder
from tests.engines.graphs import encoder

pytestmark = [pytest.mark.process, pytest.mark.slow]

LIMITS = Limits(seconds=6, memory_mb=600, file_mb=50)
CONFIG = with_changes(Config(), {"engine.name": "onnxruntime"})


def golden(folder: Path, write: Callable[[Path], Path]) -> Bundle:
    """A bundle with this encoder and a golden frame that shows no field."""
    made = with_encoder(folder, write)
    frame = make_golden(0, np.full((36, 64, 3), 90, np.uint8), None)
    (made.path / frame.entry.name).write_bytes(frame.data)
    update_manifest(made, made.manifest.model_copy(update={"golden": (frame.entry,)}))
    return load_bundle(made.path)


def children() -> set[str]:
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {pid for task in tasks for pid in task.read_text().split()}


def test_a_good_bundle_passes_and_says_what_it_took(tmp_path: Path) -> None:
    np.ones(90_000_000)  # the parent once held 720 MB: that is none of the child's
    result = self_test_in_child(CONFIG, golden(tmp_path, encoder))
    assert (result.problems, result.engine) == ((), "onnxruntime")
    assert 1e6 < result.memory_bytes < 600e6


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (hostile.endless_loop, "more than 6 s"),
        (hostile.gigabytes, "running ConstantOfShape node"),
        (hostile.outside_data, "cannot load this graph"),
        (hostile.custom_operator, "cannot load this graph"),
        (hostile.not_a_graph, "cannot load this graph"),
    ],
)
def test_a_hostile_graph_ends_in_the_child(
    tmp_path: Path, write: Callable[[Path], Path], words: str
) -> None:
    before = children()
    with pytest.raises(BundleError, match=words) as caught:
        self_test_in_child(CONFIG, golden(tmp_path, write), limits=LIMITS)
    assert "\n" not in str(caught.value)
    assert children() <= before, "no child is left"


def test_a_box_that_stops_ends_the_child(tmp_path: Path) -> None:
    before = children()
    with pytest.raises(Stopped):
        self_test_in_child(CONFIG, golden(tmp_path, hostile.endless_loop), lambda: True)
    assert children() <= before


def test_memory_that_the_box_does_not_have_is_not_used() -> None:
    free = free_memory_mb()
    assert free is not None
    check_memory(SelfTestResult(memory_bytes=1_000_000))
    with pytest.raises(NoMemoryError, match="MB free"):
        check_memory(SelfTestResult(memory_bytes=int(2e6 * free)))


def test_installing_by_hand_tests_in_the_child_and_keeps_the_spare_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    good = archive(tmp_path / "good", truth=None, version="9.2.0")
    assert install(good, InstallRules([PUBLIC])).label == "soccer 9.2.0"
    slot = ModelStore("soccer").bundle("a")
    assert slot is not None
    bad = archive(tmp_path / "bad", version="9.3.0")  # its graphs do not know this answer
    with pytest.raises(BundleError, match=r"fails its self-test: golden-0\.jpg: lost"):
        install(bad, InstallRules([PUBLIC]))
    assert ModelStore("soccer").bundle("a") == slot
    assert not list(tmp_path.rglob(".new-*"))
