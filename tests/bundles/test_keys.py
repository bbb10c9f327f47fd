"""Key files: one key and nothing else, that nobody but root and this user can change."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.bundles import read_private_key, read_public_key
from edge.errors import UsageError
from tests.bundles.packed import KEY, PUBLIC

_PRIVATE = Ed25519PrivateKey.from_private_bytes(KEY)
PEM = _PRIVATE.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
PRIVATE_PEM = _PRIVATE.private_bytes(
    form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
)
EC_PEM = (
    generate_private_key(SECP256R1())
    .public_key()
    .public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
)
BASE64 = base64.b64encode(PUBLIC)
SMALL_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    bytes.fromhex("ec" + 30 * "ff" + "7f"),
    bytes.fromhex("ed" + 30 * "ff" + "7f"),
    bytes.fromhex("ee" + 30 * "ff" + "7f"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o755)
    return written(folder / "models.pub", PEM)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o644)
    return path


@pytest.mark.parametrize(
    "data",
    [
        PEM,
        PEM.replace(b"\n", b"\r\n"),
        b"\n" + PEM + b"\n\n",
        PUBLIC,
        PUBLIC.hex().encode(),
        PUBLIC.hex().upper().encode() + b"\n",
        BASE64 + b"\n",
    ],
)
def test_each_form_of_a_key_is_read(key: Path, data: bytes) -> None:
    assert read_public_key(written(key, data)) == PUBLIC


@pytest.mark.parametrize(
    "data",
    [
        b"site: hall\nlabel: |\n  " + PEM.replace(b"\n", b"\n  "),
        b"site: hall\n# " + BASE64,
        b"# the key of the models\n" + PEM,
        PEM + b"broker: mqtt://elsewhere\n",
        PEM + PEM,
        PEM + EC_PEM,
        PEM + b"\0",
        PEM[:-20],
        PEM + bytes(5000),
        PEM + b" " * 5000,
        b" " * 5000 + PEM,
        EC_PEM,
        PRIVATE_PEM,
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        PUBLIC.hex().encode() + b"\n" + PUBLIC.hex().encode(),
        BASE64 + b" trusted",
        b"broker: mqtt://stranger.example\n",  # 32 characters
        b"{broker: mqtt://stranger.example",
        PUBLIC + b"\n",
        PUBLIC[:-1],
        b"\xef\xbb\xbf" + BASE64,
        b"",
        *SMALL_ORDER,
        SMALL_ORDER[0].hex().encode(),
    ],
)
def test_anything_but_one_key_alone_is_refused(key: Path, data: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        read_public_key(written(key, data))
    assert str(caught.value).startswith(str(key))
    assert "\n" not in str(caught.value)


def test_a_private_key_is_alone_too(key: Path) -> None:
    assert read_private_key(written(key, PRIVATE_PEM)) == KEY
    for data in (PRIVATE_PEM + PEM, b"x\n" + PRIVATE_PEM, PEM):
        with pytest.raises(UsageError, match="not one unencrypted private key"):
            read_private_key(written(key, data))


def group_writes(key: Path) -> Path:
    key.chmod(0o664)
    return key


def others_write(key: Path) -> Path:
    key.chmod(0o646)
    return key


def of_another(key: Path) -> Path:
    os.chown(key, 4321, 4321)
    return key


def folder_of_another(key: Path) -> Path:
    os.chown(key.parent, 4321, 4321)
    return key


def folder_others_write(key: Path) -> Path:
    key.parent.chmod(0o777)
    return key


def folder_a_group_writes(key: Path) -> Path:
    os.chown(key.parent, 0, 4321)
    key.parent.chmod(0o775)
    return key


def through_a_link_in_an_open_folder(key: Path) -> Path:
    open_to_all = key.parent.parent / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (open_to_all / "key").symlink_to(key)
    return open_to_all / "key"


def through_a_link_of_another(key: Path) -> Path:
    sticky = key.parent.parent / "sticky"
    sticky.mkdir()
    sticky.chmod(0o1777)
    link = sticky / "key"
    link.symlink_to(key)
    os.chown(link, 4321, 4321, follow_symlinks=False)
    return link


def through_a_linked_folder(key: Path) -> Path:
    folder_others_write(key)
    (key.parent.parent / "good").symlink_to(key.parent)
    return key.parent.parent / "good" / key.name


def a_folder(key: Path) -> Path:
    return key.parent


def a_pipe(key: Path) -> Path:
    os.mkfifo(key.parent / "pipe", 0o644)
    return key.parent / "pipe"


def a_link_to_itself(key: Path) -> Path:
    (key.parent / "loop").symlink_to("loop")
    return key.parent / "loop"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (group_writes, "its group or others may write it; chmod go-w"),
        (others_write, "its group or others may write it; chmod go-w"),
        (of_another, "belongs to another user"),
        (folder_of_another, "belongs to another user"),
        (folder_others_write, "others may write the folder"),
        (folder_a_group_writes, "others may write the folder"),
        (through_a_link_in_an_open_folder, "others may write the folder"),
        (through_a_link_of_another, "belongs to another user"),
        (through_a_linked_folder, "others may write the folder"),
        (a_folder, "Is a directory"),
        (a_pipe, "not a regular file"),
        (a_link_to_itself, "too many links"),
        (lambda key: key.parent / "absent", "No such file"),
        (lambda _key: Path("/dev/zero"), "not a regular file"),
        (lambda _key: Path("a\0b"), "cannot be read"),
    ],
)
def test_a_key_that_others_can_change_is_refused(
    key: Path, spoil: Callable[[Path], Path], words: str
) -> None:
    """Needs root, as the continuous integration has it: files are given to others."""
    path = spoil(key)
    with pytest.raises(UsageError, match=words) as caught:
        read_public_key(path)
    assert "\n" not in str(caught.value)


def test_a_link_that_only_this_user_can_change_is_followed(key: Path) -> None:
    (key.parent / "current").symlink_to(key.name)
    (key.parent.parent / "etc-link").symlink_to(key.parent)
    assert read_public_key(key.parent.parent / "etc-link" / "current") == PUBLIC


def test_the_own_group_may_write_the_folder(key: Path) -> None:
    os.chown(key.parent, -1, os.getegid())
    key.parent.chmod(0o770)
    assert read_public_key(key) == PUBLIC
