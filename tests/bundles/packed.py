"""Signed archives for tests, whole and spoilt."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.bundles import Manifest, pack, sign
from edge.registration.golden import make_golden
from tests.bundles.parts import bundle

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
PUBLIC, OTHER_PUBLIC = (
    Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
    for key in (KEY, OTHER_KEY)
)
TRUTH = np.diag([0.1, 0.1, 1.0])
"""What the scripted registrar of the box's tests answers."""
PICTURE = np.full((36, 64, 3), 90, np.uint8)


def archive(
    folder: Path,
    version: str = "0.2.0",
    *,
    sport: str = "soccer",
    key: bytes = KEY,
    truth: np.ndarray | None = TRUTH,
    golden: bool = True,
) -> Path:
    """Pack a bundle of small random graphs, with one golden frame."""
    plain = bundle(folder / f"plain-{sport}-{version}", sport)
    frame = make_golden(0, PICTURE, truth)
    manifest = plain.manifest.model_copy(
        update={"version": version, "golden": (frame.entry,) if golden else ()}
    )
    path = folder / f"{sport}-{version}.bundle"
    extra = {frame.entry.name: frame.data} if golden else {}
    pack(path, plain, sign(Manifest.model_validate(manifest.model_dump()), key), extra)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
