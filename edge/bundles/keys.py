"""Reading Ed25519 keys, and checking a bundle against those that a box trusts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path

from edge.bundles.bundle import Bundle
from edge.bundles.signing import key_id, verify_signature
from edge.errors import BundleError, UsageError

_MOST_BYTES = 4096


def read_public_key(path: Path) -> bytes:
    """Read a public key: PEM as openssl writes it, or 32 bytes raw, in hex or in base64.

    Returns the raw 32 bytes. Raises UsageError, one line.
    """
    data = _read(path)
    if b"-----BEGIN" not in data:
        return _plain(data, path)
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - optional
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    try:
        key = load_pem_public_key(data)
    except ValueError as error:
        raise UsageError(f"{path}: not a public key in PEM") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise UsageError(f"{path}: no Ed25519 key; openssl genpkey -algorithm ed25519 makes one")
    return key.public_bytes_raw()


def read_private_key(path: Path) -> bytes:
    """Read a private key in the same forms, unencrypted; raises UsageError, one line."""
    data = _read(path)
    if b"-----BEGIN" not in data:
        return _plain(data, path)
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - optional
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path}: not an unencrypted private key in PEM") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise UsageError(f"{path}: no Ed25519 key; openssl genpkey -algorithm ed25519 makes one")
    return key.private_bytes_raw()


def check_signature(bundle: Bundle, keys: Sequence[bytes]) -> None:
    """Check that one of the trusted keys signed a bundle's manifest; BundleError where none did."""
    signature = bundle.manifest.signature
    named = [key for key in keys if signature is not None and key_id(key) == signature.key_id]
    if signature is not None and not named:
        trusted = ", ".join(key_id(key) for key in keys) or "none"
        raise BundleError(
            f"{bundle.path}: signed by key {signature.key_id}, this box trusts {trusted}"
        )
    verify_signature(bundle, named[0] if named else b"")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise UsageError(f"{path}: the key cannot be read: {error.strerror}") from error


def _plain(data: bytes, path: Path) -> bytes:
    if len(data) == 32:
        return data
    text = data.strip()
    for decode in (bytes.fromhex, _base64):
        try:
            key = decode(text.decode("ascii"))
        except (ValueError, binascii.Error):
            continue
        if len(key) == 32:
            return key
    raise UsageError(f"{path}: not an Ed25519 key (PEM, or 32 bytes raw, in hex or base64)")


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
