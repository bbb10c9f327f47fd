from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture import open_source, parse_source
from edge.errors import SourceError


@pytest.mark.parametrize(
    ("text", "kind", "location", "options"),
    [
        ("rtsp://cam/1", "rtsp", "rtsp://cam/1", {}),
        ("RTSP://cam:8554/a?b=c", "rtsp", "RTSP://cam:8554/a?b=c", {}),
        ("rtsps://u:p@cam/1", "rtsp", "rtsps://u:p@cam/1", {}),
        ("rtsp://[::1]:554/1", "rtsp", "rtsp://[::1]:554/1", {}),
        ("rendered:soccer", "rendered", "soccer", {}),
        ("rendered:", "rendered", "soccer", {}),
        ("rendered:soccer?seed=3&fps=50", "rendered", "soccer", {"seed": "3", "fps": "50"}),
        ("v4l2:/dev/video2?width=640", "v4l2", "/dev/video2", {"width": "640"}),
        ("v4l2:video1", "v4l2", "/dev/video1", {}),
        ("v4l2:", "v4l2", "/dev/video0", {}),
        ("/dev/null", "v4l2", "/dev/null", {}),
    ],
)
def test_a_source_is_understood(
    text: str, kind: str, location: str, options: dict[str, str]
) -> None:
    spec = parse_source(text)
    assert (spec.kind, spec.location, spec.options) == (kind, location, options)


def test_paths_are_told_apart_by_what_they_are(tmp_path: Path) -> None:
    for name in ("match.mp4", "Frame.PNG", "a b: c.mkv"):
        (tmp_path / name).write_bytes(b"x")
    assert parse_source(tmp_path).kind == "folder"
    assert parse_source(str(tmp_path / "match.mp4")).kind == "file"
    assert parse_source(tmp_path / "Frame.PNG").kind == "picture"
    assert parse_source(f"file://{tmp_path}/match.mp4").location == f"{tmp_path}/match.mp4"
    assert parse_source(f"file://{tmp_path}/a%20b:%20c.mkv").location == f"{tmp_path}/a b: c.mkv"


def test_a_file_may_be_called_like_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rtps:x").write_bytes(b"x")
    assert parse_source("rtps:x").kind == "file"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("rtps://cam/1", "rtps://cam/1: unknown scheme 'rtps', did you mean 'rtsp'?"),
        ("rstp://cam", "unknown scheme 'rstp', did you mean 'rtsp'?"),
        ("rendred:soccer", "unknown scheme 'rendred', did you mean 'rendered'?"),
        ("https://x/y.mp4", "unknown scheme 'https', known ones are rtsp, rtsps, file, v4l2"),
        ("rtps://me:secret@cam/1", "rtps://***@cam/1: unknown scheme"),
        ("rtsp:///1", "the address names no host"),
        ("rtsp://cam:99999/1", "port out of range 0-65535; write rtsp://host:port/path"),
        ("rtsp://me:secret@cam:x/1", "rtsp://***@cam:x/1: port could not be cast"),
        ("", "the source is empty"),
        ("   ", "the source is empty"),
        ("/dev/video77", "/dev/video77: no such camera"),
        ("v4l2:/dev/video77", "/dev/video77: no such camera"),
        ("/dev/null", "/dev/null: not a camera that gives pictures"),
        ("nowhere/at/all.mp4", "no such file, and no folder nowhere/at either"),
        ("v4l2:/dev/null?with=3", "unknown option 'with', did you mean 'width'?"),
        ("v4l2:/dev/null?width=wide", "width=wide: not a number"),
        ("rendered:soccer?sede=3", "unknown option 'sede', did you mean 'seed'?"),
        ("rendered:soccer?seed=3.5", "seed=3.5: not a number"),
        ("rendered:soccer?fps=0", "fps=0: must lie between 1 and 240"),
        ("rendered:soccer?width=nan", "width=nan: not a number"),
        ("rendered:soccer?seconds=nan", "seconds=nan: must lie between"),
        ("rendered:cricket", "rendered:cricket: only soccer is rendered"),
    ],
)
def test_a_wrong_source_gives_one_clear_line(text: str, error: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(text)
    assert error in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


BROKEN = [
    "rtsp://admin:hunter2/x@127.0.0.1/live", "rtsp://admin:hunter2#@cam/1",
    "rtsp://admin:hunter2?@cam:554/1", "rtsp://admin:hunter2#1@cam", "rtsp://ad#min:hunter2@cam/1",
    "rtsp://admin:12#hunter2@cam/1", "rtsp://admin:hunter2[@cam/1", "rtsps://a:/hunter2@cam/1",
]  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_a_password_that_breaks_its_address_is_named_and_not_shown(text: str) -> None:
    with pytest.raises(SourceError, match=r"percent-encode it .* source.password_file") as caught:
        open_source(text)
    assert "hunter2" not in str(caught.value)
    assert "***@" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://me:p@ss@cam:554/1", "rtsp://me:a:b@cam/1", "rtsp://me:50%off@cam/1",
        "rtsp://cam:554/user@stream", "rtsp://cam/a@b", "rtsp://me:p%2Fs@[::1]:554/1",
        "rtsp://[::1]/a@b", "rtsp://me@cam/1", "rtsp://cam/1?user=a@b",
    ],
)  # fmt: skip
def test_addresses_that_hold_together_are_taken(text: str) -> None:
    assert parse_source(text).location == text


