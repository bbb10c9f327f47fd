from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edge.capture import LiveReader, ReadAhead, SourceBackoff, SourceLinkState, open_source
from edge.errors import SourceError
from tests.capture.media import damage, make_video, number_of, numbered, write_picture

_FAST = SourceBackoff(0.01, 1.0, 0.01)


def test_reading_ahead_loses_nothing(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", 50)
    with ReadAhead(open_source(video), depth=3) as reader:
        frames = list(reader)
        counts = reader.counts
        assert reader.info.frames == 50
    assert [number_of(f.image) for f in frames] == list(range(50))
    assert (counts.captured, counts.processed, counts.waiting) == (50, 50, 0)
    monotonic = [f.monotonic_ns for f in frames]
    assert monotonic == sorted(monotonic)


def test_reading_ahead_passes_on_what_the_source_tells(tmp_path: Path) -> None:
    video = damage(make_video(tmp_path / "a.mp4", 40), range(12, 14))
    with ReadAhead(open_source(video)) as reader:
        assert len(list(reader)) == 38
        assert reader.corrupt == 2
        assert reader.note is None


def test_reading_ahead_may_be_left_at_any_time(tmp_path: Path) -> None:
    reader = ReadAhead(open_source(make_video(tmp_path / "a.mp4", 50)), depth=2)
    next(iter(reader))
    reader.close()
    reader.close()
    counts = reader.counts
    assert counts.processed == 1
    assert 1 <= counts.captured <= 5, "the queue is bounded"
    assert counts.captured == counts.processed + sum(counts.dropped.values())
    assert list(reader) == []


def test_whoever_waits_for_a_frame_is_woken_by_close(tmp_path: Path) -> None:
    source = open_source("rendered:soccer?width=64&height=48&fps=1&seconds=100&live=1&cutaways=0")
    reader = ReadAhead(source)
    frames = iter(reader)
    next(frames)
    got: list[object] = []
    waiter = threading.Thread(target=lambda: got.append(next(frames, None)))
    waiter.start()
    reader.close()
    waiter.join(90)
    assert not waiter.is_alive()


def test_an_error_comes_where_its_frame_would_have_come(tmp_path: Path) -> None:
    class Breaking:
        """A source that breaks after two frames, as a disk that is pulled out."""

        def __init__(self) -> None:
            self._source = open_source(make_video(tmp_path / "a.mp4", 5))
            self.info, self.corrupt, self.note = self._source.info, 0, None
            self._left = 2

        def read(self) -> object:
            if not self._left:
                raise SourceError("the disk is gone")
            self._left -= 1
            return self._source.read()

        def close(self) -> None:
            self._source.close()

    with ReadAhead(Breaking()) as reader:  # type: ignore[arg-type]
        frames = iter(reader)
        assert next(frames).index == 0
        assert next(frames).index == 1
        with pytest.raises(SourceError, match="the disk is gone"):
            next(frames)


def test_a_live_reader_accounts_for_every_frame() -> None:
    open_ = partial(
        open_source, "rendered:soccer?width=64&height=48&fps=120&seconds=0.5&live=1&cutaways=0"
    )
    with LiveReader(open_) as reader:
        indices = []
        while not reader.ended:
            frame = reader.get(5)
            if frame is not None:
                indices.append(frame.index)
        counts = reader.counts
        assert reader.info is not None
        assert reader.info.live
        assert reader.state is SourceLinkState.ENDED
    assert indices == sorted(set(indices))
    assert counts.captured == 60
    assert counts.processed == len(indices)
    assert counts.captured == counts.processed + sum(counts.dropped.values())


def test_a_reader_that_is_closed_drops_what_is_left() -> None:
    open_ = partial(open_source, "rendered:soccer?width=64&height=48&fps=60&live=1&cutaways=0")
    reader = LiveReader(open_, first=open_())
    assert reader.get(10) is not None
    reader.close()
    reader.close()
    assert reader.ended
    assert reader.get(0) is None
    counts = reader.counts
    assert counts.captured == counts.processed + sum(counts.dropped.values())


def test_a_source_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    video = tmp_path / "later.mp4"
    with LiveReader(partial(open_source, video), backoff=_FAST) as reader:
        assert reader.get(0.2) is None
        while reader.failures < 2:
            assert reader.get(0.01) is None
        assert reader.last_error is not None
        assert reader.info is None
        assert not reader.ended
        make_video(tmp_path / "ready.mp4", 10).rename(video)
        frame = reader.get(30)
        while frame is None:
            frame = reader.get(30)
        assert reader.info is not None


def test_a_frozen_picture_is_a_broken_connection(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / f"{number}.png", np.full((32, 32, 3), 90, np.uint8))
    open_ = partial(open_source, tmp_path)
    with LiveReader(open_, backoff=_FAST, frozen_after_s=0.0) as reader:
        while reader.failures < 2:
            reader.get(0.05)
        assert not reader.ended
    with LiveReader(open_, backoff=_FAST, frozen_after_s=60.0) as reader:
        while not reader.ended:
            reader.get(0.05)
        assert reader.failures == 0


def test_numbers_go_on_over_a_reconnection(tmp_path: Path) -> None:
    for number in range(4):
        write_picture(tmp_path / f"{number}.png", numbered(number if number < 3 else 2))
    with LiveReader(partial(open_source, tmp_path), backoff=_FAST, frozen_after_s=0.0) as reader:
        indices = []
        while len(indices) < 3 or indices[-1] < 8:
            frame = reader.get(5)
            if frame is not None:
                indices.append(frame.index)
    assert indices == sorted(set(indices))
