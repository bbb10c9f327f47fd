"""A segments bundle: its manifest, its digests, its graphs at work."""

import json

import numpy as np
import pytest

from edge.errors import BundleError
from edge.segments.features import LOW, Track
from edge.segments.inference import SegmentsNetwork
from edge.segments.manifest import load_segments_bundle
from edge.segments.types import Label
from tests.segments.parts import write_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load_segments_bundle(write_bundle(tmp_path_factory.mktemp("b") / "tiny"))


def test_a_bundle_is_loaded(bundle):
    assert bundle.label == "tiny 0.0.1"
    rules = bundle.manifest.decode_rules()
    assert rules[Label.RECAP].shortest_s == 8
    assert bundle.manifest.crf.crf.transitions.shape == (3, 3)
    assert bundle.file("cnn").name == "cnn.onnx"
    with pytest.raises(BundleError, match="int8"):
        bundle.file("cnn", "int8")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "registration"}, "kind"),
        ({"labels": ["intro", "content", "recap"]}, "labels"),
        ({"surprise": 1}, "surprise"),
        ({"crf": {"transitions": [[0, 1], [1, 0]], "start": [0, 0], "end": [0, 0]}}, "crf"),
        ({"format": 2}, "format"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path, changes, says):
    with pytest.raises(BundleError, match=says):
        load_segments_bundle(write_bundle(tmp_path / "b", **changes))


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "no manifest", "no json"])
def test_a_damaged_bundle_is_refused(tmp_path, damage):
    folder = write_bundle(tmp_path / "b")
    head = folder / "head.onnx"
    data = head.read_bytes()
    if damage == "changed":
        head.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == "cut":
        head.write_bytes(data[:-1])
    elif damage == "gone":
        head.unlink()
    elif damage == "no manifest":
        (folder / "manifest.json").unlink()
    else:
        (folder / "manifest.json").write_text("{")
    with pytest.raises(BundleError):
        load_segments_bundle(folder)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_the_graphs_work_on_pictures_and_on_sound(bundle, engine):
    network = SegmentsNetwork(bundle, engine=engine, threads=1)
    shown = np.zeros((11, 144, 256, 3), np.uint8)
    shown[4:, ..., 0] = 255
    seen = network.see(shown)
    assert seen[:, 0] == pytest.approx([-1] * 4 + [1] * 7)
    heard = network.hear(np.full((3, 64, 100), -5.0, np.float32))
    assert heard.shape == (3, 1280)
    low = np.zeros((11, LOW), np.float32)
    judged = network.judge(Track(seen, np.zeros((11, 1280), np.float32), low))
    emissions = judged.emissions
    assert emissions.shape == (11, 3)
    assert judged.evidence.shape == (11, 0)  # a bundle without verifiers needs none
    assert emissions[:, Label.INTRO] == pytest.approx([-6] * 4 + [6] * 7)
    assert network.see(shown[:0]).shape == (0, 1280)
    network.close()


def test_temperature_scales_emissions_and_scores(tmp_path):
    folder = write_bundle(tmp_path / "b")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["crf"]["temperature"] = 2.0
    (folder / "manifest.json").write_text(json.dumps(manifest))
    bundle = load_segments_bundle(folder)
    assert bundle.manifest.crf.crf.transitions[0, 1] == -2
    network = SegmentsNetwork(bundle, threads=1)
    track = Track(
        np.ones((2, 1280), np.float32),
        np.zeros((2, 1280), np.float32),
        np.zeros((2, LOW), np.float32),
    )
    assert network.judge(track).emissions == pytest.approx(3.0)
    network.close()


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_head_may_score_steps(tmp_path, engine):
    folder = write_bundle(tmp_path / "b", moves=np.arange(9.0).reshape(3, 3))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["crf"]["temperature"] = 2.0
    nothing = np.zeros((4, 1280), np.float32)
    track = Track(nothing, nothing, np.zeros((4, LOW), np.float32))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    silent = SegmentsNetwork(load_segments_bundle(folder), engine=engine, threads=1)
    with pytest.raises(BundleError, match="do not agree on whether that scores steps"):
        silent.judge(track)
    silent.close()
    manifest["crf"]["moves"] = True
    (folder / "manifest.json").write_text(json.dumps(manifest))
    network = SegmentsNetwork(load_segments_bundle(folder), engine=engine, threads=1)
    judged = network.judge(track)
    assert judged.moves.shape == (4, 3, 3)
    assert judged.moves[2] == pytest.approx(np.arange(9.0).reshape(3, 3) / 2)
    chain = judged.chain(network.bundle.manifest.crf.crf)
    assert chain.transitions.shape == (3, 3, 3)
    network.close()


def test_verifiers_take_the_head_s_evidence(tmp_path):
    rows = {"weights": [0.0] * 6, "bias": 2.0}
    folder = write_bundle(tmp_path / "b", verifiers={"recap": rows})
    bundle = load_segments_bundle(folder)
    assert bundle.manifest.verifiers_by_label()[Label.RECAP].bias == 2
    network = SegmentsNetwork(bundle, threads=1)
    nothing = np.zeros((2, 1280), np.float32)
    track = Track(nothing, nothing, np.zeros((2, LOW), np.float32))
    with pytest.raises(BundleError, match="0 columns of evidence"):
        network.judge(track)
    network.close()
    for bad in ([0.0] * 5, [0.0] * 7):
        folder = write_bundle(
            tmp_path / f"{len(bad)}", verifiers={"recap": rows | {"weights": bad}}
        )
        with pytest.raises(BundleError, match="three for a column"):
            load_segments_bundle(folder)


def test_a_head_of_another_version_is_told(tmp_path, monkeypatch):
    folder = write_bundle(tmp_path / "b")
    monkeypatch.setattr("edge.segments.inference.LOW", LOW + 2)
    with pytest.raises(BundleError, match=f"takes {LOW} low-level features, .* makes {LOW + 2}"):
        SegmentsNetwork(load_segments_bundle(folder), threads=1)


def test_thresholds_may_be_others(bundle):
    before = bundle.manifest.decode_rules()
    after = bundle.with_thresholds({Label.INTRO: 0.25}).manifest.decode_rules()
    assert after[Label.INTRO].threshold == 0.25
    assert after[Label.RECAP] == before[Label.RECAP]
    assert bundle.manifest.decode_rules() == before
