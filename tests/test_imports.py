"""The shape of the code: no circle of imports, and no class name that stands for two classes."""

from __future__ import annotations

import ast
import graphlib
from collections import defaultdict
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("touchline", "edge", "firmware_bridge", "models", "quantize")
KNOWN = {("edge.registration.picture", "edge.registration.motion")}
"""Imports that close a circle, importer first: a type alone, in the part that is rebuilt."""


def imports() -> dict[str, set[str]]:
    """Return what each module imports, in functions and for type checking included."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_no_import_comes_back_to_its_module():
    found = imports()
    assert len(found) > 400
    for importer, imported in KNOWN:
        found.get(importer, set()).discard(imported)
    graphlib.TopologicalSorter(found).prepare()  # raises CycleError with the circle


def test_imports_in_functions_and_for_types_count():
    found = imports()
    assert "edge.cli.config_remote" in found["edge.cli.config"]  # in a function
    assert "touchline.result" in found["touchline"]  # under TYPE_CHECKING


def test_a_class_name_stands_for_one_class():
    places: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert len(places) > 300
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
