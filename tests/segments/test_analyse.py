"""Real files through the whole of it: what is found, and what is said of broken ones."""

import threading

import av
import cv2
import numpy as np
import pytest

from edge.errors import SourceError
from edge.segments.analyse import analyse
from edge.segments.cues import levels_db
from edge.segments.demux import DecodedPicture, Reader, whole_seconds
from edge.segments.inference import SegmentsNetwork
from edge.segments.manifest import load_segments_bundle
from edge.segments.media import open_media
from edge.segments.prefetch import ahead
from edge.segments.row_builder import Rows
from edge.segments.sound import SILENCE, log_mel
from edge.segments.types import Label
from tests.segments.parts import write_bundle
from tests.segments.programmes import BLACK, BLUE, GREY, RED, write_programme

SHOTS = [(BLUE, 12.4), (BLACK, 0.6), (GREY, 20.3), (RED, 10.0), (GREY, 26.7)]
"""A recap, black, content, an intro, content: 70 s."""
RECAP, INTRO = (Label.RECAP, 0.0, 12.4), (Label.INTRO, 33.3, 43.3)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    bundle = load_segments_bundle(write_bundle(tmp_path_factory.mktemp("b") / "tiny"))
    loaded = SegmentsNetwork(bundle, threads=1)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def programme(tmp_path_factory):
    return write_programme(tmp_path_factory.mktemp("p") / "programme.mkv", SHOTS)


def found(analysis):
    return [(s.label, round(s.start_s, 2), round(s.end_s, 2)) for s in analysis.segments]


@pytest.mark.slow
@pytest.mark.parametrize("exact", [False, True])
def test_a_programme_is_marked_to_the_picture(network, programme, exact):
    told = []
    analysis = analyse(programme, network, exact=exact, progress=lambda *a: told.append(a))
    assert found(analysis) == [RECAP, INTRO]
    assert analysis.mode == ("exact" if exact else "keyframes")
    assert analysis.duration_s == pytest.approx(70, abs=0.1)
    assert analysis.marginals.shape == (70, 3)
    assert analysis.marginals.sum(1) == pytest.approx(1)
    assert analysis.warnings == ()
    assert analysis.bundle == "tiny 0.0.1"
    assert analysis.cues.black_s == pytest.approx(np.array([[12.4, 13.0]]), abs=0.01)
    assert {"read", "see", "hear", "judge", "decode", "near", "total"} <= analysis.seconds.keys()
    assert len(analysis.strip) == len(analysis.strip_s) > 30
    assert told[0][0] == "read"
    assert told[-1][0] == "near"
    assert all(s.start_s == int(s.start_s) for s in analysis.candidates)


def test_a_bundle_does_as_well_as_a_loaded_network(network, programme):
    assert found(analyse(programme, network.bundle)) == [RECAP, INTRO]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("late.ts", {"start_s": 500.0}),
        ("late.mkv", {"start_s": 7.0}),
        ("gop.mp4", {"gop": 25, "fps": 25, "bframes": 2}),
        ("one-key.mkv", {"gop": 9999}),
        ("rate.mp4", {"rate": 44_100}),
    ],
)
@pytest.mark.parametrize("exact", [False, True])
def test_containers_start_times_and_gops(network, tmp_path, name, how, exact):
    analysis = analyse(write_programme(tmp_path / name, SHOTS, **how), network, exact=exact)
    expected = [RECAP, INTRO]
    assert [s.label for s in analysis.segments] == [e[0] for e in expected]
    for segment, (_, start, end) in zip(analysis.segments, expected, strict=True):
        assert segment.start_s == pytest.approx(start, abs=0.06)
        assert segment.end_s == pytest.approx(end, abs=0.06)
    assert len(analysis.marginals) == 70
    if name == "one-key.mkv" and not exact:
        assert analysis.mode == "exact"
        assert "key frames" in analysis.warnings[0]


