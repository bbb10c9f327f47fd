from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.capture import open_source
from edge.capture.rendered.match_camera import RenderedCamera
from edge.errors import SourceError
from edge.fields import FIELD_NAMES, load_field
from edge.overlay import (
    COLOURS,
    Overlay,
    OverlayVideo,
    contact_sheet,
    describe,
    draw_overlay,
)
from edge.types import ImageArray, Quality, Registration, RegistrationState, RejectionReason

FIELD = load_field("soccer")
CAMERA = RenderedCamera((5.0, -80.0, 18.0), 10.0, 80.0, 0.0, 900.0, 640, 360)
LOST = Registration(RegistrationState.LOST, RejectionReason.NO_FIELD)
GREY: ImageArray = np.full((360, 640, 3), 120, np.uint8)


def found(
    state: RegistrationState = RegistrationState.VERIFIED, camera: RenderedCamera = CAMERA
) -> Registration:
    quality = Quality(score=0.97, inliers=41, rms_px=0.8, expected_error_m=0.21)
    return Registration(state, field_from_image=camera.field_from_image, quality=quality)


def pixels_of(image: ImageArray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(image.astype(int) - colour).max(axis=2) < 30).sum())


@pytest.mark.parametrize("state", [s for s in RegistrationState if s is not RegistrationState.LOST])
def test_the_lines_have_the_states_colour(state: RegistrationState) -> None:
    overlay = Overlay(FIELD, bar=False, inset=False)
    image = overlay.draw(GREY, found(state))
    assert pixels_of(image, COLOURS[state]) > 300
    others = {s: pixels_of(image, COLOURS[s]) for s in RegistrationState if s is not state}
    assert max(others.values()) == 0, others


def test_the_lines_lie_where_the_homography_says() -> None:
    image = Overlay(FIELD, bar=False, inset=False).draw(GREY, found())
    for x_m in (0.0, 5.0):  # the halfway line, and between the lines
        pixel, _ = CAMERA.project([[x_m, 15.0, 0.0]])
        x, y = np.rint(pixel[0]).astype(int)
        green = pixels_of(image[y - 2 : y + 3, x - 2 : x + 3], COLOURS[RegistrationState.VERIFIED])
        assert (green > 0) == (x_m == 0.0)


def test_the_picture_given_stays_as_it_is() -> None:
    image = GREY.copy()
    drawn = draw_overlay(image, found(), FIELD)
    np.testing.assert_array_equal(image, GREY)
    assert drawn.shape == image.shape
    assert not np.array_equal(drawn, image)


def test_a_lost_frame_has_no_lines_but_says_why() -> None:
    np.testing.assert_array_equal(Overlay(FIELD, bar=False, inset=False).draw(GREY, LOST), GREY)
    drawn = Overlay(FIELD, inset=False).draw(GREY, LOST)
    assert pixels_of(drawn[:30], COLOURS[RegistrationState.LOST]) > 20
    np.testing.assert_array_equal(drawn[30:], GREY[30:])


@pytest.mark.parametrize(
    ("registration", "text"),
    [
        (LOST, "no field"),
        (Registration(RegistrationState.LOST, RejectionReason.FEW_KEYPOINTS), "few keypoints"),
        (found(), "score 0.97   41 keypoints   0.8 px   about 0.21 m"),
        (
            Registration(
                RegistrationState.HELD, field_from_image=np.eye(3), quality=Quality(0.5, 9)
            ),
            "score 0.50   9 keypoints",
        ),
    ],
)
def test_a_registration_in_words(registration: Registration, text: str) -> None:
    assert describe(registration) == text


