"""Graphs that are more than plain are refused before any engine parses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bundles import (
    Bundle,
    InstallRules,
    Manifest,
    ModelStore,
    NewFile,
    pack,
    sign,
    write_bundle,
)
from edge.bundles.bundle import load_bundle
from edge.bundles.find import bundle_folders
from edge.bundles.graph_check import _check_onnx, check_graphs
from edge.errors import BundleError
from tests.bundles import hostile_graphs as hostile
from tests.bundles.packed import KEY, PUBLIC
from tests.bundles.parts import bundle, manifest
from tests.engines.graphs import dense, encoder

CASES = [
    (hostile.endless_loop, "with a graph inside|operator Loop"),
    (hostile.many_nodes, "more than 20000 nodes"),
    (hostile.outside_data, "weights lie in another file"),
    (hostile.custom_operator, r"stranger\.Evil is not one of ONNX's own"),
    (hostile.compiled_code, r"com\.microsoft\.EPContext is not one of ONNX's own"),
    (hostile.size_of_the_picture, "operator ConstantOfShape is not taken"),
    (hostile.sparse_bomb, "sparse tensors"),
    (hostile.functions, "functions or training steps"),
    (hostile.not_a_graph, "no ONNX graph"),
    (hostile.endless_entries, "more than 500000 entries"),
]


def with_encoder(folder: Path, write: Callable[[Path], Path]) -> Bundle:
    sources = folder / "sources"
    sources.mkdir(parents=True)
    files = [
        NewFile(write(sources / "model.onnx"), "model.onnx", "encoder", "fp32"),
        NewFile(dense(sources / "dense.onnx"), "dense.onnx", "dense", "fp32"),
    ]
    return write_bundle(folder / "bundle", manifest(), files)


@pytest.mark.slow
@pytest.mark.parametrize(("write", "words"), CASES)
def test_a_graph_that_is_more_than_plain_is_refused_and_leaves_nothing(
    tmp_path: Path, write: Callable[[Path], Path], words: str
) -> None:
    made = with_encoder(tmp_path, write)
    with pytest.raises(BundleError, match=words) as caught:
        check_graphs(made)
    assert "\n" not in str(caught.value)
    archive = tmp_path / "soccer.bundle"
    pack(archive, made, sign(Manifest.model_validate(made.manifest.model_dump()), KEY))
    store = ModelStore("soccer", tmp_path / "models")
    with pytest.raises(BundleError, match=words):
        store.install(archive, InstallRules([PUBLIC]), None)
    assert not store.folder.exists(), "a failed install leaves nothing"


def test_every_bundle_that_ships_is_plain() -> None:
    shipped = sorted(bundle_folders()[-1].glob("*/model.onnx"))
    assert shipped
    for path in shipped:
        check_graphs(load_bundle(path.parent))


@pytest.mark.parametrize(
    ("name", "engines"),
    [
        ("model.tflite", ("onnxruntime",)),
        ("model.pb", ("openvino",)),
        ("model.ort", ("onnxruntime",)),
        ("model.onnx", ("tflite",)),
    ],
)
def test_a_suffix_that_hides_what_a_file_is_is_refused(
    tmp_path: Path, name: str, engines: tuple[str, ...]
) -> None:
    source = encoder(tmp_path / "source.onnx")
    made = write_bundle(
        tmp_path / "bundle", manifest(), [NewFile(source, name, "encoder", "fp32", engines)]
    )
    with pytest.raises(BundleError, match="by its suffix"):
        check_graphs(made)


@pytest.mark.parametrize(
    "text",
    [
        b"<!DOCTYPE net [<!ENTITY a 'b'>]><net></net>",
        b"<net><layers><layer id='1' name='x' type='TensorIterator'/></layers></net>",
        b'<net><layers><layer id="1"\n type = "Loop"/></layers></net>',
    ],
)
def test_an_openvino_graph_with_control_flow_or_entities_is_refused(
    tmp_path: Path, text: bytes
) -> None:
    (tmp_path / "model.xml").write_bytes(text)
    files = [NewFile(tmp_path / "model.xml", "model.xml", "encoder", "fp32")]
    with pytest.raises(BundleError):
        check_graphs(write_bundle(tmp_path / "bundle", manifest(), files))


@settings(max_examples=150, deadline=None)
@given(data=st.binary(min_size=1, max_size=200))
def test_any_bytes_are_a_graph_or_a_bundle_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(data)
    try:
        _check_onnx(path)
    except BundleError:
        return


def test_the_good_ones_of_the_tests_are_plain(tmp_path: Path) -> None:
    check_graphs(bundle(tmp_path / "good"))