def test_frames_at_any_times(network, tmp_path):
    rng = np.random.default_rng(0)
    times = np.round(np.cumsum(rng.choice([0.04, 0.1, 0.35], 600)), 3)
    times = [t for t in times.tolist() if t < 70]
    path = write_programme(tmp_path / "vfr.mkv", SHOTS, frame_times_s=[0.0, *times])
    analysis = analyse(path, network, exact=True)
    assert [s.label for s in analysis.segments] == [Label.RECAP, Label.INTRO]
    assert analysis.segments[1].start_s == pytest.approx(33.3, abs=0.4)


def test_chapters_that_name_them_are_the_answer(network, tmp_path):
    chapters = [(0, 12.5, "Previously on"), (12.5, 33.0, "Part 1"), (33.0, 44.0, "Intro")]
    path = write_programme(tmp_path / "c.mkv", SHOTS, chapters=chapters)
    analysis = analyse(path, network)
    assert analysis.source == "chapters"
    assert found(analysis) == [(Label.RECAP, 0, 12.5), (Label.INTRO, 33, 44)]
    assert analysis.marginals is None
    assert [c.title for c in analysis.chapters] == ["Previously on", "Part 1", "Intro"]
    ignored = analyse(path, network, use_chapters=False)
    assert ignored.source == "model"
    assert found(ignored) == [RECAP, INTRO]


def test_a_window_is_the_beginning(network, programme):
    analysis = analyse(programme, network, window_s=30.0)
    assert found(analysis) == [RECAP]
    assert analysis.marginals.shape == (30, 3)
    assert analysis.window_s == 30.0
    assert analysis.duration_s == pytest.approx(70, abs=0.1)
    assert analysis.warnings == ()


def test_several_sound_tracks_one_of_them_mute(network, tmp_path):
    path = write_programme(tmp_path / "t.mkv", SHOTS, tracks=2)
    analysis = analyse(path, network)
    assert analysis.warnings == ("2 sound tracks: listened to track 2",)
    assert len(analysis.cues.silence_s) == 0


def test_no_sound(network, tmp_path):
    analysis = analyse(write_programme(tmp_path / "mute.mp4", SHOTS, tracks=0), network)
    assert found(analysis) == [RECAP, INTRO]
    assert analysis.warnings == ("no sound: judged by the pictures alone",)


def test_no_pictures(network, tmp_path):
    path = write_programme(tmp_path / "sound.mp4", SHOTS, video=False)
    analysis = analyse(path, network)
    assert analysis.segments == ()
    assert analysis.warnings == ("no pictures: judged by the sound alone",)
    assert analysis.marginals.shape == (70, 3)


