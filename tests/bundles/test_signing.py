"""Signatures: what they cover, and what breaks them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.bundles import Bundle, load_bundle, sign, update_manifest, verify_signature
from edge.errors import BundleError, UsageError
from tests.bundles.parts import bundle

KEY = bytes(range(32))
PUBLIC = Ed25519PrivateKey.from_private_bytes(KEY).public_key().public_bytes_raw()


@pytest.fixture
def signed(tmp_path: Path) -> Bundle:
    plain = bundle(tmp_path / "soccer")
    update_manifest(plain, sign(plain.manifest, KEY))
    return load_bundle(plain.path)


def test_signed_bundle_passes(signed: Bundle) -> None:
    verify_signature(signed, PUBLIC)


def test_unsigned_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not signed"):
        verify_signature(bundle(tmp_path / "soccer"), PUBLIC)


def test_another_key_is_refused(signed: Bundle) -> None:
    with pytest.raises(BundleError, match="this box trusts"):
        verify_signature(signed, bytes(32))


@pytest.mark.parametrize("change", [{"version": "0.1.1"}, {"decode": {}}, {"files": ()}])
def test_any_change_breaks_the_signature(signed: Bundle, change: dict[str, object]) -> None:
    altered = Bundle(signed.path, signed.manifest.model_copy(update=change))
    with pytest.raises(BundleError, match="does not fit"):
        verify_signature(altered, PUBLIC)


@pytest.mark.parametrize("value", ["", "AAAA", "not base64!"])
def test_garbled_signature_is_refused(signed: Bundle, value: str) -> None:
    assert signed.manifest.signature is not None
    garbled = signed.manifest.signature.model_copy(update={"value": value})
    altered = Bundle(signed.path, signed.manifest.model_copy(update={"signature": garbled}))
    with pytest.raises(BundleError, match="does not fit"):
        verify_signature(altered, PUBLIC)


def test_short_key_is_refused(signed: Bundle) -> None:
    with pytest.raises(UsageError, match="32 bytes, not 3"):
        sign(signed.manifest, b"abc")
