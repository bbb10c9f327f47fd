"""A bundle as one file: a zip of the manifest and exactly the files that it names.

The index is bounded before anything is built from it. Nothing in an archive is believed before the
signature over its manifest was checked, and nothing is written but files that the manifest names,
no longer than it says.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.bundles.bundle import Bundle, load_bundle
from edge.bundles.keys import check_signature
from edge.bundles.manifest import (
    MANIFEST,
    MOST_MANIFEST_BYTES,
    GoldenFrame,
    Manifest,
    ModelFile,
    parse_manifest,
)
from edge.bundles.space import check_space
from edge.bundles.zip_index import check_index
from edge.errors import BundleError
from edge.whole_file import sync_folder

SUFFIX = ".bundle"
MOST_BYTES = 500_000_000
"""Largest bundle that is unpacked unless told otherwise."""
_PACKING_BYTES = 1_000_000
"""What an archive may have beside its files: headers, and data that deflating makes longer."""
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What `zipfile` raises for an archive that is not as it should be."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bundle gives the same archive


def pack(
    archive: Path, bundle: Bundle, manifest: Manifest, extra: Mapping[str, bytes] | None = None
) -> None:
    """Write a bundle's files under `manifest` (signed, with golden frames) as one archive.

    `extra` are files of the manifest that the bundle's folder does not have. The archive appears
    whole or not at all. Raises BundleError.
    """
    extra = extra or {}
    part = archive.with_name(f".{archive.name}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr(_entry(MANIFEST), manifest.to_json())
            for file in manifest.members:
                data = extra.get(file.name)
                if data is None:
                    data = (bundle.path / file.name).read_bytes()
                out.writestr(_entry(file.name), data)
        part.replace(archive)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BundleError(f"{archive}: cannot be written: {error.strerror}") from error


def unpack(
    archive: Path,
    folder: Path,
    keys: Sequence[bytes] | None,
    *,
    most_bytes: int = MOST_BYTES,
) -> Bundle:
    """Check an archive and write its files into an empty folder, down to the disk.

    `keys` are the trusted public keys (32 bytes each); None asks for no signature. Raises
    BundleError for whatever is wrong with the archive, OSError for a disk that is full.
    """
    with _opened(archive, most_bytes) as opened:
        manifest = _read_manifest(opened, archive, keys)
        _check_members(opened, archive, manifest, most_bytes)
        check_space(folder, sum(file.size for file in manifest.members) + MOST_MANIFEST_BYTES)
        for file in manifest.members:
            _extract(opened, archive, file, folder / file.name)
        _write(folder / MANIFEST, [_bytes_of(opened, opened.getinfo(MANIFEST))])
    sync_folder(folder)
    return load_bundle(folder)


def read_manifest(
    archive: Path, keys: Sequence[bytes] | None, *, most_bytes: int = MOST_BYTES
) -> Manifest:
    """Check an archive's index, manifest, signature and list of files, and nothing more.

    Raises BundleError.
    """
    try:
        with _opened(archive, most_bytes) as opened:
            manifest = _read_manifest(opened, archive, keys)
            _check_members(opened, archive, manifest, most_bytes)
    except OSError as error:
        raise BundleError(f"{archive}: cannot be read: {error.strerror}") from error
    return manifest


def read_archive(archive: Path, keys: Sequence[bytes] | None) -> Manifest:
    """Check an archive's manifest, signature and members without writing a file; BundleError."""
    try:
        with _opened(archive, MOST_BYTES) as opened:
            manifest = _read_manifest(opened, archive, keys)
            _check_members(opened, archive, manifest, MOST_BYTES)
            for file in manifest.members:
                _extract(opened, archive, file, None)
    except OSError as error:
        raise BundleError(f"{archive}: cannot be read: {error.strerror}") from error
    return manifest


