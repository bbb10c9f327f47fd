"""Ed25519 signatures of bundles, for fleets that install models from afar."""

from __future__ import annotations

import base64
import binascii
import hashlib
from types import ModuleType

from edge.bundles.bundle import Bundle
from edge.bundles.manifest import Manifest, Signature
from edge.errors import BundleError, UsageError

_FORGERIES = 250
"""Messages to try: all of them miss a point of order eight once in 10^14 keys."""


def sign(manifest: Manifest, private_key: bytes) -> Manifest:
    """Return the manifest with a signature by a raw 32-byte Ed25519 private key."""
    ed25519 = _ed25519()
    try:
        key = ed25519.Ed25519PrivateKey.from_private_bytes(private_key)
    except ValueError as error:
        raise UsageError(f"an Ed25519 private key has 32 bytes, not {len(private_key)}") from error
    value = base64.b64encode(key.sign(manifest.signed_bytes())).decode()
    signature = Signature(key_id=key_id(key.public_key().public_bytes_raw()), value=value)
    return manifest.model_copy(update={"signature": signature})


def verify_signature(bundle: Bundle, public_key: bytes) -> None:
    """Check a bundle's signature by a raw 32-byte Ed25519 public key.

    It covers the manifest, whose digests cover the files: call `bundle.verify` as well. Raises
    BundleError when the bundle is unsigned, signed by another key, or altered.
    """
    signature = bundle.manifest.signature
    if signature is None:
        raise BundleError(f"{bundle.path}: the bundle is not signed, and this box asks for it")
    if signature.key_id != key_id(public_key):
        raise BundleError(
            f"{bundle.path}: signed by key {signature.key_id}, this box trusts {key_id(public_key)}"
        )
    ed25519 = _ed25519()
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - optional package

    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(base64.b64decode(signature.value, validate=True), bundle.manifest.signed_bytes())
    except (InvalidSignature, ValueError, binascii.Error) as error:
        raise BundleError(f"{bundle.path}: the signature does not fit the manifest") from error


def verifies_anything(public_key: bytes) -> bool:
    """Whether signatures that nobody made pass under a public key, as they do under 32 zero bytes.

    Such a key is a point of small order: the equation of RFC 8032, 5.1.7 holds for S = 0 and R = 1
    with every eighth message at least. Tried, so that every encoding of such a point is found.
    """
    ed25519 = _ed25519()
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - optional package

    forged = (1).to_bytes(32, "little") + bytes(32)
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError:
        return False
    for number in range(_FORGERIES):
        try:
            key.verify(forged, number.to_bytes(2, "little"))
        except InvalidSignature:
            continue
        return True
    return False


def key_id(public_key: bytes) -> str:
    """Name a public key by the first 16 hex digits of its sha256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def _ed25519() -> ModuleType:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError as error:
        raise BundleError("signatures need a package: pip install touchline[signing]") from error
    return ed25519
