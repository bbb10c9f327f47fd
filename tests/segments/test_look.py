"""What key frames suspect is looked at once more, a picture a second."""

import numpy as np
import pytest

from edge.segments import second_pass
from edge.segments.analyse import analyse
from edge.segments.demux import DecodedPicture, Reader, whole_seconds
from edge.segments.inference import SegmentsNetwork
from edge.segments.manifest import load_segments_bundle
from edge.segments.media import open_media
from edge.segments.row_builder import Rows
from edge.segments.types import Label, Segment
from tests.segments.parts import write_bundle
from tests.segments.programmes import BLUE, GREY, RED, write_programme

SHOTS = [(GREY, 3.0), (BLUE, 14.0), (GREY, 21.0), (RED, 12.0), (GREY, 40.0)]
ENDS_S = np.cumsum([s for _, s in SHOTS])


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    made = SegmentsNetwork(load_segments_bundle(write_bundle(tmp_path_factory.mktemp("b") / "b")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def sparse(tmp_path_factory):
    """A key frame each 9 s, wherever the cuts are, and pictures that follow later ones."""
    path = tmp_path_factory.mktemp("films") / "sparse.mkv"
    return write_programme(path, SHOTS, gop=90, bframes=2)


def suspect(start_s, end_s, probability=0.5):
    return Segment(Label.INTRO, start_s, end_s, probability)


@pytest.mark.parametrize(
    ("candidates", "wanted"),
    [
        ([], []),
        ([suspect(30, 60)], [(20, 70)]),
        ([suspect(4, 60)], [(0, 70)]),
        ([suspect(560, 597)], [(550, 600)]),
        ([suspect(30, 60), suspect(75, 90)], [(20, 100)]),
        ([suspect(300, 310), suspect(30, 60)], [(20, 70), (290, 320)]),
        ([suspect(30, 60, 0.001)], [(20, 70)]),
        ([suspect(100, 400, 0.3), suspect(30, 60, 0.2)], [(20, 70)]),
        ([suspect(100, 200, 0.2), suspect(300, 450, 0.3)], [(290, 460)]),
    ],
)
def test_suspects_are_looked_at_with_what_is_around_them_the_likeliest_first(candidates, wanted):
    assert second_pass.spans(candidates, 600.0) == wanted


def test_a_second_look_gives_the_pictures_that_exact_reading_gives(sparse):
    with open_media(sparse) as media:
        exact = {
            p.time_s: p for p in Reader(media, exact=True).pieces() if isinstance(p, DecodedPicture)
        }
    with open_media(sparse) as media:
        again = list(second_pass.pictures(media, [(0.0, 12.0), (31.0, 55.0), (80.0, 90.0)]))
        assert not media.warnings
    times = [p.time_s for p in again]
    assert times == [s + 0.5 for s in [*range(12), *range(31, 55), *range(80, 90)]]
    for p in again:
        np.testing.assert_array_equal(p.image, exact[p.time_s].image)


def judged(network, path, spans=None, *, exact=False, at_once_s=3600):
    rows = Rows(network, has_sound=True, strip_every_s=5.0, at_once_s=at_once_s, context_s=10)
    with open_media(path) as media:
        reader = Reader(media, exact=exact)
        for piece in reader.pieces():
            (rows.see if isinstance(piece, DecodedPicture) else rows.hear)(piece)
        made = rows.finish(whole_seconds(reader.end_s))
        if spans is not None:
            made = rows.look_again(second_pass.pictures(media, spans))
    return made.emissions, rows


def test_what_was_looked_at_is_judged_as_by_exact_reading_and_the_rest_stays(network, sparse):
    coarse, _ = judged(network, sparse)
    exact, _ = judged(network, sparse, exact=True)
    both, rows = judged(network, sparse, [(30.0, 60.0)])
    assert rows.open_from_s == 0
    assert both[30:60] == pytest.approx(exact[30:60], abs=0.05)
    assert np.abs(coarse[30:60] - exact[30:60]).max() > 1
    assert both[:30] == pytest.approx(coarse[:30])
    assert both.shape == coarse.shape == (90, 3)


def test_only_the_last_part_of_a_long_programme_is_judged_again(network, sparse):
    whole, _ = judged(network, sparse, [(60.0, 80.0)])
    parts, rows = judged(network, sparse, [(60.0, 80.0)], at_once_s=25)
    assert rows.open_from_s in (50, 75)
    assert parts.shape == whole.shape
    assert parts[rows.open_from_s :] == pytest.approx(whole[rows.open_from_s :])


def test_ends_between_key_frames_are_found(network, sparse):
    found = analyse(sparse, network)
    assert "look" in found.seconds
    ends = [(s.start_s, s.end_s) for s in found.segments]
    assert np.array(ends).ravel() == pytest.approx(ENDS_S[:4], abs=0.11)
    assert found.mode == "keyframes"


def test_what_is_too_doubtful_to_be_marked_is_looked_at_too(sparse, tmp_path):
    """Its ends are doubted, and a verifier would have none of it: the key frames may be wrong."""
    rules = {"threshold": 0.5, "shortest_s": 4, "ends": 0.999999}
    bundle = load_segments_bundle(
        write_bundle(tmp_path / "b", rules={"intro": rules, "recap": rules})
    )
    found = analyse(sparse, bundle)
    assert "look" in found.seconds
    assert all(s.length_s < 25 for s in found.candidates)


def test_a_span_that_cannot_be_reached_has_no_pictures_and_a_warning(tmp_path, monkeypatch):
    path = write_programme(tmp_path / "a.mkv", [(GREY, 20.0)])
    with open_media(path) as media:
        monkeypatch.setattr(second_pass, "frames_from", refused)
        assert list(second_pass.pictures(media, [(2.0, 6.0)])) == []
        assert "no second look there" in media.warnings[0]


def refused(*_, **__):
    from av.error import FFmpegError

    raise FFmpegError(1, "no")
