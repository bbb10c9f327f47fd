"""Installing a bundle by hand: tested as one from afar is, then put into the spare slot."""

from __future__ import annotations

from pathlib import Path

from edge.box.model_updates.self_test_process import self_test_in_child
from edge.bundles import Bundle, InstallRules, Manifest, ModelStore, find_bundle, read_archive
from edge.config import Config, with_changes
from edge.errors import BundleError


def install(archive: Path, rules: InstallRules) -> Bundle:
    """Test an archive and put it into its sport's spare slot; nothing in use changes.

    Raises BundleError for what is wrong with it, and where no engine here runs it. The spare slot
    keeps what it has then.
    """
    manifest = read_archive(archive, rules.keys)
    store = ModelStore(manifest.sport)
    return store.install(archive, rules, in_use(manifest.sport), test=check)


def in_use(sport: str) -> Manifest | None:
    """Return the manifest of the bundle that a sport's name finds; None where there is none."""
    try:
        return find_bundle(sport).manifest
    except BundleError:
        return None


def check(bundle: Bundle) -> None:
    """Test a bundle on its golden frames, in a child; BundleError says what is wrong."""
    changes = {"sport": bundle.manifest.sport, "field.name": bundle.manifest.field}
    config = with_changes(Config(), changes | {"engine.name": "onnxruntime"})
    problems = self_test_in_child(config, bundle).problems
    if problems:
        raise BundleError(f"{bundle.label} fails its self-test: {'; '.join(problems)}")
