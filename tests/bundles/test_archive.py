"""Archives: what is taken, and that nothing else is."""

from __future__ import annotations

import json
import stat
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
