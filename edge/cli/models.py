"""`touchline models list|verify|pack|install|activate|rollback`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.table import Table

from edge.bundles import (
    MANIFEST,
    Bundle,
    ModelStore,
    bundle_folders,
    check_signature,
    installed_sports,
    list_bundles,
    load_bundle,
    read_archive,
    read_public_key,
)
from edge.cli.model_updates import add_keys as _add_keys
from edge.cli.model_updates import add_update_parsers
from edge.cli.output import print_json, print_text, stdout
from edge.cli.parser import Parser, Subparsers
from edge.errors import BundleError
from edge.segments.manifest import load_segments_bundle


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser: Parser = subparsers.add_parser(
        "models", help="list, verify, pack, install and roll back network bundles"
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    listing = actions.add_parser("list", help="the bundles that a sport's name finds")
    listing.set_defaults(func=_list)
    verify = actions.add_parser("verify", help="check the digests of every file")
    verify.add_argument(
        "bundles",
        nargs="*",
        metavar="SPORT|FOLDER|ARCHIVE",
        help="default: every bundle that is found",
    )
    _add_keys(verify)
    verify.set_defaults(func=_verify)
    add_update_parsers(actions)
    for action in (listing, verify):
        action.add_argument("--json", action="store_true", help="one JSON object")


def _list(options: argparse.Namespace) -> int:
    rows = [_describe(load_bundle(path, verify=False)) for path in list_bundles().values()]
    segments = _segments()
    if options.json:
        print_json({"bundles": rows, "segments": segments}, indent=2)
        return 0
    if not rows:
        print(f"no bundle in {', '.join(str(f) for f in bundle_folders())}")
        return 0
    table = Table("sport", "bundle", "field", "input", "files", "size")
    for row in rows:
        megabytes = f"{row['bytes'] / 1e6:.1f} MB"
        table.add_row(
            row["sport"], row["bundle"], row["field"], row["input"], row["precisions"], megabytes
        )
    stdout().print(table)
    if segments is not None:
        print(f"recap and intro: {segments['bundle']}, {segments['bytes'] / 1e6:.1f} MB")
    for sport in installed_sports():
        print(_slots(sport))
    return 0


def _segments() -> dict[str, Any] | None:
    """Describe the segments bundle that ships; None where there is none."""
    try:
        bundle = load_segments_bundle()
    except BundleError:
        return None
    size = sum(f.size for f in bundle.manifest.files)
    return {"bundle": bundle.label, "bytes": size, "path": str(bundle.path)}


def _slots(sport: str) -> str:
    """Say in one line what was installed for a sport."""
    store = ModelStore(sport)
    record = store.record()
    parts = []
    for slot in ("a", "b"):
        bundle = store.bundle(slot)
        if bundle is not None:
            used = " (in use, on probation)" if record.on_probation else " (in use)"
            parts.append(f"{slot}: {bundle.label}{used if record.active == slot else ''}")
    return f"installed for {sport}: {', '.join(parts) or 'nothing whole'}"


def _describe(bundle: Bundle) -> dict[str, Any]:
    m = bundle.manifest
    return {
        "sport": m.sport,
        "bundle": bundle.label,
        "field": m.field,
        "input": f"{m.input.width}x{m.input.height}",
        "precisions": ", ".join(bundle.precisions),
        "bytes": sum(f.size for f in m.files),
        "signed": m.signature is not None,
        "path": str(bundle.path),
    }


def _verify(options: argparse.Namespace) -> int:
    found = list_bundles()
    wanted = options.bundles or list(found)
    if not wanted:
        raise BundleError(f"no bundle in {', '.join(str(f) for f in bundle_folders())}")
    keys = [read_public_key(path) for path in options.key] or None
    rows = [_check(name, found.get(name, Path(name)), keys) for name in wanted]
    if options.json:
        print_json({"bundles": rows}, indent=2)
    else:
        for row in rows:
            print_text(row["error"] or f"{row['path']}: every digest is right")
    return 1 if any(row["error"] for row in rows) else 0


def _check(name: str, path: Path, keys: list[bytes] | None) -> dict[str, Any]:
    try:
        if path.is_file() and path.name != MANIFEST:
            read_archive(path, keys)
        else:
            bundle = load_bundle(path, verify=True)
            if keys is not None:
                check_signature(bundle, keys)
    except BundleError as error:
        return {"name": name, "path": str(path), "error": str(error)}
    return {"name": name, "path": str(path), "error": None}
