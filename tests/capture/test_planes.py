"""Pictures left as the decoder has them: what they become must be what FFmpeg makes of them."""

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame

from edge.capture.decode import upright
from edge.capture.planes import Planes, converted, planes
from edge.registration.picture import prepare
from edge.types import Frame

BT709, UNSAID, BT470, BT601, BT2020, YCGCO = 1, 2, 5, 6, 9, 8
UNSAID_RANGE, LIMITED, FULL = 0, 1, 2


def coloured(width, height, colorspace=UNSAID, color_range=UNSAID_RANGE, pixels="yuv420p"):
    """A frame of soft patches in all colours, none so strong that a channel is cut off."""
    rng = np.random.default_rng(width + colorspace)
    patches = rng.integers(70, 180, (6, 8, 3)).astype(np.uint8)
    image = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)
    frame = VideoFrame.from_ndarray(image, format="bgr24").reformat(format=pixels)
    frame.colorspace, frame.color_range = colorspace, color_range
    return frame


def view(frame):
    found = planes(frame)
    assert found is not None
    return found


def apart(a, b):
    """How far two pictures are apart: the mean of the levels, and the most."""
    assert a.shape == b.shape
    difference = np.abs(a.astype(int) - b)
    return difference.mean(), difference.max()


@pytest.mark.parametrize("colorspace", [BT709, UNSAID, BT470, BT601, BT2020])
@pytest.mark.parametrize("color_range", [UNSAID_RANGE, LIMITED, FULL])
def test_colours_are_those_of_ffmpeg(colorspace, color_range):
    frame = coloured(640, 360, colorspace, color_range)
    ours = view(frame).reduced(2)
    theirs = cv2.resize(converted(frame), (320, 180), interpolation=cv2.INTER_AREA)
    mean, most = apart(ours, theirs)
    assert mean < 1.5
    assert most <= 4  # FFmpeg rounds down, three times


@pytest.mark.parametrize(("size", "factor"), [((1280, 720), 2), ((1920, 1080), 3), ((768, 384), 6)])
def test_the_reduced_picture_is_that_of_the_whole(size, factor):
    frame = coloured(*size)
    small = (size[0] // factor, size[1] // factor)
    theirs = cv2.resize(converted(frame), small, interpolation=cv2.INTER_AREA)
    mean, most = apart(view(frame).reduced(factor), theirs)
    assert mean < 1.5
    assert most <= 4


def test_levels_of_the_full_range_are_told_by_the_format_too():
    frame = coloured(64, 64, pixels="yuvj420p")
    theirs = cv2.resize(converted(frame), (32, 32), interpolation=cv2.INTER_AREA)
    assert apart(view(frame).reduced(2), theirs)[1] <= 4


def test_a_sample_is_that_of_the_whole_picture():
    frame = coloured(1280, 720)
    assert apart(view(frame).sampled(16), converted(frame)[::16, ::16])[1] <= 3


@pytest.mark.parametrize("size", [(1281, 720), (1280, 721), (1282, 720), (1002, 562)])
def test_sizes_that_do_not_come_out_even_are_reduced_as_a_whole(size):
    factor = 3 if size == (1002, 562) else 2
    frame = coloured(*size)
    even = size[0] % factor == 0 and size[1] % factor == 0
    assert (view(frame).reduced(factor) is None) is not even
    assert view(frame).reduced(1) is None
    assert view(frame).shape == (size[1], size[0], 3)
    assert view(frame).sampled(16).shape == converted(frame)[::16, ::16].shape
    np.testing.assert_array_equal(view(frame).bgr(), converted(frame))


@pytest.mark.parametrize("pixels", ["yuv422p", "yuv444p", "yuv420p10le", "nv12", "gray", "rgb24"])
def test_other_formats_become_bgr_at_once(pixels):
    frame = coloured(128, 72, pixels=pixels)
    assert planes(frame) is None
    np.testing.assert_array_equal(upright(frame), converted(frame))


def test_a_colour_space_that_is_not_known_becomes_bgr_at_once():
    assert planes(coloured(128, 72, YCGCO)) is None


def test_a_frame_gives_its_picture_once_converted():
    decoded = coloured(128, 72)
    frame = Frame(upright(decoded), 0, None, 0, 0)
    assert isinstance(frame.view, Planes)
    assert frame.size == (128, 72)
    np.testing.assert_array_equal(frame.image, converted(decoded))
    assert frame.image is frame.image


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (854, 480), (1001, 563)])
@pytest.mark.parametrize("paint", ["bright", "dark"])
def test_the_registrar_is_given_the_same_picture_either_way(size, paint):
    frame = coloured(*size)
    inputs = np.zeros((2, 1, 192, 320, 3), np.uint8)
    whole = prepare(converted(frame), inputs[0], paint)
    left = prepare(view(frame), inputs[1], paint)
    assert apart(inputs[0], inputs[1])[0] < 1.5
    assert apart(whole.grey, left.grey)[0] < 1.5
    assert (left.width, left.height) == size
    np.testing.assert_array_equal(whole.check_from_net, left.check_from_net)
