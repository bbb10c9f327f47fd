"""The camera behind a homography, and the memory of a shot."""

import numpy as np
import pytest

from edge.registration.camera import CameraMemory, Pull, compose, decompose, fit, usual
from tests.registration.scenes import (
    HEIGHT,
    SOCCER,
    VIEWS,
    WIDTH,
    camera,
    project,
    visible_error_px,
)

SIZE = (WIDTH, HEIGHT)
# the scenes' pixels are square, whatever the picture's shape
SQUARE = {name: h for name, h in VIEWS.items() if name != "squeezed"}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", SQUARE)
def test_decompose_undoes_compose(name, sign):
    theta = decompose(sign * SQUARE[name], SIZE, 0.0)
    assert theta is not None
    assert visible_error_px(SQUARE[name], compose(theta, SIZE)) < 1e-6
    assert theta[7] > 0


def test_known_camera_is_read_back():
    theta = decompose(camera(at=(3.0, -70.0, 14.0), to=(3.0, 10.0), focal=1.7), SIZE, 0.0)
    assert np.allclose(theta[5:8], [3, -70, 14], atol=1e-6)
    assert np.isclose(np.exp(theta[0]), 1.7)
    assert np.allclose(theta[[2, 4]], 0, atol=1e-9)
    assert np.isclose(theta[3], np.arctan2(14, 80))


def test_squeezed_pixels_need_their_aspect():
    h = VIEWS["squeezed"]
    right = decompose(h, SIZE, np.log(1.3))
    wrong = decompose(h, SIZE, 0.0)
    assert np.allclose(right[5:8], [0, -80, 18])
    # a level camera's homography fits another place with other pixels just as well
    assert visible_error_px(h, compose(wrong, SIZE)) < 1e-6
    assert np.abs(wrong[5:8] - [0, -80, 18]).max() > 2


def test_no_camera_takes_a_random_homography():
    rng = np.random.default_rng(0)
    found = [decompose(rng.normal(size=(3, 3)), SIZE, 0.0) for _ in range(200)]
    exact = [t is not None and np.isfinite(t).all() and t[7] > 0 for t in found if t is not None]
    assert any(t is None for t in found)
    assert all(exact)


def pull_from(h, deviation=1.0, noise=0.0, seed=0, inner=0):
    """Grid keypoints in the picture (`inner` pixels from its sides), two measurements each."""
    rng = np.random.default_rng(seed)
    points = SOCCER.keypoints_m()
    seen = project(h, points)
    w = points @ h[2, :2] + h[2, 2]
    inside = (w > 0) & (seen > inner).all(1) & (seen < np.array([WIDTH, HEIGHT]) - inner).all(1)
    points, seen = points[inside], seen[inside] + rng.normal(0, noise, (inside.sum(), 2))
    n = len(points)
    return Pull(
        np.r_[points, points],
        np.r_[seen, seen],
        np.repeat(np.eye(2), n, axis=0),
        np.full(2 * n, deviation),
        np.ones(2 * n),
    )


@pytest.mark.parametrize("name", SQUARE)
def test_fit_mends_a_disturbed_camera(name):
    h = SQUARE[name]
    theta = decompose(h, SIZE, 0.0)
    rng = np.random.default_rng(2)
    off = theta + rng.normal(0, 1, 9) * [0.03, 0.002, 0.01, 0.005, 0.003, 1.0, 2.0, 0.5, 0.002]
    end, information = fit(off, pull_from(h, deviation=0.3), usual(SIZE), SIZE, iterations=12)
    assert visible_error_px(h, compose(end, SIZE)) < 0.25 * visible_error_px(h, compose(off, SIZE))
    assert np.linalg.eigvalsh(information).min() > -1e-6


def test_wild_measurements_do_not_pull():
    h = SQUARE["middle"]
    pull = pull_from(h, deviation=0.5)
    pull.image_px[::7] += 60
    end, _ = fit(decompose(h, SIZE, 0.0), pull, usual(SIZE), SIZE)
    assert visible_error_px(h, compose(end, SIZE)) < 0.3


@pytest.mark.parametrize(
    ("size", "aspect"),
    [((1280, 720), 0.0), ((640, 480), 0.0), ((360, 640), 0.0), ((512, 512), np.log(16 / 9))],
)
def test_usual_aspect(size, aspect):
    assert np.isclose(usual(size).mean[1], aspect)


def shot(memory, rng, frames, at=(2.0, -72.0, 15.0)):
    """A camera that pans and zooms over the field; each frame adds its noisy estimate."""
    for k in range(frames):
        h = camera(at=at, to=(30 * np.sin(k / 7), 3.0), focal=1.6 + 0.8 * np.cos(k / 11))
        pull = pull_from(h, deviation=0.7, noise=0.7, seed=int(rng.integers(1e6)))
        theta, information = fit(decompose(h, SIZE, 0.0), pull, memory.prior(usual(SIZE)), SIZE)
        memory.add(theta, information)


def test_memory_finds_the_cameras_place():
    memory = CameraMemory()
    rng = np.random.default_rng(4)
    shot(memory, rng, 60)
    prior = memory.prior(usual(SIZE))
    assert np.abs(prior.mean[5:8] - [2.0, -72.0, 15.0]).max() < 0.8
    deviation = np.sqrt(np.diag(np.linalg.inv(prior.information)))
    assert (deviation[5:8] < 1.5).all()


def test_memory_steadies_a_frame_that_shows_little():
    rng = np.random.default_rng(5)
    memory = CameraMemory()
    shot(memory, rng, 60)
    h = camera(at=(2.0, -72.0, 15.0), to=(20.0, 8.0), focal=1.9)
    alone, together = [], []
    for seed in range(30):
        pull = pull_from(h, deviation=1.5, noise=1.5, seed=seed, inner=60)
        start = decompose(h, SIZE, 0.0)
        for prior, out in ((usual(SIZE), alone), (memory.prior(usual(SIZE)), together)):
            theta, _ = fit(start, pull, prior, SIZE)
            # the whole field, also what lies outside the picture: there the place counts
            corners = np.array([[-52.5, 34], [52.5, 34], [0, 34.0]])
            out.append(np.abs(project(compose(theta, SIZE), corners) - project(h, corners)).mean())
    assert np.median(together) < np.median(alone)


def test_memory_needs_three_frames_and_can_forget():
    memory = CameraMemory(patience=4)
    known = usual(SIZE)
    assert memory.prior(known) is known
    shot(memory, np.random.default_rng(6), 5)
    assert memory.prior(known) is not known
    for _ in range(3):
        memory.contradict()
    assert memory.frames == 5
    memory.contradict()
    assert memory.frames == 0
    assert memory.prior(known) is known
