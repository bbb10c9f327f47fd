"""Loading, checking, finding and writing bundles."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundles import (
    Bundle,
    Manifest,
    NewFile,
    bundle_folders,
    find_bundle,
    list_bundles,
    load_bundle,
    open_graphs,
    update_manifest,
    write_bundle,
)
from edge.bundles.bundle import _numbers
from edge.bundles.find import VARIABLE
from edge.bundles.manifest import parse_manifest
from edge.bundles.write import _swap
from edge.errors import BundleError, EngineError, UsageError
from edge.paths import shipped_bundles, shipped_segments_bundle
from edge.segments.manifest import load_segments_bundle
from tests.bundles.parts import bundle, manifest
from tests.engines.graphs import picture

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def soccer(tmp_path: Path) -> Bundle:
    return bundle(tmp_path / "bundles" / "soccer")


def edit(found: Bundle, **changes: Any) -> None:
    path = found.path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_round_trip(soccer: Bundle) -> None:
    loaded = load_bundle(soccer.path)
    assert loaded == soccer
    assert loaded.label == "soccer 0.1.0"
    assert loaded.precisions == ("fp32",)
    assert loaded.manifest.decode == {"temperature": 0.5}
    assert loaded.file("dense") == soccer.path / "dense.onnx"
    assert loaded.file("encoder", engine="openvino") == soccer.path / "model.onnx"
    assert load_bundle(soccer.path / "manifest.json") == soccer


def test_missing_precision_says_what_there_is(soccer: Bundle) -> None:
    with pytest.raises(BundleError, match="no int8 encoder for openvino; it has fp32 for onnx"):
        soccer.file("encoder", "int8", "openvino")
    with pytest.raises(BundleError, match="it has none"):
        soccer.file("tagger")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def become_link(path: Path) -> None:
    outside = path.parent.parent / "outside.onnx"
    path.rename(outside)
    path.symlink_to(outside)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (Path.unlink, "missing from the bundle"),
        (cut, "the manifest says"),
        (flip, "sha256 is not the manifest's"),
        (become_link, "points outside the bundle"),
    ],
)
def test_damaged_file_is_named(soccer: Bundle, damage: Any, told: str) -> None:
    damage(soccer.path / "model.onnx")
    with pytest.raises(BundleError) as caught:
        load_bundle(soccer.path)
    assert told in str(caught.value)
    assert str(soccer.path / "model.onnx") in str(caught.value)
    assert load_bundle(soccer.path, verify=False).manifest == soccer.manifest


@pytest.mark.parametrize(
    "name",
    ["../model.onnx", "/etc/passwd", "a/b.onnx", "..", ".hidden", "", "manifest.json", "a\0b"],
)
def test_file_names_stay_in_the_folder(soccer: Bundle, name: str) -> None:
    entry = soccer.manifest.files[0].model_dump() | {"name": name}
    edit(soccer, files=[entry])
    with pytest.raises(BundleError, match="files"):
        load_bundle(soccer.path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": 2}, "bundle format 2 is newer"),
        ({"colour": "BGR"}, "colour: Extra inputs"),
        ({"min_touchline": "99.0"}, "needs touchline 99.0"),
        ({"min_touchline": "soon"}, "min_touchline"),
        ({"input": {"height": 0, "width": 96}}, "input.height"),
        ({"grid": None}, "grid"),
    ],
)
def test_bad_manifest_names_the_key(soccer: Bundle, changes: dict[str, Any], told: str) -> None:
    edit(soccer, **changes)
    with pytest.raises(BundleError) as caught:
        load_bundle(soccer.path)
    assert told in str(caught.value)
    assert str(soccer.path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_twice_the_same_file_is_refused(soccer: Bundle) -> None:
    entry = soccer.manifest.files[0].model_dump()
    edit(soccer, files=[entry, entry])
    with pytest.raises(BundleError, match=r"model\.onnx is listed wrongly"):
        load_bundle(soccer.path)


@given(st.binary(max_size=300))
def test_any_bytes_raise_a_bundle_error(data: bytes) -> None:
    with pytest.raises(BundleError):
        parse_manifest(data, "here")


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=20))
def test_any_json_raises_a_bundle_error(data: Any) -> None:
    with pytest.raises(BundleError):
        parse_manifest(json.dumps({"format": data, "files": data}), "here")


def test_deeply_nested_json_raises_a_bundle_error() -> None:
    with pytest.raises(BundleError):
        parse_manifest("[" * 100_000, "here")


def test_no_bundle_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"there is no manifest\.json"):
        load_bundle(tmp_path)


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("0.1.0", (0, 1)), ("1.0.0", (1,)), ("0.10", (0, 10)), ("0.2.0rc1", (0, 2)), ("", ())],
)
def test_version_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert _numbers(version) == numbers


def test_find_by_variable_and_by_path(
    soccer: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(soccer.path.parent))
    assert list_bundles()["soccer"] == soccer.path
    assert find_bundle("soccer") == soccer
    other = bundle(tmp_path / "mine")
    assert find_bundle("soccer", other.path).path == other.path
    with pytest.raises(BundleError, match="is for soccer, not for tennis"):
        find_bundle("tennis", other.path)


def test_unknown_sport_suggests(soccer: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.bundles.find.bundle_folders", lambda: [soccer.path.parent])
    with pytest.raises(BundleError, match="did you mean 'soccer'"):
        find_bundle("socer")
    with pytest.raises(BundleError, match="there is one for soccer"):
        find_bundle("tennis")
    monkeypatch.setattr("edge.bundles.find.bundle_folders", lambda: [soccer.path])
    with pytest.raises(BundleError, match="none is installed in"):
        find_bundle("soccer")


def test_a_checkout_finds_its_bundles_without_importing_models() -> None:
    loaded = "models" in sys.modules
    assert bundle_folders() == [ROOT / "models" / "bundles"]
    assert shipped_segments_bundle() == ROOT / "models" / "segments" / "bundle"
    assert ("models" in sys.modules) == loaded


def test_a_models_folder_of_another_project_is_never_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site-packages"
    for folder in ("models/bundles/soccer", "models/segments/bundle", "edge"):
        (site / folder).mkdir(parents=True)
    monkeypatch.chdir(site)
    monkeypatch.syspath_prepend(str(site))
    assert bundle_folders() == [ROOT / "models" / "bundles"]
    # an installation without its own says so, whatever lies beside it
    assert shipped_bundles(site / "edge") == site / "edge" / "shipped" / "bundles"
    assert shipped_segments_bundle(site / "edge") == site / "edge" / "shipped" / "segments"
    with pytest.raises(BundleError, match="no segments bundle here"):
        load_segments_bundle(shipped_segments_bundle(site / "edge"))


def test_an_installed_package_looks_inside_itself_first(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    for folder in ("models/bundles", "models/segments/bundle", "edge"):
        (tmp_path / folder).mkdir(parents=True)
    assert shipped_bundles(tmp_path / "edge") == tmp_path / "models" / "bundles"
    (tmp_path / "edge/shipped/bundles").mkdir(parents=True)
    assert shipped_bundles(tmp_path / "edge") == tmp_path / "edge" / "shipped" / "bundles"


def test_rewriting_replaces_the_whole(soccer: Bundle, tmp_path: Path) -> None:
    (soccer.path / "stray").write_text("of an older bundle")
    source = soccer.path / "model.onnx"
    changed = manifest().model_copy(update={"version": "0.2.0"})
    again = write_bundle(soccer.path, changed, [NewFile(source, "m.onnx", "encoder", "fp32")])
    assert names(soccer.path) == ["m.onnx", "manifest.json"]
    assert load_bundle(soccer.path) == again
    assert names(soccer.path.parent) == ["soccer", "soccer-sources"]


@pytest.mark.parametrize("name", ["../x.onnx", "a/b.onnx", "bad name.onnx"])
def test_failed_write_leaves_the_old_one(soccer: Bundle, name: str) -> None:
    source = soccer.path / "model.onnx"
    with pytest.raises(BundleError, match="name"):
        write_bundle(soccer.path, manifest(), [NewFile(source, name, "encoder", "fp32")])
    assert load_bundle(soccer.path) == soccer


def test_swap_that_fails_brings_the_old_one_back(soccer: Bundle, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        _swap(tmp_path / "never made", soccer.path, tmp_path / "old")
    assert load_bundle(soccer.path) == soccer


def test_missing_source_is_one_line(soccer: Bundle, tmp_path: Path) -> None:
    missing = NewFile(tmp_path / "none.onnx", "model.onnx", "encoder", "fp32")
    with pytest.raises(BundleError, match=r"none\.onnx"):
        write_bundle(soccer.path, manifest(), [missing])
    assert load_bundle(soccer.path) == soccer


def test_manifest_alone_can_change_but_for_files(soccer: Bundle) -> None:
    changed = soccer.manifest.model_copy(update={"decode": {"temperature": 0.7}})
    update_manifest(soccer, changed)
    assert load_bundle(soccer.path).manifest.decode == {"temperature": 0.7}
    with pytest.raises(BundleError, match="cannot change files"):
        update_manifest(soccer, soccer.manifest.model_copy(update={"files": ()}))


def test_suffix_and_precision_tell_the_readers(soccer: Bundle) -> None:
    assert soccer.manifest.files[0].engines == ("onnxruntime", "openvino", "tensorrt")


@pytest.mark.parametrize("engine", ["auto", "onnxruntime", "openvino"])
def test_graphs_run_one_after_the_other(soccer: Bundle, engine: str) -> None:
    graphs = open_graphs(soccer, engine)
    features = graphs.encoder.run({"image": picture()[None]})["features"]
    distances = graphs.dense.run({"features": features})["distances"]
    assert distances.shape[1] == 2
    assert 0 < distances.min() < distances.max() < 1
    assert graphs.dense.name == graphs.encoder.name
    assert (graphs.choice is not None) == (engine == "auto")
    graphs.close()


def test_graphs_that_cannot_be_had(soccer: Bundle) -> None:
    with pytest.raises(UsageError):
        open_graphs(soccer, "opnvino")
    with pytest.raises(BundleError, match="no int8 encoder"):
        open_graphs(soccer, "auto", precision="int8")
    with pytest.raises(BundleError, match="no int8 encoder for openvino"):
        open_graphs(soccer, "openvino", precision="int8")
    with pytest.raises(BundleError, match="for tflite"):
        open_graphs(soccer, "tflite")
    with pytest.raises(EngineError, match="onnxruntime-gpu"):
        open_graphs(soccer, "tensorrt")


def test_manifest_is_what_it_was() -> None:
    assert parse_manifest(manifest().to_json(), "here") == manifest()
    assert isinstance(manifest(), Manifest)
