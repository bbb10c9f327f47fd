from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture import RenderedMatch, Truth, open_source, render_clip
from edge.capture.rendered.director import WIPE_S, RenderedShot, shots
from edge.capture.rendered.match import Match
from edge.capture.rendered.match_camera import RenderedCamera
from edge.capture.rendered.ptz import Eased, Mount, Ptz
from edge.errors import SourceError
from edge.fields import load_field, polylines
from edge.geometry import apply_homography
from edge.types import ImageArray

FIELD = load_field("soccer")
CAMERA = RenderedCamera((4.0, -88.0, 18.0), 12.0, 79.0, 0.4, 900.0, 640, 360)


def rendered(seed: int, frames: int, **options: int) -> list[tuple[ImageArray, Truth]]:
    match = RenderedMatch(seconds=frames / 25, fps=25, width=640, height=360, seed=seed, **options)
    shown = []
    for frame in match:
        assert match.truth is not None
        assert match.truth.index == frame.index
        shown.append((frame.image, match.truth))
    assert len(shown) == frames
    return shown


def test_a_camera_projects_as_its_homography_says() -> None:
    points = np.array([[0.0, 0.0], [20.0, 30.0], [-10.0, -20.0]])
    pixels, depth = CAMERA.project(np.column_stack([points, np.zeros(3)]))
    np.testing.assert_allclose(apply_homography(CAMERA.image_from_field, points), pixels)
    back = apply_homography(CAMERA.field_from_image, pixels)
    np.testing.assert_allclose(back, points, atol=1e-9)
    assert (depth > 0).all()
    assert CAMERA.field_from_image[2, 2] == 1.0


@pytest.mark.parametrize(
    ("camera", "point_m", "pixel"),
    [
        # looking level along +y: the point ahead lies in the middle
        (RenderedCamera((0, -50, 2), 0, 90, 0, 500, 101, 51), (0, 0, 2), (50, 25)),
        # 5 m to the right at 50 m: 50 px to the right; 1 m up: 10 px up
        (RenderedCamera((0, -50, 2), 0, 90, 0, 500, 101, 51), (5, 0, 3), (100, 15)),
        # panned to +x it looks along +x
        (RenderedCamera((0, 0, 2), 90, 90, 0, 500, 101, 51), (50, 0, 2), (50, 25)),
        # straight down: +y is up in the picture
        (RenderedCamera((0, 0, 50), 0, 0, 0, 500, 101, 51), (1, 2, 0), (60, 5)),
        # rolled clockwise by 90 degrees: what was to the right is now up
        (RenderedCamera((0, -50, 2), 0, 90, 90, 500, 101, 51), (5, 0, 2), (50, -25)),
    ],
)
def test_a_camera_looks_where_its_angles_say(
    camera: RenderedCamera, point_m: tuple[float, ...], pixel: tuple[float, float]
) -> None:
    pixels, depth = camera.project([point_m])
    np.testing.assert_allclose(pixels[0], pixel, atol=1e-9)
    assert depth[0] > 0


def test_an_eased_value_arrives_without_overshoot() -> None:
    eased = Eased(0.0, 1.0)
    path = [eased.follow(10.0, 0.04) for _ in range(150)]
    assert path == sorted(path)
    assert path[-1] == pytest.approx(10.0, abs=1e-3)
    coarse = Eased(0.0, 1.0)
    assert [coarse.follow(10.0, 0.4) for _ in range(15)] == pytest.approx(path[9::10])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_frames_and_another_seed_others() -> None:
    first, again, other = (rendered(seed, 3) for seed in (4, 4, 5))
    for (a, truth_a), (b, truth_b) in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
        assert truth_a == truth_b
    assert not np.array_equal(first[0][0], other[0][0])


def test_the_painted_lines_lie_where_the_truth_says() -> None:
    """Bright paint is found under the projected lines, and not half a metre beside them."""
    hits, misses = [], []
    for seed in range(2):
        for image, truth in rendered(seed, 1, cutaways=0):
            assert truth.camera is not None
            light = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
            on = light_under(light, truth.camera, 0.0)
            near = light_under(light, truth.camera, 0.7)
            hits.append(np.mean(on > near + 6))
            misses.append(np.mean(near > on + 6))
    assert min(hits) > 0.55, hits
    assert max(misses) < 0.2, misses


def light_under(light: np.ndarray, camera: RenderedCamera, aside_m: float) -> np.ndarray:
    """Brightness at points of the long lines, or beside them, in the picture's lower part."""
    points = np.concatenate(polylines(FIELD, 0.5)[:5])
    pixels = apply_homography(camera.image_from_field, points)
    away = apply_homography(camera.image_from_field, points + aside_m)
    inside = (pixels > (5, 120)).all(axis=1) & (pixels < (634, 354)).all(axis=1)
    maps = away[inside].astype(np.float32)[:, None]
    # the brightest of three by three: a far line is thinner than a pixel
    grown = cv2.dilate(light, np.ones((3, 3), np.uint8))
    return cv2.remap(grown, maps, None, cv2.INTER_LINEAR)[:, 0]


