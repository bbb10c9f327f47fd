"""Signatures of desired configurations, with the Ed25519 keys that bundles are signed with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from edge.bundles.signing import key_id
from edge.errors import ConfigError
from edge.publish.messages.config import ConfigDesired, ConfigSigned

_CONTEXT = f"{ConfigSigned.SCHEMA}\0".encode()
"""Stands before what is signed, so that no signature of a bundle's manifest passes for one here."""


def sign_desired(desired: ConfigDesired, private_key: bytes) -> ConfigSigned:
    """Return a desired configuration signed by a raw 32-byte private key.

    Raises ConfigError where it names no box (`to`), or `cryptography` is missing.
    """
    if desired.to is None:
        raise ConfigError("a signed configuration names its box in `to`")
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ConfigError("signatures need a package: pip install touchline[signing]") from error
    key = ed25519.Ed25519PrivateKey.from_private_bytes(private_key)
    text = desired.payload().decode()
    signature = key.sign(_CONTEXT + text.encode())
    return ConfigSigned(
        key_id=key_id(key.public_key().public_bytes_raw()),
        signature=base64.b64encode(signature).decode(),
        signed=text,
    )


def signed_text(document: ConfigSigned, keys: Sequence[bytes]) -> bytes:
    """Return what was signed, once one of the raw public keys is found to have signed it.

    Raises ConfigError, one line, where none did.
    """
    named = next((key for key in keys if key_id(key) == document.key_id), None)
    if named is None:
        trusted = ", ".join(key_id(key) for key in keys) or "none"
        raise ConfigError(f"signed by key {document.key_id}, this box trusts {trusted}")
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - optional package
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError("signatures need a package: pip install touchline[signing]") from error
    try:
        signature = base64.b64decode(document.signature, validate=True)
        text = document.signed.encode()
        ed25519.Ed25519PublicKey.from_public_bytes(named).verify(signature, _CONTEXT + text)
    except (InvalidSignature, ValueError, binascii.Error) as error:
        raise ConfigError("the signature does not fit the configuration") from error
    return text
