"""HDR and wide colour become what the same scene is in SDR, and are named; grey films are named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from edge.capture import open_source
from edge.capture.hdr import ToneMapper, coding_of
from edge.types import ImageArray
from tests.capture.media import make_video

pytestmark = pytest.mark.process

COLOURS = np.array(
    [[30, 30, 30], [90, 90, 90], [180, 180, 180], [40, 120, 60], [160, 60, 40], [40, 50, 150],
     [60, 160, 170], [120, 110, 40]],
    np.uint8,
)  # fmt: skip
CURVES = {"PQ": "smpte2084", "HLG": "arib-std-b67", "BT.2020": "2020_10"}


def bars() -> ImageArray:
    return np.ascontiguousarray(np.repeat(np.repeat(COLOURS[None], 20, 1), 64, 0))


def film(path: Path, curve: str | None, frames: int = 3, image: ImageArray | None = None) -> Path:
    """The colour bars as a film: in SDR, or as a camera of HDR shows the same light."""
    pixels = bars() if image is None else image
    tags = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    to_sdr = f"scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,{tags}"
    light = "zscale=t=linear:npl=203,format=gbrpf32le," if curve != "BT.2020" else ""
    level = ":npl=203" if curve != "BT.2020" else ""
    to_hdr = (
        f",{light}zscale=p=bt2020:t={CURVES[curve]}:m=bt2020nc:r=tv{level},format=yuv420p10le"
        if curve is not None
        else ""
    )
    height, width = pixels.shape[:2]
    subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s",
         f"{width}x{height}", "-r", "25", "-i", "-", "-vf", to_sdr + to_hdr, "-c:v", "libx264",
         "-crf", "4", path],
        input=pixels.tobytes() * frames, check=True,
    )  # fmt: skip
    return path


def colours(path: Path) -> np.ndarray:
    with open_source(path) as source:
        images = [frame.image for frame in source]
    return np.array([images[-1][32, 20 * n + 10] for n in range(len(COLOURS))], float)


@pytest.mark.parametrize("curve", CURVES)
def test_hdr_shows_the_colours_of_sdr(tmp_path: Path, curve: str) -> None:
    shown = colours(film(tmp_path / "hdr.mkv", curve))
    plain = colours(film(tmp_path / "sdr.mkv", None))
    raw = untouched(tmp_path / "hdr.mkv")
    assert np.abs(plain - COLOURS).max() < 6
    assert np.abs(shown - plain).mean() < 9
    assert np.abs(shown - plain).mean() < 0.5 * np.abs(raw - plain).mean()


def untouched(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        image = next(container.decode(video=0)).to_ndarray(format="bgr24")
    return np.array([image[32, 20 * n + 10] for n in range(len(COLOURS))], float)


@pytest.mark.parametrize("curve", CURVES)
def test_hdr_is_named_in_the_log_and_the_account(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, curve: str
) -> None:
    with open_source(film(tmp_path / "hdr.mkv", curve)) as source:
        list(source)
    assert source.note is not None
    assert curve in source.note
    assert "converted to SDR" in source.note
    assert caplog.text.count("converted to SDR") == 1


def test_sdr_is_neither_changed_nor_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = film(tmp_path / "sdr.mkv", None)
    with open_source(path) as source:
        images = [frame.image for frame in source]
    with av.open(str(path)) as container:
        for image, frame in zip(images, container.decode(video=0), strict=True):
            np.testing.assert_array_equal(image, frame.to_ndarray(format="bgr24"))
    assert source.note is None
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("curve", "primaries", "coding"),
    [(16, 9, "PQ"), (16, 2, "PQ"), (18, 9, "HLG"), (14, 9, "BT.2020"), (1, 1, None), (2, 2, None)],
)
def test_codings_are_told_by_their_numbers(curve: int, primaries: int, coding: str | None) -> None:
    assert coding_of(curve, primaries) == coding


@pytest.mark.parametrize("coding", ["PQ", "HLG", "BT.2020"])
def test_greys_stay_grey_and_in_order(coding: str) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    shown = ToneMapper(coding, 9).map(np.repeat(ramp, 40, 0))  # type: ignore[arg-type]
    assert np.ptp(shown.astype(int), axis=2).max() <= 2
    assert (np.diff(shown[0, :, 1].astype(int)) >= 0).all()
    assert shown[0, 0, 1] == 0
    assert shown[0, 255, 1] >= 250


@pytest.mark.parametrize(("colour", "named"), [(0, True), (60, False)])
def test_a_grey_film_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, colour: int, *, named: bool
) -> None:
    image = np.full((64, 160, 3), 120, np.uint8)
    image[:, 80:, 1] += colour
    with open_source(film(tmp_path / "grey.mkv", None, 60, image)) as source:
        list(source)
    assert ("the film has no colour" in caplog.text) is named


def test_dark_frames_and_short_clips_are_not_called_grey(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_source(film(tmp_path / "dark.mkv", None, 60, np.zeros((64, 160, 3), np.uint8))) as s:
        list(s)
    with open_source(make_video(tmp_path / "short.mp4", 40)) as source:
        list(source)
    assert caplog.text == ""
