"""The picture of an answer: what is in it is where it should be."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.segments.analysis import Analysis
from edge.segments.chapters import Chapter
from edge.segments.cues import LEVELS_HZ
from edge.segments.decode import Cues
from edge.segments.explain import WIDTH, picture_of, save_picture
from edge.segments.types import Label, Segment


def analysis(duration_s: float = 600.0) -> Analysis:
    rows = int(duration_s)
    marginals = np.tile([1.0, 0.0, 0.0], (rows, 1))
    marginals[120:160] = [0.05, 0.95, 0]
    return Analysis(
        "Überfolge 日本.mkv",
        duration_s,
        (Segment(Label.INTRO, 120.4, 160.2, 0.93),),
        bundle="segments 1",
        marginals=marginals,
        cues=Cues(np.array([120.4, 160.2]), np.array([[119.9, 120.4]]), np.array([[119.0, 120.6]])),
        levels_db=np.full(int(duration_s) * LEVELS_HZ, -20, np.int8),
        warnings=("no sound: judged by the pictures alone",),
        candidates=(Segment(Label.RECAP, 0, 20, 0.2), Segment(Label.INTRO, 120, 160, 0.93)),
        chapters=(Chapter(0, 300, "Chapter 01"), Chapter(300, 600, "Chapter 02")),
        strip_s=np.arange(0, duration_s, 10),
        strip=np.full((int(duration_s / 10), 36, 64, 3), (250, 10, 10), np.uint8),
    )


def is_blue(column: np.ndarray) -> bool:
    """Whether a column's upper plot is shaded as an intro (BGR)."""
    return bool((column[..., 0].astype(int) - column[..., 2] > 15).any())


def test_the_segment_is_shaded_where_it_is_and_nowhere_else() -> None:
    image = picture_of(analysis())
    assert image.shape[1:] == (WIDTH, 3)
    assert image.dtype == np.uint8
    plain = picture_of(Analysis("a.mkv", 600.0, (), marginals=analysis().marginals))
    assert len(image) > len(plain)
    # below the head and the thumbnails, between the grid's lines
    head = 14 + 26 * 4 + 96
    row = image[head + 60 : head + 100]
    scale = (WIDTH - 96 - 30) / 600
    assert is_blue(row[:, round(96 + 140 * scale)])
    for time_s in (60, 118, 163, 500):
        assert not is_blue(row[:, round(96 + time_s * scale)]), time_s
    assert ((image[..., 2] == 250) & (image[..., 1] == 10)).sum() > 50_000  # thumbnails


def test_every_kind_of_answer_can_be_drawn() -> None:
    of_chapters = Analysis("a.mkv", 0.0, (Segment(Label.RECAP, 0, 9),), "chapters")
    for made in (of_chapters, analysis(36_000.0), Analysis("", 5.0, (), window_s=2.0)):
        assert picture_of(made).shape[1] == WIDTH


def test_it_is_saved_whole(tmp_path: Path) -> None:
    save_picture(analysis(), tmp_path / "new" / "a.png")
    image = cv2.imread(str(tmp_path / "new" / "a.png"))
    assert image is not None
    assert (image == picture_of(analysis())).all()
    assert [f.name for f in (tmp_path / "new").iterdir()] == ["a.png"]
