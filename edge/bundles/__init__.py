"""Model bundles: a folder with `manifest.json` and the graphs of one sport, checked before use.

bundle = find_bundle("soccer")
graphs = open_graphs(bundle)            # both graphs on the engine that is fastest here
"""

from __future__ import annotations

from edge.bundles.bundle import Bundle, load_bundle
from edge.bundles.find import bundle_folders, find_bundle, list_bundles
from edge.bundles.graphs import Graphs, open_graphs
from edge.bundles.manifest import (
    FORMAT,
    MANIFEST,
    Grid,
    ImageInput,
    Manifest,
    Measurement,
    ModelFile,
    Output,
    Quantization,
    Signature,
)
from edge.bundles.signing import sign, verify_signature
from edge.bundles.write import NewFile, update_manifest, write_bundle

__all__ = [
    "FORMAT",
    "MANIFEST",
    "Bundle",
    "Graphs",
    "Grid",
    "ImageInput",
    "Manifest",
    "Measurement",
    "ModelFile",
    "NewFile",
    "Output",
    "Quantization",
    "Signature",
    "bundle_folders",
    "find_bundle",
    "list_bundles",
    "load_bundle",
    "open_graphs",
    "sign",
    "update_manifest",
    "verify_signature",
    "write_bundle",
]
