"""Model bundles: a folder with `manifest.json` and the graphs of one sport, checked before use.

bundle = find_bundle("soccer")
graphs = open_graphs(bundle)            # both graphs on the engine that is fastest here
"""

from __future__ import annotations

from edge.bundles.archive import SUFFIX, pack, read_archive, read_manifest, unpack
from edge.bundles.bundle import Bundle, load_bundle
from edge.bundles.find import bundle_folders, find_bundle, list_bundles
from edge.bundles.graphs import Graphs, open_graphs
from edge.bundles.keys import check_signature, read_private_key, read_public_key
from edge.bundles.manifest import (
    FORMAT,
    MANIFEST,
    GoldenFrame,
    ImageInput,
    Manifest,
    ManifestGrid,
    Measurement,
    ModelFile,
    Output,
    Quantization,
    Signature,
)
from edge.bundles.signing import key_id, sign, verify_signature
from edge.bundles.store import InstallRules, ModelStore, SlotRecord, installed_sports
from edge.bundles.write import NewFile, update_manifest, write_bundle

__all__ = [
    "FORMAT",
    "MANIFEST",
    "SUFFIX",
    "Bundle",
    "GoldenFrame",
    "Graphs",
    "ImageInput",
    "InstallRules",
    "Manifest",
    "ManifestGrid",
    "Measurement",
    "ModelFile",
    "ModelStore",
    "NewFile",
    "Output",
    "Quantization",
    "Signature",
    "SlotRecord",
    "bundle_folders",
    "check_signature",
    "find_bundle",
    "installed_sports",
    "key_id",
    "list_bundles",
    "load_bundle",
    "open_graphs",
    "pack",
    "read_archive",
    "read_manifest",
    "read_private_key",
    "read_public_key",
    "sign",
    "unpack",
    "update_manifest",
    "verify_signature",
    "write_bundle",
]