def test_a_file_that_is_cut_off(network, tmp_path, programme):
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(programme.read_bytes()[: programme.stat().st_size * 2 // 5])
    analysis = analyse(cut, network)
    assert "cut off or damaged" in analysis.warnings[-1]
    assert 20 < analysis.duration_s < 65
    assert found(analysis)[0] == RECAP


def test_noise_in_the_middle(network, tmp_path, programme):
    data = np.frombuffer(programme.read_bytes(), np.uint8).copy()
    at = int(len(data) * 0.65)
    data[at : at + 3000] = np.random.default_rng(0).integers(0, 256, 3000)
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(data.tobytes())
    analysis = analyse(broken, network)
    assert found(analysis)[0] == RECAP
    assert analysis.duration_s == pytest.approx(70, abs=2)


def test_joined_files_go_on(network, tmp_path):
    first = write_programme(tmp_path / "1.ts", SHOTS[:3])
    second = write_programme(tmp_path / "2.ts", SHOTS[3:])
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    analysis = analyse(joined, network, exact=True)
    assert "leap" in " ".join(analysis.warnings)
    assert [s.label for s in analysis.segments] == [Label.RECAP, Label.INTRO]
    assert analysis.segments[1].start_s == pytest.approx(33.3, abs=1.5)


def text(folder):
    (folder / "a.txt").write_text("Scene 1. A harbour at night.\n" * 50)
    return folder / "a.txt"


def text_called_a_film(folder):
    text(folder).rename(folder / "film.mkv")
    return folder / "film.mkv"


def empty(folder):
    (folder / "e.mp4").touch()
    return folder / "e.mp4"


def photo(suffix):
    def write(folder):
        path = folder / f"photo{suffix}"
        assert cv2.imwrite(str(path), np.full((80, 120, 3), 99, np.uint8))
        return path

    return write


def one_frame(folder):
    return write_programme(folder / "one.mp4", [(GREY, 0.1)], tracks=0)


def no_index(folder):
    path = write_programme(folder / "x.mp4", SHOTS[:1])
    path.write_bytes(path.read_bytes()[:-6000])
    return path


def subtitles(folder):
    (folder / "s.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nHello\n")
    return folder / "s.srt"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (text, "not a video file"),
        (text_called_a_film, "not a video file"),
        (empty, "the file is empty"),
        (photo(".jpg"), "a single picture"),
        (photo(".png"), "a single picture"),
        (one_frame, "a single picture"),
        (no_index, "cut off"),
        (subtitles, "not a video file"),
        (lambda folder: folder / "none.mkv", "no such file"),
        (lambda folder: folder, "directory"),
    ],
)
def test_what_is_no_programme_is_refused_in_one_line(network, tmp_path, make, says):
    path = make(tmp_path)
    with pytest.raises(SourceError, match=says) as caught:
        analyse(path, network)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_very_short_programme(network, tmp_path):
    analysis = analyse(write_programme(tmp_path / "s.mp4", [(RED, 1.2)]), network)
    assert analysis.segments == ()
    assert analysis.marginals.shape == (1, 3)


def test_a_short_film_without_sound_and_with_one_key_frame(network, tmp_path):
    path = write_programme(tmp_path / "s.mp4", [(GREY, 4.2), (RED, 6.0)], tracks=0, gop=9999)
    analysis = analyse(path, network)
    assert analysis.mode == "exact"
    assert found(analysis) == [(Label.INTRO, 4.2, 10.2)]


def test_pictures_that_cannot_be_decoded_leave_the_sound(network, tmp_path):
    path = write_programme(tmp_path / "p.mkv", [(GREY, 8.0)], gop=9999)
    data = path.read_bytes()
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            if packet.size:
                data = data.replace(bytes(packet), bytes(packet.size))
    path.write_bytes(data)
    analysis = analyse(path, network)
    assert "not a single picture can be decoded" in analysis.warnings
    assert analysis.marginals.shape == (8, 3)


def test_sound_is_read_as_it_was_written(tmp_path):
    """Blocks together are the whole sound, shifted by no more than the codec does."""
    levels = [(0.0, 25.5), (0.3, 10.0), (0.0, 5.5)]
    path = write_programme(tmp_path / "a.mkv", [(GREY, 41.0)], tones=levels, rate=44_100)
    with open_media(path) as media:
        pieces = [p for p in Reader(media).pieces() if not isinstance(p, DecodedPicture)]
    assert [(p.first_s, p.seconds) for p in pieces] == [(0, 20), (20, 20), (40, 1)]
    level = np.concatenate([levels_db(p.samples, p.seconds) for p in pieces])
    loud = np.flatnonzero(level > -40) / 100
    assert (loud[0], loud[-1]) == (pytest.approx(25.5, abs=0.03), pytest.approx(35.5, abs=0.03))
    patches = np.concatenate([log_mel(p.samples, p.seconds) for p in pieces])
    heard = patches.max(axis=(1, 2)) > SILENCE + 6
    assert np.flatnonzero(heard).tolist() == list(range(25, 36))


