"""Installing a bundle: unpacked into the spare slot, and asked for its golden frames' answers."""

from __future__ import annotations

from pathlib import Path

from edge.bundles import Bundle, Manifest, ModelStore, Rules, find_bundle, read_archive
from edge.errors import BundleError
from edge.fields import load_field
from edge.registration import Registrar
from edge.registration.golden import self_test


def install(archive: Path, rules: Rules) -> Bundle:
    """Install an archive into its sport's spare slot and test it there; nothing in use changes.

    Raises BundleError for what is wrong with it, EngineError where no engine here runs it.
    """
    manifest = read_archive(archive, rules.keys)
    store = ModelStore(manifest.sport)
    bundle = store.install(archive, rules, in_use(manifest.sport))
    check(bundle)
    return bundle


def in_use(sport: str) -> Manifest | None:
    """Return the manifest of the bundle that a sport's name finds; None where there is none."""
    try:
        return find_bundle(sport).manifest
    except BundleError:
        return None


def check(bundle: Bundle) -> None:
    """Load a bundle and test it on its golden frames; BundleError says what is wrong."""
    field = load_field(bundle.manifest.field)
    registrar = Registrar(bundle, field, engine="onnxruntime")
    try:
        problems = self_test(registrar, bundle, field)
    finally:
        registrar.close()
    if problems:
        raise BundleError(f"{bundle.label} fails its self-test: {'; '.join(problems)}")
