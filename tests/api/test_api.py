"""The public package, as a stranger uses it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import jsonschema
import numpy as np
import pytest
from PIL import Image as PilImage

import touchline
from edge.capture import RenderedMatch
from edge.types import Frame

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def frame():
    """A rendered soccer frame with its truth."""
    match = RenderedMatch("soccer", seconds=1, fps=10, width=640, height=360, cutaways=False)
    first = match.read()
    truth = match.truth
    match.close()
    return first.image, truth.field_from_image


@pytest.fixture(scope="module")
def registrar():
    with touchline.Registrar("soccer", engine="onnxruntime") as loaded:
        yield loaded


@pytest.fixture(scope="module")
def result(registrar, frame):
    return registrar(frame[0])


def test_a_picture_is_registered(result, frame):
    assert result
    assert result.state in {
        touchline.RegistrationState.VERIFIED,
        touchline.RegistrationState.REFINED,
    }
    centre = np.array([320, 200])
    q = frame[1] @ (*centre, 1)
    assert np.linalg.norm(result.to_field(centre) - q[:2] / q[2]) < 1.5
    assert 0 < result.error_m(centre) < 3
    assert result.image_size == (640, 360)
    assert result.field.name == "soccer"


def test_points_go_there_and_back(result):
    points = np.array([[100.0, 300.0], [320.0, 200.0]])
    there = result.to_field(points)
    assert there.shape == (2, 2)
    np.testing.assert_allclose(result.to_image(there), points, atol=1e-6)
    assert result.error_m(points).shape == (2,)
    assert result.to_field([320, 200]).shape == (2,)


def test_points_of_a_wrong_shape_are_refused(result):
    with pytest.raises(touchline.UsageError, match="points of shape"):
        result.to_field([1, 2, 3])


def test_the_visible_area_lies_on_the_field(result):
    area = result.visible_area
    assert len(area) >= 3
    assert (np.abs(area) <= np.array([105, 68]) / 2 + 0.3).all()


def test_a_drawing_is_a_new_picture_of_the_same_size(result, frame):
    image = frame[0]
    before = image.copy()
    drawn = result.draw(image)
    assert drawn.shape == image.shape
    assert (drawn != image).any()
    assert (image == before).all()
    with pytest.raises(touchline.UsageError, match="640x360"):
        result.draw(image[:100])


def test_a_dictionary_is_a_record_of_the_schema(result):
    data = result.to_dict()
    schema = json.loads((ROOT / "configs/schema/registration.v1.schema.json").read_text())
    jsonschema.validate(json.loads(json.dumps(data)), schema)
    assert data["schema"] == "touchline.registration/1"
    assert data["image_size"] == [640, 360]
    assert data["field"] == {"name": "soccer", "length_m": 105.0, "width_m": 68.0}
    np.testing.assert_allclose(
        np.reshape(data["field_from_image"], (3, 3)), result.field_from_image
    )


def as_path(image, folder):
    path = folder / "still: 100%.png"
    cv2.imwrite(str(path), image)
    return path


SAME = {
    "path": as_path,
    "text": lambda image, folder: str(as_path(image, folder)),
    "PIL": lambda image, _: PilImage.fromarray(image[:, :, ::-1]),
    "float": lambda image, _: image.astype(np.float32) / 255,
    "uint16": lambda image, _: image.astype(np.uint16) * 257,
    "BGRA": lambda image, _: np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]),
    "not contiguous": lambda image, _: np.asfortranarray(image),
}


@pytest.mark.parametrize("form", SAME)
def test_any_form_of_a_picture_has_the_same_answer(form, registrar, result, frame, tmp_path):
    answer = registrar(SAME[form](frame[0], tmp_path))
    np.testing.assert_allclose(answer.field_from_image, result.field_from_image)


def test_a_grey_picture_is_taken(registrar, frame):
    grey = cv2.cvtColor(frame[0], cv2.COLOR_BGR2GRAY)
    assert registrar(grey).image_size == registrar(grey[:, :, None]).image_size == (640, 360)


REFUSED = [
    (np.zeros((3, 360, 640), np.uint8), "transpose"),
    (np.zeros((2, 360, 640, 3), np.uint8), "one by one"),
    (np.zeros((0, 640, 3), np.uint8), "empty"),
    (np.zeros((360, 640, 3), np.int64), "int64"),
    (np.zeros((360, 640, 3), bool), "bool"),
    (np.full((360, 640, 3), 255.0), "scale it"),
    (np.full((360, 640, 3), np.nan), "finite"),
    (np.zeros(12, np.uint8), "shape"),
    (np.full((360, 640, 3), -0.5), "scale it"),
    (np.zeros((360, 640, 3), object), "object"),
    (np.zeros((360, 640, 2), np.uint8), "shape"),
    (None, "NoneType.*cv2.imread"),
    (b"bytes", "bytes.*BytesIO"),
    (io.BytesIO(b"bytes"), "BytesIO.*PIL"),
    ([[0, 0], [0, 0]], "list.*one by one"),
    (["a.png", "b.png"], "list.*one by one"),
    (iter([]), "one by one"),
    (memoryview(b"1"), "memoryview"),
    (Frame(np.zeros((2, 2, 3), np.uint8), 0, 0.0, 0, 0), "Frame.*frame.image"),
    (3, "int"),
    ("", "empty"),
    ("https://user:secret@example.com/a.jpg", "example.com/a.jpg: .*download"),
    ("rtsp://user:secret@camera/stream", "camera/stream: .*touchline.track"),
    ("s3://bucket/a.jpg", "download"),
]


@pytest.mark.parametrize(("picture", "word"), REFUSED)
def test_what_is_no_picture_is_refused_in_a_sentence(picture, word, registrar):
    with pytest.raises(touchline.UsageError, match=word) as error:
        registrar(picture)
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_the_array_of_another_library_is_named(registrar):
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            return np.zeros((2, 2, 3), np.uint8)

    with pytest.raises(touchline.UsageError, match=r"Tensor.*numpy\.asarray"):
        registrar(Tensor())


def test_a_float_picture_may_round_beyond_its_ends(registrar, frame, result):
    picture = frame[0].astype(np.float32) / 255
    picture[0, 0], picture[0, 1] = -0.004, 1.004
    np.testing.assert_allclose(
        registrar(picture).field_from_image, result.field_from_image, atol=1e-3
    )


def test_points_that_are_no_numbers_are_refused(result):
    for points in ("x", None, [[1, 2], [3]], [["a", "b"]], [{}, {}]):
        with pytest.raises(touchline.UsageError, match="points"):
            result.to_field(points)


def test_a_closed_registrar_says_so():
    registrar = touchline.Registrar("soccer", engine="onnxruntime")
    registrar.close()
    registrar.close()
    picture = np.zeros((36, 64, 3), np.uint8)
    for call in (lambda: registrar(picture), lambda: registrar.track(picture), registrar.reset):
        with pytest.raises(touchline.UsageError, match="closed: make a new one"):
            call()


def test_threads_share_a_registrar(registrar, frame, result):
    """Each has the answer of its own picture, whatever the others ask meanwhile."""
    answers: dict[int, list[touchline.Result]] = {}
    pictures = [frame[0], frame[0][:, ::-1], np.zeros((360, 640, 3), np.uint8)]

    def ask(number: int) -> None:
        answers[number] = [registrar(pictures[number]) for _ in range(6)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for picture, found in answers.items():
        alone = registrar(pictures[picture])
        for answer in found:
            assert answer.state is alone.state
            if alone:
                np.testing.assert_array_equal(answer.field_from_image, alone.field_from_image)


def test_two_registrars_and_two_tracks_at_once(frame, result):
    source = "rendered:soccer?seconds=1&fps=10&width=640&height=360&cutaways=0"
    with (
        touchline.Registrar("soccer", engine="onnxruntime") as first,
        touchline.Registrar("soccer", engine="onnxruntime") as second,
    ):
        assert first(frame[0]).state is second(frame[0]).state is result.state
    pairs = zip(touchline.track(source), touchline.track(source), strict=True)
    for (one, answer), (other, again) in pairs:
        assert one.index == other.index
        assert answer.state is again.state


def test_a_track_that_is_left_leaves_nothing_running():
    """The fixture of all tests fails where a thread stays."""
    frames = touchline.track("rendered:soccer?seconds=60&fps=10&width=640&height=360")
    next(frames)
    frames.close()
    with pytest.raises(StopIteration):
        next(frames)
    never_begun = touchline.track("rendered:soccer?seconds=60")
    del never_begun


NO_SOURCES = [
    (None, "NoneType is no source"),
    (0, "/dev/video0"),
    (np.zeros((2, 2, 3), np.uint8), "ndarray.*Registrar.track"),
    ([], "list.*Registrar.track"),
    ("", "empty name"),
]


@pytest.mark.parametrize(("source", "word"), NO_SOURCES)
def test_what_is_no_source_is_refused_at_once(source, word):
    with pytest.raises(touchline.UsageError, match=word):
        touchline.track(source)


@pytest.mark.parametrize("every", [0, -1, 1.5, "2", None])
def test_a_wrong_step_is_refused_at_once(every):
    with pytest.raises(touchline.UsageError, match=f"every={every!r}"):
        touchline.track("rendered:soccer", every=every)


@pytest.mark.parametrize("path", [None, 3, ["a.mkv"], b"a.mkv"])
def test_what_is_no_film_is_refused(path):
    with pytest.raises(touchline.UsageError, match="is no film"):
        touchline.segments(path)


@pytest.mark.parametrize("broker", [None, 1883, ("box", 1883), b"mqtt://box"])
def test_what_is_no_broker_is_refused(broker):
    with pytest.raises(touchline.UsageError, match="is no broker: give mqtt://"):
        touchline.Client(broker)


def test_a_missing_file_is_a_source_error(registrar):
    with pytest.raises(touchline.SourceError, match="nowhere"):
        registrar("nowhere.jpg")


def test_a_lost_picture_says_why(registrar):
    lost = registrar(np.zeros((360, 640, 3), np.uint8))
    assert not lost
    assert lost.state is touchline.RegistrationState.LOST
    assert lost.to_dict()["field_from_image"] is None
    assert lost.visible_area.shape == (0, 2)
    with pytest.raises(touchline.UsageError, match="lost"):
        lost.to_field([1, 2])


WRONG = [
    ({"sport": "socer"}, "socer"),
    ({"sport": None}, "sport=None: name one of soccer, "),
    ({"sport": "football"}, "did you mean 'american_football'"),
    ({"sport": "Ice-Hockey"}, "ice_hockey"),
    ({"threads": 0}, "threads"),
    ({"field": "nhl"}, "nhl"),
    ({"sport": "basketball", "field": "fbia"}, "fbia"),
    ({"sport": "tennis", "length_m": 20.0}, "itf"),
    ({"camera_side": "left"}, "camera_side"),
    ({"engine": "gpu"}, "engine"),
]


@pytest.mark.parametrize(("wish", "word"), WRONG)
def test_wrong_wishes_are_named(wish, word):
    with pytest.raises(touchline.TouchlineError, match=word):
        touchline.Registrar(**wish)


def test_the_far_side_turns_the_field(frame, result):
    turned = touchline.register(frame[0], camera_side="far", engine="onnxruntime")
    np.testing.assert_allclose(turned.to_field([320, 200]), -result.to_field([320, 200]), atol=1e-6)


@pytest.mark.slow
def test_a_field_of_another_size_travels_with_the_result(frame):
    field = touchline.load_field("soccer", length_m=100, width_m=64)
    answer = touchline.register(frame[0], field=field)
    assert (answer.field.length_m, answer.field.width_m) == (100, 64)


@pytest.mark.slow
def test_a_video_is_tracked():
    source = "rendered:soccer?seconds=1&fps=10&width=640&height=360&cutaways=0"
    answers = list(touchline.track(source, sport="soccer"))
    assert [frame.index for frame, _ in answers] == list(range(10))
    assert sum(bool(result) for _, result in answers) >= 9
    frame, result = answers[-1]
    assert frame.image.shape == (360, 640, 3)
    assert result.to_dict()["frame"] == 9
    assert result.to_dict()["pts_s"] == pytest.approx(0.9)


@pytest.mark.slow
def test_a_track_can_be_left_early_and_take_every_nth_frame():
    source = "rendered:soccer?seconds=2&fps=10&width=640&height=360&cutaways=0"
    for number, (frame, _) in enumerate(touchline.track(source, every=5)):
        assert frame.index == 5 * number
        if number == 1:
            break


def test_a_track_of_nothing_is_refused():
    with pytest.raises(touchline.SourceError):
        list(touchline.track("nowhere.mp4"))


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_importing_loads_nothing_heavy():
    code = (
        "import sys, touchline; dir(touchline); "
        "print([m for m in ('cv2', 'numpy', 'av', 'onnxruntime', 'pydantic') if m in sys.modules])"
    )
    assert python(code).stdout.strip() == "[]"


def test_the_client_needs_neither_opencv_nor_an_engine():
    code = (
        "import sys\n"
        "for name in ('cv2', 'av', 'onnxruntime', 'openvino', 'iotcore', 'rich'):\n"
        "    sys.modules[name] = None\n"
        "import touchline; touchline.Client('mqtt://127.0.0.1:1'); touchline.field_from_pixels\n"
    )
    python(code)


def test_every_public_name_is_there():
    for name in touchline.__all__:
        assert getattr(touchline, name) is not None
    with pytest.raises(AttributeError, match="registre"):
        touchline.registre  # noqa: B018


def test_the_module_runs_the_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "touchline", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"touchline {touchline.__version__}"


CONSUMER = """
from pathlib import Path

import numpy as np
import touchline


def positions(path: Path) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for frame, result in touchline.track(path, sport="tennis", every=5):
        if result and result.state is not touchline.RegistrationState.LOST:
            x, y = result.to_field([frame.image.shape[1] / 2, 300.0])
            found.append((float(x), float(y)))
            drawn = result.draw(frame.image)
            assert drawn.dtype == np.uint8
    return found


def newest(host: str) -> float | None:
    with touchline.Client(host, site="venue") as client:
        message = client.latest(max_age_s=1.0)
        return None if message is None else message.quality.score
"""


@pytest.mark.slow
def test_a_strangers_project_is_typed(tmp_path):
    (tmp_path / "consumer.py").write_text(CONSUMER)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "consumer.py"],
        check=False,
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