@pytest.mark.slow
@pytest.mark.parametrize("exact", [False, True])
def test_sound_decoded_in_another_thread_is_the_same(tmp_path, exact):
    """Also where it goes on behind the last picture."""
    path = write_programme(tmp_path / "a.mkv", SHOTS, tones=[(0.2, 30.0), (0.0, 9.0), (0.3, 46.0)])
    made = []
    for apart in (False, True):
        with open_media(path) as media:
            reader = Reader(media, exact=exact)
            if apart:
                with ahead(reader.parts) as parts:
                    made.append(list(reader.opened(parts)))
            else:
                made.append(list(reader.pieces()))
            assert media.warnings == []
    assert len(made[0]) == len(made[1]) > 4
    for one, other in zip(*made, strict=True):
        assert type(one) is type(other)
        if isinstance(one, DecodedPicture):
            assert one.time_s == other.time_s
            assert np.array_equal(one.image, other.image)
        else:
            assert (one.first_s, one.seconds) == (other.first_s, other.seconds)
            assert np.array_equal(one.samples, other.samples)


def test_sound_of_another_rate_from_some_point_on_loses_none(tmp_path):
    parts = [
        write_programme(tmp_path / f"{rate}.ts", [(GREY, 6.08)], tones=[(0.3, 6.08)], rate=rate)
        for rate in (44_100, 48_000)
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with open_media(path) as media:
        pieces = [p for p in Reader(media).pieces() if not isinstance(p, DecodedPicture)]
    seconds = sum(p.seconds for p in pieces)
    assert seconds == pytest.approx(12, abs=1)
    level = np.concatenate([levels_db(p.samples, p.seconds) for p in pieces])
    loud = np.flatnonzero(level > -40)
    assert len(loud) > 1190


def test_long_programmes_are_judged_in_parts_as_in_one(network, programme):
    made = []
    for at_once, context in ((3600, 120), (20, 15)):
        rows = Rows(
            network, has_sound=True, strip_every_s=5.0, at_once_s=at_once, context_s=context
        )
        with open_media(programme) as media:
            reader = Reader(media)
            for piece in reader.pieces():
                (rows.see if isinstance(piece, DecodedPicture) else rows.hear)(piece)
            made.append(rows.finish(whole_seconds(reader.end_s)).emissions)
    assert made[0].shape == (70, 3)
    assert made[1] == pytest.approx(made[0])


def test_a_picture_of_each_second_is_the_one_shown_in_its_middle(programme):
    with open_media(programme) as media:
        shown = [p for p in Reader(media, exact=True).pieces() if isinstance(p, DecodedPicture)]
    assert [p.time_s for p in shown] == [s + 0.5 for s in range(70)]
    colours = np.array([p.image[72, 128] for p in shown], int)
    blue = np.flatnonzero((colours[:, 2] > 150) & (colours[:, 0] < 90))
    red = np.flatnonzero((colours[:, 0] > 150) & (colours[:, 2] < 90))
    assert blue.tolist() == list(range(12))
    assert red.tolist() == list(range(33, 43))


def test_a_picture_that_lies_on_its_side_is_turned_upright(tmp_path):
    path = write_programme(tmp_path / "a.mp4", [(GREY, 3.0)])
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    quarter = np.array([0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000], ">i4")
    data[at : at + 36] = quarter.tobytes()
    path.write_bytes(data)
    with open_media(path) as media:
        first = next(p for p in Reader(media).pieces() if isinstance(p, DecodedPicture))
    assert first.image.shape == (144, 256, 3)


def test_an_error_of_the_reader_is_raised_and_its_thread_ends():
    def work():
        yield 1
        raise SourceError("gone")

    def take():
        with ahead(work) as pieces:
            assert next(pieces) == 1
            next(pieces)

    with pytest.raises(SourceError, match="gone"):
        take()
    assert all(t.name != "segments-reader" for t in threading.enumerate())


def test_a_taker_that_stops_ends_the_reader():
    closed = []

    def work():
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    with ahead(work, 2) as pieces:
        assert next(pieces) == 1
    assert closed == [True]


def test_the_file_that_was_made_is_real(programme):
    with av.open(str(programme)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.audio[0].codec_context.name == "aac"