def test_every_shot_says_what_it_shows() -> None:
    kinds = set()
    match = RenderedMatch(seconds=24, fps=5, width=128, height=72)
    for frame in match:
        truth = match.truth
        assert truth is not None
        assert frame.image.shape == (72, 128, 3)
        assert (truth.field_from_image is None) == (truth.shot != "main")
        kinds.add(truth.shot)
    assert kinds >= {"main", "close_up", "crowd"}


def test_the_main_camera_stands_as_a_main_stand_does() -> None:
    for seed in range(40):
        mount = Mount.draw(68.0, np.random.default_rng(seed))
        assert 40 <= -mount.position_m[1] - 34 <= 70
        assert 15 <= mount.position_m[2] <= 25


def test_the_camera_keeps_the_play_in_the_picture_and_its_zoom_in_bounds() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        match = Match(105.0, 68.0, rng)
        ptz = Ptz(Mount.draw(68.0, rng), (640, 360), match.ball_m, rng)
        seen = 0
        for _ in range(500):
            match.step(1 / 25)
            half = np.array([52.5, 34.0])
            camera = ptz.follow(match.ball_m, match.ball_velocity_ms, half, 1 / 25)
            pixel, _ = camera.project([[*match.ball_m[:2], 0.0]])
            seen += bool((pixel > 0).all() and (pixel < (640, 360)).all())
            assert 1.2 <= camera.focal_px / 640 <= 4.0
            assert 60 < camera.tilt_deg < 90
        assert seen > 460


def test_players_and_ball_stay_about_the_field() -> None:
    match = Match(105.0, 68.0, np.random.default_rng(3))
    fastest = 0.0
    for _ in range(1500):
        match.step(0.04)
        assert (np.abs(match.people_m) < (60, 42)).all()
        assert (np.abs(match.ball_m[:2]) < (56, 37)).all()
        assert 0 <= match.ball_m[2] < 20
        fastest = max(fastest, float(np.linalg.norm(match.velocity_ms, axis=1).max()))
    assert 5 < fastest < 9


@pytest.mark.parametrize("cutaways", [True, False])
def test_a_programme_has_no_gaps(cutaways: bool) -> None:
    plan = shots(np.random.default_rng(0), cutaways=cutaways)
    first: list[RenderedShot] = [next(plan) for _ in range(20)]
    assert first[0].kind == "main"
    assert not first[0].wipe
    if not cutaways:
        assert first[0].end_s == float("inf")
        return
    for a, b in pairwise(first):
        assert a.end_s == b.start_s
        assert a.end_s - a.start_s > 2 * WIPE_S
        assert (a.kind == "main") != (b.kind == "main")


def test_a_clip_and_its_truth_are_written_together(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    clip, truth = tmp_path / "clip.mp4", tmp_path / "clip.jsonl"
    count = render_clip(
        clip,
        seconds=0.4,
        fps=25,
        width=320,
        height=180,
        truth=truth,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert count == 10
    assert seen == [(n, 10) for n in range(1, 11)]
    lines = [json.loads(line) for line in truth.read_text().splitlines()]
    with open_source(clip) as source:
        frames = list(source)
    match = RenderedMatch(seconds=0.4, fps=25, width=320, height=180)
    for frame, line, original in zip(frames, lines, match, strict=True):
        assert line["frame"] == frame.index
        assert line["pts_s"] == pytest.approx(frame.pts_s, abs=1e-4)
        assert match.truth is not None
        assert match.truth.field_from_image is not None
        np.testing.assert_allclose(
            np.reshape(line["field_from_image"], (3, 3)), match.truth.field_from_image
        )
        difference = np.abs(frame.image.astype(int) - original.image.astype(int))
        assert difference.mean() < 8
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.jsonl", "clip.mp4"]


def test_an_interrupted_clip_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_clip(
            tmp_path / "clip.mp4",
            seconds=1,
            width=64,
            height=48,
            truth=tmp_path / "t.jsonl",
            progress=stop,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.process
def test_the_module_can_be_run(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    command = [sys.executable, "-m", "edge.capture.rendered", str(clip), "--seconds", "0.2"]
    done = subprocess.run(
        [*command, "--width", "64", "--height", "48"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with open_source(clip) as source:
        assert len(list(source)) == 6
    failed = subprocess.run([*command, "--fps", "0"], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr == "rendered:soccer: fps=0: must lie between 1 and 240\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"width": 10}, "width=10: must lie between 64 and 3840"),
        ({"height": 5000}, "height=5000: must lie"),
        ({"fps": float("nan")}, "fps=nan: must lie"),
        ({"seconds": 0}, "seconds=0: must lie"),
        ({"seed": -1}, "seed=-1: must lie"),
        ({"sport": "tennis"}, "rendered:tennis: only soccer is rendered"),
    ],
)
def test_a_match_that_cannot_be_rendered(options: dict[str, object], error: str) -> None:
    with pytest.raises(SourceError, match=error):
        RenderedMatch(**options)  # type: ignore[arg-type]


def test_live_frames_carry_the_hosts_clock() -> None:
    before_ns = time.time_ns()
    with open_source("rendered:soccer?width=64&height=48&seconds=0.1&live=1") as source:
        assert source.info.live
        frames = list(source)
    assert {f.clock_source for f in frames} == {"host"}
    for frame in frames:
        assert frame.capture_ns >= before_ns + frame.index / 30 * 1e9, "no sooner than its time"
