"""A camera's process on loopback that is killed, stalls, freezes and changes its size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edge.capture import FreezeDetector, LiveReader, SourceBackoff, open_source
from edge.types import Frame
from tests.capture.faulty import FaultyCamera, encode, make_clips, noisy

pytestmark = pytest.mark.process

FAST = SourceBackoff(0.02, 1.0, 0.02)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clips(tmp_path_factory.mktemp("camera") / "clips")


@pytest.fixture
def camera(clips: Path) -> Iterator[FaultyCamera]:
    with FaultyCamera(clips) as running:
        yield running


def reader_of(camera: FaultyCamera, frozen_after_s: float | None = None) -> LiveReader:
    open_ = partial(open_source, camera.url, open_timeout_s=3.0, read_timeout_s=0.7)
    return LiveReader(
        open_, first=open_(), backoff=FAST, stall_s=0.7, frozen_after_s=frozen_after_s
    )


def read_until(reader: LiveReader, condition: Callable[[Frame | None], object]) -> Frame | None:
    """Read on until a look at the reader satisfies; the limit only ends a test that hangs."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        frame = reader.get(0.1)
        if condition(frame):
            return frame
    raise AssertionError(f"did not come; {reader.failures} failures, {reader.last_error}")


@pytest.mark.slow
def test_a_stream_that_is_killed_twenty_times_comes_back_each_time(clips: Path) -> None:
    camera = FaultyCamera(clips)
    indices = []
    with reader_of(camera) as reader:
        for _ in range(20):
            before = read_until(reader, lambda frame: frame is not None)
            assert before is not None
            assert reader.outage is None
            camera.kill()
            read_until(reader, lambda _: reader.outage is not None)
            camera = FaultyCamera(clips, camera.port)
            after = read_until(reader, lambda frame: frame is not None)
            assert after is not None
            indices += [before.index, after.index]
        counts, causes = reader.counts, reader.causes
    camera.kill()
    assert causes["closed"] + causes.get("silent", 0) == 20, causes
    assert sum(causes.values()) == reader.failures
    assert indices == sorted(set(indices)), "numbers go on, and no frame comes twice"
    assert counts.captured == counts.processed + counts.waiting + sum(counts.dropped.values())


def test_a_camera_that_stalls_with_its_connection_open_is_noticed(camera: FaultyCamera) -> None:
    with reader_of(camera) as reader:
        read_until(reader, lambda frame: frame is not None)
        camera.show("stall")
        read_until(reader, lambda _: reader.causes.get("silent"))
        assert reader.outage is not None
        camera.show("live")
        read_until(reader, lambda frame: frame is not None and reader.outage is None)


def test_a_frozen_picture_is_never_taken_for_live(camera: FaultyCamera) -> None:
    with reader_of(camera, frozen_after_s=0.8) as reader:
        live = [read_until(reader, lambda frame: frame is not None) for _ in range(60)]
        assert not any(frame.frozen for frame in live if frame is not None)
        camera.show("freeze")
        read_until(reader, lambda frame: frame is not None and frame.frozen)
        assert reader.outage is not None
        assert reader.outage.cause == "frozen"
        # over the new connection too, from its first picture on
        read_until(reader, lambda _: reader.failures)
        still = [read_until(reader, lambda frame: frame is not None) for _ in range(30)]
        assert all(frame.frozen for frame in still if frame is not None)
        assert reader.outage.cause == "frozen"
        camera.show("live")
        read_until(reader, lambda frame: frame is not None and not frame.frozen)
        assert reader.outage is None


def test_packets_that_give_no_picture_are_noticed(
    camera: FaultyCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.capture.rtsp._PATIENCE_S", 1.5)
    with reader_of(camera) as reader:
        read_until(reader, lambda frame: frame is not None)
        camera.show("garbage")
        read_until(reader, lambda _: reader.outage is not None and reader.outage.cause == "silent")
        read_until(reader, lambda _: reader.causes.get("undecodable"))
        camera.show("live")
        read_until(reader, lambda frame: frame is not None and reader.outage is None)


def test_a_stream_may_change_its_size(camera: FaultyCamera) -> None:
    with reader_of(camera) as reader:
        first = read_until(reader, lambda frame: frame is not None)
        assert first is not None
        assert first.image.shape == (192, 320, 3)
        camera.show("size")
        read_until(reader, lambda frame: frame is not None and frame.image.shape == (288, 480, 3))
        camera.show("live")
        read_until(reader, lambda frame: frame is not None and frame.image.shape == (192, 320, 3))


def decoded(pictures: list[np.ndarray]) -> list[np.ndarray]:
    import av

    codec = av.CodecContext.create("h264", "r")
    codec.thread_type = "SLICE"
    frames = [f for unit in encode(pictures) for f in codec.decode(av.Packet(unit))]
    return [frame.to_ndarray(format="bgr24") for frame in [*frames, *codec.decode(None)]]


def frozen_at(pictures: list[np.ndarray], fps: float, after_s: float = 1.0) -> int | None:
    detector = FreezeDetector(after_s)
    flags = [detector.frozen(picture, n / fps) for n, picture in enumerate(pictures)]
    return flags.index(True) if True in flags else None


def test_a_held_picture_is_found_through_an_encoder_with_key_frames() -> None:
    live, held = noisy(25, (320, 192)), noisy(1, (320, 192), seed=9) * 100
    found = frozen_at(decoded(live + held), 25)
    assert found is not None
    assert 25 + 25 <= found <= 25 + 75, "the encoder refines the picture for a second or so"


def test_film_shown_at_a_higher_rate_is_not_frozen() -> None:
    film = [picture for n, picture in enumerate(noisy(48, (320, 192))) for _ in range(2 + n % 2)]
    assert frozen_at(film, 60) is None


def test_faint_noise_is_live_and_a_camera_that_thaws_is_live_soon() -> None:
    rng = np.random.default_rng(3)
    grey = np.full((64, 64, 3), 90, np.uint8)
    pictures = [grey + (rng.random(grey.shape) < 0.05).astype(np.uint8) for _ in range(200)]
    assert frozen_at(pictures, 25) is None
    detector = FreezeDetector(1.0)
    held = [detector.frozen(pictures[0], n / 25) for n in range(100)]
    assert held[-1]
    thawed = [detector.frozen(p, 4 + n / 25) for n, p in enumerate(pictures)]
    assert thawed.index(False) < 40
    assert not any(thawed[40:])