@pytest.mark.parametrize("scheme", ["rtsp", "http", "RTMP"])
def test_an_address_in_a_files_place_is_named_without_its_password(scheme: str) -> None:
    with pytest.raises(SourceError, match="an address; give a file, or use touchline") as caught:
        open_source(Path(f"{scheme}://me:hunter2@cam/1"))
    assert "hunter2" not in str(caught.value)


def test_other_streams_are_pointed_to_a_pipe() -> None:
    with pytest.raises(SourceError, match=r"ffmpeg -i ADDRESS .* --source -"):
        parse_source("rtmp://h/live")


def test_sockets_and_closed_inputs_are_no_films(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        with pytest.raises(SourceError, match="a socket, not a film"):
            parse_source(tmp_path / "s")
    with pytest.raises(SourceError, match="nothing is connected there"):
        parse_source("/dev/fd/987")


def test_a_misspelt_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "match.mp4").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"no such file or folder, did you mean 'match.mp4'\?"):
        parse_source(tmp_path / "mtach.mp4")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://cam/1", "rtsp://cam/1"),
        ("rtsp://me@cam/1", "rtsp://***@cam/1"),
        ("rtsp://me:secret@cam:554/1", "rtsp://***@cam:554/1"),
        ("rtsp://me:se%40cr%2Fet@cam/1", "rtsp://***@cam/1"),
        ("rtsp://cam/user=me&password=secret&n=1", "rtsp://cam/user=me&password=***&n=1"),
    ],
)
def test_passwords_are_not_shown(address: str, shown: str) -> None:
    assert parse_source(address).uri == shown


def outcome(text: str) -> str:
    """What the parser says: a kind of source, or its own error and no other."""
    try:
        return parse_source(text).kind
    except SourceError as error:
        return str(error)


@given(st.text(max_size=60))
def test_any_text_is_a_source_or_a_clear_error(text: str) -> None:
    assert "\n" not in outcome(text) or "\n" in text


@given(st.sampled_from(["rtsp://", "rendered:", "v4l2:", "file:"]), st.text(max_size=40))
def test_any_text_behind_a_scheme_is_a_source_or_a_clear_error(scheme: str, rest: str) -> None:
    assert outcome(scheme + rest)


@pytest.mark.parametrize("target", ["gone.mp4", "link.mp4"])
def test_a_link_that_leads_nowhere_is_told(tmp_path: Path, target: str) -> None:
    (tmp_path / "link.mp4").symlink_to(target)
    with pytest.raises(SourceError, match=f"a link that leads to no file \\({target}\\)"):
        parse_source(tmp_path / "link.mp4")
