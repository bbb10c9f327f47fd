"""Archives: what is taken, and that nothing else is."""

from __future__ import annotations

import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bundles import MANIFEST, read_archive, unpack
from edge.errors import BundleError
from tests.bundles.packed import OTHER_PUBLIC, PUBLIC, archive


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive(tmp_path_factory.mktemp("good"))


def test_a_good_archive_is_unpacked_whole(good: Path, tmp_path: Path) -> None:
    bundle = unpack(good, tmp_path, [OTHER_PUBLIC, PUBLIC])
    assert bundle.label == "soccer 0.2.0"
    bundle.verify()
    assert {p.name for p in tmp_path.iterdir()} == {
        MANIFEST,
        *(file.name for file in bundle.manifest.members),
    }
    assert read_archive(good, [PUBLIC]) == bundle.manifest


def test_packing_is_repeatable(good: Path, tmp_path: Path) -> None:
    assert archive(tmp_path).read_bytes() == good.read_bytes()


Members = list[tuple[zipfile.ZipInfo | str, bytes]]


def rewritten(good: Path, target: Path, change: Callable[[Members], Members]) -> Path:
    with zipfile.ZipFile(good) as source:
        members: Members = [(i.filename, source.read(i)) for i in source.infolist()]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in change(members):
            out.writestr(name, data)
    return target


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def edited(members: Members, **keys: object) -> Members:
    manifest = json.loads(dict(members)[MANIFEST])
    return [(MANIFEST, json.dumps(manifest | keys).encode()), *members[1:]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: [*m, ("../../evil", b"x")], "leads out of the bundle"),
        (lambda m: [*m, ("/etc/evil", b"x")], "leads out of the bundle"),
        (lambda m: [*m, ("a/b", b"x")], "leads out of the bundle"),
        (lambda m: [*m, ("a\\b", b"x")], "leads out of the bundle"),
        (lambda m: [*m, ("folder/", b"")], "leads out of the bundle"),
        (lambda m: [*m, (".hidden", b"")], "leads out of the bundle"),
        (lambda m: [*m, (entry("link", stat.S_IFLNK | 0o777), b"/etc")], "a link or a device"),
        (lambda m: [*m, (entry("pipe", stat.S_IFIFO | 0o666), b"")], "a link or a device"),
        (lambda m: [*m, ("more.bin", b"x")], "not those of its manifest: 'more.bin'"),
        (lambda m: m[:-1], "not those of its manifest"),
        (lambda m: m[1:], "there is no manifest.json in it"),
        (lambda m: [m[0], (m[1][0], b"x" * len(m[1][1])), *m[2:]], "is not the file that the"),
        (lambda m: [m[0], (m[1][0], m[1][1] + b"x"), *m[2:]], "not as long as the manifest says"),
        (lambda m: edited(m, version="9.9.9"), "does not fit the manifest"),
        (lambda m: edited(m, decode={}), "does not fit the manifest"),
        (lambda m: edited(m, signature=None), "not signed"),
        (lambda m: [(MANIFEST, b"{"), *m[1:]], "not JSON"),
        (lambda m: [(MANIFEST, b" " * 2_000_000), *m[1:]], "too long"),
        (lambda m: [*m, *((f"f{i}", b"") for i in range(300))], "a bundle has a few"),
    ],
)
def test_a_spoilt_archive_is_refused_and_writes_nothing_outside(
    good: Path, tmp_path: Path, change: Callable[[Members], Members], words: str
) -> None:
    bad = rewritten(good, tmp_path / "bad.bundle", change)
    folder = tmp_path / "inside" / "slot"
    folder.mkdir(parents=True)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(BundleError, match=words) as caught:
        unpack(bad, folder, [PUBLIC])
    assert "\n" not in str(caught.value)
    new = set(tmp_path.rglob("*")) - before
    assert all(path.parent == folder for path in new)
    with pytest.raises(BundleError):
        read_archive(bad, [PUBLIC])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_refused(good: Path, tmp_path: Path) -> None:
    bad = rewritten(good, tmp_path / "bad.bundle", lambda m: [*m, m[-1]])
    with pytest.raises(BundleError, match="comes twice"):
        unpack(bad, tmp_path, [PUBLIC])


def test_an_unknown_key_and_no_key_at_all_are_refused(good: Path, tmp_path: Path) -> None:
    for keys, words in (([OTHER_PUBLIC], "this box trusts"), ([], "trusts none")):
        with pytest.raises(BundleError, match=words):
            unpack(good, tmp_path, keys)
    assert list(tmp_path.iterdir()) == []
    unpack(good, tmp_path, None)


