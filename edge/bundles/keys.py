"""Reading Ed25519 keys, and checking a bundle against those that a box trusts."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from pathlib import Path

from edge.bundles.bundle import Bundle
from edge.bundles.key_file import read_key_file
from edge.bundles.signing import key_id, verifies_anything, verify_signature
from edge.errors import BundleError, UsageError

_PEM = rb"\s*-----BEGIN %b-----\r?\n[A-Za-z0-9+/=\s]+-----END %b-----\s*"
_PUBLIC, _PRIVATE = (re.compile(_PEM % (kind, kind)) for kind in (b"PUBLIC KEY", b"PRIVATE KEY"))


def read_public_key(path: Path) -> bytes:
    """Read a public key: PEM as openssl writes it, or 32 bytes raw, in hex or in base64.

    The file holds this one key and nothing else, so that no other file, such as a configuration
    with a key in one of its texts, can pass for one; and nobody but root and this user may write
    it. Returns the raw 32 bytes. Raises UsageError, one line.
    """
    data = read_key_file(path)
    key = _public(data, path)
    if verifies_anything(key):
        raise UsageError(f"{path}: no key: anybody can sign for it; copy the right one there")
    return key


def _public(data: bytes, path: Path) -> bytes:
    if b"-----" not in data:
        return _plain(data, path)
    _check_alone(_PUBLIC, data, path, "public")
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
    data = read_key_file(path)
    if b"-----" not in data:
        return _plain(data, path)
    _check_alone(_PRIVATE, data, path, "unencrypted private")
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


def _check_alone(form: re.Pattern[bytes], data: bytes, path: Path, kind: str) -> None:
    """Refuse a PEM file with anything before or after its one key; the library skips that."""
    if form.fullmatch(data) is None:
        raise UsageError(f"{path}: not one {kind} key in PEM and nothing else; keep it alone there")


def _plain(data: bytes, path: Path) -> bytes:
    text = data.strip()
    if len(data) == 32 and not _is_text(data):
        return data
    for decode in (bytes.fromhex, _base64):
        try:
            key = decode(text.decode("ascii"))
        except (ValueError, binascii.Error):
            continue
        if len(key) == 32:
            return key
    raise UsageError(f"{path}: not an Ed25519 key (PEM, or 32 bytes raw, in hex or base64)")


def _is_text(data: bytes) -> bool:
    """Whether bytes are all printable: a short text, such as a configuration, and no raw key."""
    return all(32 <= byte < 127 or byte in b"\t\r\n" for byte in data)


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
