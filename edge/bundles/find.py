"""Where bundles are: given, in the folder of `TOUCHLINE_BUNDLES`, installed, or shipped."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from edge.bundles.bundle import Bundle, load_bundle
from edge.bundles.manifest import MANIFEST
from edge.bundles.store import ModelStore, installed_sports
from edge.errors import BundleError
from edge.paths import shipped_bundles

VARIABLE = "TOUCHLINE_BUNDLES"
"""Environment variable with a folder of bundles, one folder each, looked at first."""


def bundle_folders() -> list[Path]:
    """List the folders that hold bundles, in the order of search; they need not exist."""
    own = os.environ.get(VARIABLE)
    folders = [Path(own)] if own else []
    return list(dict.fromkeys([*folders, shipped_bundles()]))


def list_bundles() -> dict[str, Path]:
    """Map the sport of each bundle that can be found to its folder, the first found winning."""
    found: dict[str, Path] = {}
    folders = bundle_folders()
    for folder in folders[:1] if os.environ.get(VARIABLE) else []:
        _collect(folder, found)
    for sport in installed_sports():
        bundle = ModelStore(sport).active()
        if bundle is not None:
            found.setdefault(sport, bundle.path)
    for folder in folders:
        _collect(folder, found)
    return found


def _collect(folder: Path, found: dict[str, Path]) -> None:
    for manifest in sorted(folder.glob(f"*/{MANIFEST}")):
        found.setdefault(manifest.parent.name, manifest.parent)


def find_bundle(sport: str, path: Path | str | None = None) -> Bundle:
    """Find and verify the bundle for a sport, or the one at `path`.

    Raises BundleError when there is none, when it is damaged, or when it is another sport's.
    """
    if path is None:
        found = list_bundles()
        if sport not in found:
            raise BundleError(_none_for(sport, sorted(found)))
        path = found[sport]
    bundle = load_bundle(path)
    if bundle.manifest.sport != sport:
        raise BundleError(
            f"{bundle.path}: bundle {bundle.label} is for {bundle.manifest.sport}, not for {sport}"
        )
    return bundle


def _none_for(sport: str, known: list[str]) -> str:
    searched = ", ".join(str(folder) for folder in bundle_folders())
    if not known:
        return f"no model bundle for {sport!r}: none is installed in {searched}"
    near = difflib.get_close_matches(sport, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there is one for {', '.join(known)}"
    return f"no model bundle for {sport!r}: {hint} (searched {searched})"