def test_a_member_that_unpacks_to_more_than_it_says_is_cut_off(good: Path, tmp_path: Path) -> None:
    """A zip bomb: the directory names the manifest's size, the data goes on."""
    members: Members = []

    def bomb(found: Members) -> Members:
        members.extend(found)
        return [found[0], (found[1][0], found[1][1] + bytes(30_000_000)), *found[2:]]

    bad = rewritten(good, tmp_path / "bomb.bundle", bomb)
    data = bytearray(bad.read_bytes())
    true, told = len(members[1][1]) + 30_000_000, len(members[1][1])
    changed = data.replace(true.to_bytes(4, "little"), told.to_bytes(4, "little"))
    assert changed != data
    bad.write_bytes(changed)
    slot = tmp_path / "slot"
    slot.mkdir()
    with pytest.raises(BundleError):
        unpack(bad, slot, [PUBLIC])
    assert sum(p.stat().st_size for p in slot.iterdir()) < told + 100


def test_a_bundle_that_is_too_large_is_refused_before_it_is_unpacked(
    good: Path, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="at most 0 are taken"):
        unpack(good, tmp_path, [PUBLIC], most_bytes=1000)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 0.999), flip=st.floats(0, 0.999), by=st.integers(1, 255))
def test_any_cut_and_any_changed_byte_are_refused_or_harmless(
    good: Path, tmp_path_factory: pytest.TempPathFactory, cut: float, flip: float, by: int
) -> None:
    whole = good.read_bytes()
    folder = tmp_path_factory.mktemp("any")
    (folder / "cut").write_bytes(whole[: int(cut * len(whole))])
    with pytest.raises(BundleError):
        read_archive(folder / "cut", [PUBLIC])
    changed = bytearray(whole)
    changed[int(flip * len(whole))] ^= by
    (folder / "changed").write_bytes(changed)
    (folder / "slot").mkdir()
    try:
        bundle = unpack(folder / "changed", folder / "slot", [PUBLIC])
    except BundleError:
        return
    bundle.verify()  # a byte that means nothing, such as a date
    assert bundle.manifest == read_archive(good, [PUBLIC])


def directory(count: int, *, name: bytes = b"x", method: int = 8, said: int | None = None) -> bytes:
    """A central directory of so many entries, and its end record."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *[20, 20, 0, method], *[0] * 5, len(name),
                        *[0] * 6)  # fmt: skip
    index = (entry + name) * count
    counts = [min(count, 65535) if said is None else said] * 2
    return index + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *counts, len(index), 0, 0)


LOCATOR = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (directory(100_000), "files in it; a bundle has a few"),
        (directory(100_000, said=3), "its index has"),
        (directory(4, said=3), "its index is longer than it says"),
        (directory(3, said=4), "its index is shorter than it says"),
        (directory(3, name=b"x" * 60_000), "bytes; a bundle's"),
        (directory(3, name=b"x" * 300), "a file name of 300 bytes"),
        (directory(3, method=12), "packed by method 12"),
        (directory(3, method=14), "packed by method 14"),
        (LOCATOR + directory(0), "not where it says"),
        (directory(3) + b"more", "no index at its end"),
        (b"before" + directory(3), "not where it says"),
        (b"", "too short"),
        (bytes(1000), "no index at its end"),
    ],
)
def test_an_index_that_is_not_small_and_plain_is_refused_before_it_is_built(
    tmp_path: Path, data: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "bad.bundle"
    bad.write_bytes(data)
    monkeypatch.delattr(zipfile, "ZipFile")  # whatever is built from it would need this
    for keys in ([PUBLIC], None):
        with pytest.raises(BundleError, match=words):
            read_archive(bad, keys)


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(BundleError):
            read_archive(path, [PUBLIC])


def test_an_archive_that_the_disk_does_not_hold_is_not_unpacked(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.bundles.space.RESERVE_BYTES", 10**18)
    with pytest.raises(BundleError, match="MB are free"):
        unpack(good, tmp_path, [PUBLIC])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "keys",
    [
        {"training": {"x": [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]}},
        {"training": {"x": [0] * 100_000}},
        {"version": "9" * 5000},
        {"sport": "a" * 300},
        {"files": [{}] * 5000},
        {"decode": {"temperature": float("nan")}},
    ],
)
def test_a_manifest_that_is_larger_than_any_is_refused(
    good: Path, tmp_path: Path, keys: dict[str, object]
) -> None:
    bad = rewritten(good, tmp_path / "bad.bundle", lambda m: edited(m, **keys))
    with pytest.raises(BundleError) as caught:
        read_archive(bad, None)
    assert "does not fit" not in str(caught.value)