@contextmanager
def _opened(archive: Path, most_bytes: int) -> Iterator[zipfile.ZipFile]:
    """Open a regular file of a bounded size and index; raises BundleError and OSError."""
    # a FIFO or a device is not waited for
    number = os.open(archive, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(number, "rb") as file:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            raise BundleError(f"{archive}: not a regular file; name an archive")
        if found.st_size > most_bytes + _PACKING_BYTES:
            raise BundleError(f"{archive}: {_too_large(found.st_size, most_bytes)}")
        check_index(file, str(archive))
        try:
            with zipfile.ZipFile(file) as opened:
                yield opened
        except _DAMAGE as error:
            raise BundleError(f"{archive}: damaged or cut off ({error}); fetch it again") from error


def _too_large(size: int, most_bytes: int) -> str:
    return f"{size / 1e6:.0f} MB; at most {most_bytes / 1e6:.0f} are taken"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


def _read_manifest(
    opened: zipfile.ZipFile, archive: Path, keys: Sequence[bytes] | None
) -> Manifest:
    try:
        entry = opened.getinfo(MANIFEST)
    except KeyError as error:
        raise BundleError(f"{archive}: no bundle (there is no {MANIFEST} in it)") from error
    _check_entry(entry, archive)
    if entry.file_size > MOST_MANIFEST_BYTES:
        raise BundleError(f"{archive}: its {MANIFEST} is too long")
    manifest = parse_manifest(_bytes_of(opened, entry), f"{archive}/{MANIFEST}")
    if keys is not None:
        check_signature(Bundle(archive, manifest), keys)
    return manifest


def _bytes_of(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with opened.open(entry) as source:
        data = source.read(MOST_MANIFEST_BYTES + 1)
    if len(data) != entry.file_size:
        raise zipfile.BadZipFile(f"{entry.filename} is not as long as it says")
    return data


def _check_members(
    opened: zipfile.ZipFile, archive: Path, manifest: Manifest, most_bytes: int
) -> None:
    """Refuse an archive whose members are not exactly the manifest's files."""
    entries = opened.infolist()
    for entry in entries:
        _check_entry(entry, archive)
    sizes = {file.name: file.size for file in manifest.members}
    names = [entry.filename for entry in entries]
    if sorted(names) != sorted([MANIFEST, *sizes]):
        odd = sorted(set(names) ^ {MANIFEST, *sizes}) or ["a name that comes twice"]
        raise BundleError(f"{archive}: its files are not those of its manifest: {odd[0]!r}")
    for entry in entries:
        if entry.filename != MANIFEST and entry.file_size != sizes[entry.filename]:
            raise BundleError(f"{archive}: {entry.filename} is not as long as the manifest says")
    total = sum(sizes.values())
    if total > most_bytes:
        raise BundleError(f"{archive}: {_too_large(total, most_bytes)}")


def _check_entry(entry: zipfile.ZipInfo, archive: Path) -> None:
    """Refuse what is no plain file: folders, links, paths, passwords."""
    name, mode = entry.filename, entry.external_attr >> 16
    plain = name == Path(name).name and "\\" not in name and not entry.is_dir()
    if not plain or name.startswith("."):
        raise BundleError(f"{archive}: {name!r} leads out of the bundle")
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        raise BundleError(f"{archive}: {name!r} is a link or a device, not a file")
    if entry.flag_bits & 0x1:
        raise BundleError(f"{archive}: {name!r} is encrypted")


def _extract(
    opened: zipfile.ZipFile, archive: Path, file: ModelFile | GoldenFrame, target: Path | None
) -> None:
    """Write one member while its digest is taken; no more than the manifest's bytes are read."""
    checksum, left, blocks = hashlib.sha256(), file.size, []
    output = None if target is None else target.open("xb")
    try:
        with opened.open(file.name) as source:
            while left and (block := source.read(min(1 << 20, left))):
                checksum.update(block)
                left -= len(block)
                if output is not None:
                    output.write(block)
            blocks.append(source.read(1))
        if output is not None:
            output.flush()
            os.fsync(output.fileno())
    finally:
        if output is not None:
            output.close()
    if left or blocks[0] or checksum.hexdigest() != file.sha256:
        raise BundleError(f"{archive}: {file.name} is not the file that the manifest describes")


def _write(path: Path, blocks: Sequence[bytes]) -> None:
    with path.open("xb") as file:
        for block in blocks:
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