@pytest.mark.parametrize("pan", [-25.0, 0.0, 25.0])
def test_the_mini_map_shows_the_visible_part(pan: float) -> None:
    camera = RenderedCamera((0.0, -80.0, 18.0), pan, 80.0, 0.0, 2000.0, 640, 360)
    plain = Overlay(FIELD, bar=False).draw(GREY, LOST)
    shown = Overlay(FIELD, bar=False).draw(GREY, found(camera=camera))
    # the shaded part; what little shines through from the lines below it is weaker
    changed = np.abs(shown[..., 1].astype(int) - plain[..., 1]) > 24
    changed[:250], changed[:, :478] = False, False  # the map lies at the bottom right
    columns = np.flatnonzero(changed.any(axis=0))
    middle = (columns.mean() - 555) / 75
    assert np.sign(round(middle, 1)) == np.sign(pan)


@pytest.mark.parametrize("name", sorted(FIELD_NAMES))
def test_every_field_can_be_drawn(name: str) -> None:
    field = load_field(name)
    camera = RenderedCamera(
        (0.0, -0.9 * field.width_m, 0.4 * field.width_m), 0, 65, 0, 500, 640, 360
    )
    drawn = draw_overlay(GREY, found(camera=camera), field)
    assert pixels_of(drawn, COLOURS[RegistrationState.VERIFIED]) > 100


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (16, 16), (90, 160), (360, 640), (1200, 170), (3840, 2160)]
)
@pytest.mark.parametrize("registration", [LOST, found()])
def test_any_size_can_be_drawn_on(width: int, height: int, registration: Registration) -> None:
    image = np.full((height, width, 3), 120, np.uint8)
    assert draw_overlay(image, registration, FIELD).shape == image.shape


@pytest.mark.parametrize(
    "homography",
    [np.eye(3), -np.eye(3), np.diag([1e-9, 1e-9, 1.0]), np.diag([1e9, 1e9, 1.0])],
)
def test_an_absurd_homography_breaks_nothing(homography: np.ndarray) -> None:
    registration = Registration(RegistrationState.VERIFIED, field_from_image=homography)
    assert draw_overlay(GREY, registration, FIELD).shape == GREY.shape


@pytest.mark.parametrize(
    ("count", "columns", "shape"),
    [(1, 4, (58, 108)), (3, 2, (112, 212)), (8, 4, (112, 420)), (2, 0, (112, 108))],
)
def test_a_contact_sheet_holds_all_pictures(
    count: int, columns: int, shape: tuple[int, int]
) -> None:
    images = [np.full((50, 100, 3), 40 + 20 * n, np.uint8) for n in range(count)]
    sheet = contact_sheet(images, columns=columns, tile_width=100, gap=4)
    assert sheet.shape[:2] == shape
    for n in range(count):
        assert (sheet == 40 + 20 * n).all(axis=2).sum() == 5000


def test_a_contact_sheet_of_unlike_pictures() -> None:
    images: list[ImageArray] = [
        np.full(s, 200, np.uint8) for s in ((50, 100, 3), (300, 20, 3), (1, 1, 3))
    ]
    assert contact_sheet(images, columns=3, tile_width=100).shape == (58, 316, 3)
    with pytest.raises(ValueError, match="no pictures"):
        contact_sheet([])


def test_an_overlay_video_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    with OverlayVideo(path, FIELD, fps=25) as video:
        for number in range(6):
            drawn = video.write(GREY, found() if number % 2 else LOST, text=f"frame {number}")
            assert drawn.shape == GREY.shape
        assert video.frames == 6
    with open_source(path) as source:
        frames = [f.image for f in source]
    assert len(frames) == 6
    lines = [float(np.abs(f[60:200].astype(int) - 120).mean()) for f in frames]
    assert min(lines[1::2]) > max(lines[::2]) + 2, "lines in every second picture"
    with pytest.raises(KeyError), OverlayVideo(tmp_path / "b.mp4", FIELD) as video:
        video.write(GREY, LOST, text={}["missing"])
    with pytest.raises(SourceError, match="cannot be written"):
        OverlayVideo(path / "x.mp4", FIELD)
    assert [p.name for p in tmp_path.iterdir()] == ["overlay.mp4"]
