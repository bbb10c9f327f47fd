"""The subscriber's side: typed messages, once each, and what they are good for."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import UsageError
from edge.publish import Endpoint, EventDraft, EventKind, Topics
from edge.publish.client.subscriber import (
    Homography,
    TouchlineClient,
    client_endpoint,
    field_from_pixels,
    pixels_from_field,
)
from edge.publish.messages.compose import Context, Stamp, homography_message
from edge.publish.messages.registration import Event, FieldRef, StateMessage, Status
from edge.publish.mqtt.connection import Connection, Hooks, Outgoing, Session
from edge.types import Quality, Registration, RegistrationState
from tests.publish.parts import (
    FAST,
    TOPICS,
    Mosquitto,
    answered,
    eventually,
    lost,
    make_frame,
    make_publisher,
)

pytestmark = pytest.mark.process

SESSION = "0123456789abcdef"


class Box:
    """Publishes whatever it is told, in a box's name."""

    def __init__(self, endpoint: Endpoint, topics: Topics = TOPICS) -> None:
        self._connection = Connection(endpoint, Session("raw"))
        self._connection.start(Hooks())
        self._connection.wait_connected(90)
        self.topics = topics

    def say(self, topic: str, payload: bytes) -> None:
        self._connection.send(Outgoing(topic, payload, qos=1))

    def close(self) -> None:
        self._connection.stop()


def homography(seq: int, *, session: str = SESSION, capture_ns: int = 0) -> Homography:
    context = Context(session, "cam1", FieldRef(name="soccer", length_m=105, width_m=68))
    stamp = Stamp(seq, None, capture_ns or seq, "host", None, 1280, 720)
    return homography_message(context, seq, stamp, answered())


def event(seq: int) -> Event:
    return Event(
        session=SESSION, seq=seq, id=f"{SESSION}-{seq}", kind=EventKind.CUT, camera="cam1",
        time_ns=0, frame_id=seq,
    )  # fmt: skip


def test_ten_lines_are_enough(endpoint: Endpoint) -> None:
    with make_publisher(endpoint) as publisher:
        publisher.wait_connected()
        publisher.publish(make_frame(4), answered())
        seen = []
        with TouchlineClient(f"mqtt://127.0.0.1:{endpoint.port}", site="venue") as client:
            for received in client.messages():
                seen.append(received.kind)
                if received.kind in {"homography", "latest"}:  # the copy of a known one is no news
                    ball = field_from_pixels(received.message, [[64, 60]])
                    break
    assert np.isfinite(ball.points_m).all()
    assert ball.error_m > 0
    assert received.address.device == "box"


def test_a_repeated_event_is_given_once(mosquitto: Mosquitto) -> None:
    box = Box(mosquitto.endpoint)
    with TouchlineClient(mosquitto.endpoint, backoff=FAST) as client:
        client.wait_connected()
        box.say(TOPICS.state, _state(Status.ONLINE))
        for seq in (1, 2, 1, 2, 3):
            box.say(TOPICS.event("cam1"), event(seq).payload())
        found = [r.message.seq for r in itertools.islice(client.messages(), 4) if r.kind == "event"]
        assert (found, client.repeated) == ([1, 2, 3], 2)
    box.close()


def test_the_retained_copy_of_a_known_frame_is_no_news(mosquitto: Mosquitto) -> None:
    box = Box(mosquitto.endpoint)
    with TouchlineClient(mosquitto.endpoint, backoff=FAST) as client:
        client.wait_connected()
        box.say(TOPICS.state, _state(Status.ONLINE))
        live, copy = TOPICS.homography("cam1"), TOPICS.latest("cam1")
        other = "f" * 16
        for topic, message in (
            (live, homography(5)),
            (copy, homography(5)),
            (copy, homography(4)),
            (live, homography(6)),
            (copy, homography(9, session=other, capture_ns=1)),
            (live, homography(1, session=other, capture_ns=100)),
        ):
            box.say(topic, message.payload())
        box.say(TOPICS.state, _state(Status.OFFLINE))
        frames = []
        for received in client.messages():
            if isinstance(received.message, Homography):
                frames.append((received.kind, received.message.session, received.message.seq))
            elif received.message.status is Status.OFFLINE:
                break
        assert frames == [
            ("homography", SESSION, 5), ("homography", SESSION, 6), ("homography", other, 1)
        ]  # fmt: skip
        latest = client.latest()
        assert latest is not None
        assert (latest.session, latest.seq) == (other, 1)
        assert client.latest(max_age_s=0) is None
    box.close()


def test_the_will_of_an_old_session_does_not_hide_the_new_one(mosquitto: Mosquitto) -> None:
    box = Box(mosquitto.endpoint)
    with TouchlineClient(mosquitto.endpoint, backoff=FAST) as client:
        client.wait_connected()
        box.say(TOPICS.state, _state(Status.ONLINE, session="a" * 16))
        box.say(TOPICS.state, _state(Status.OFFLINE, session="b" * 16, clean=False))
        box.say(TOPICS.event("cam1"), event(1).payload())
        kinds = [r.kind for r in itertools.islice(client.messages(), 2)]
        assert kinds == ["state", "event"]
        state = client.state_of("venue", "box")
        assert state is not None
        assert state.status is Status.ONLINE
    box.close()


def test_junk_is_counted_and_nothing_else(mosquitto: Mosquitto) -> None:
    box = Box(mosquitto.endpoint)
    junk = [b"", b"\xff\xfe", b"{", b"null", b"[]", b'{"schema": "touchline.event/2"}', b"1" * 100]
    with TouchlineClient(mosquitto.endpoint, backoff=FAST) as client:
        client.wait_connected()
        box.say(TOPICS.state, _state(Status.ONLINE))
        for payload in junk:
            box.say(TOPICS.event("cam1"), payload)
            box.say(TOPICS.homography("cam1"), payload)
        box.say(TOPICS.event("cam1"), event(1).payload())
        kinds = [r.kind for r in itertools.islice(client.messages(), 2)]
        assert kinds == ["state", "event"]
        assert client.invalid == 2 * (len(junk) - 1)
    box.close()


def test_it_comes_back_with_the_broker(mosquitto: Mosquitto) -> None:
    with TouchlineClient(mosquitto.endpoint, backoff=FAST) as client:
        with make_publisher(mosquitto.endpoint) as publisher:
            publisher.wait_connected()
            eventually(lambda: client.state_of("venue", "box"), "the state")
            for index in range(3):
                mosquitto.kill()
                mosquitto.start()

                def came(n: int = index) -> bool:
                    publisher.publish(make_frame(100 + n), lost())
                    latest = client.latest()
                    return latest is not None and latest.frame_id == 100 + n

                eventually(came, "a frame after the restart")
        assert client.dropped == 0


def test_only_the_wanted_camera_is_heard(mosquitto: Mosquitto) -> None:
    box = Box(mosquitto.endpoint)
    with TouchlineClient(mosquitto.endpoint, camera="cam1", backoff=FAST) as client:
        client.wait_connected()
        box.say(TOPICS.state, _state(Status.ONLINE))
        box.say(TOPICS.event("cam2"), event(1).payload())
        box.say(TOPICS.event("cam1"), event(2).payload())
        last = list(itertools.islice(client.messages(), 2))[-1]
        assert isinstance(last.message, Event)
        assert last.message.seq == 2
    box.close()


def test_close_ends_the_messages(mosquitto: Mosquitto) -> None:
    client = TouchlineClient(mosquitto.endpoint, backoff=FAST)
    client.start()
    found: list[object] = []
    reader = threading.Thread(target=lambda: found.extend(client.messages()))
    reader.start()
    client.close()
    reader.join(90)
    assert not reader.is_alive()
    assert found == []


def test_no_message_in_time_ends_the_messages(mosquitto: Mosquitto) -> None:
    with TouchlineClient(mosquitto.endpoint, backoff=FAST) as client:
        assert list(client.messages(timeout_s=0.05)) == []


def test_an_event_while_the_client_is_away_is_kept_for_it(mosquitto: Mosquitto) -> None:
    with make_publisher(mosquitto.endpoint) as publisher:
        publisher.wait_connected()
        with TouchlineClient(mosquitto.endpoint, client_id="archive") as client:
            eventually(lambda c=client: c.state_of("venue", "box"), "the subscription")
        publisher.event(EventDraft(EventKind.CUT, Stamp.of(make_frame(9))))
        eventually(lambda: publisher.counts().events.delivered == 1, "the broker has it")
        with TouchlineClient(mosquitto.endpoint, client_id="archive") as client:
            found = next(r.message for r in client.messages() if isinstance(r.message, Event))
    assert found.frame_id == 9


@pytest.mark.parametrize("keys", [{"site": "A"}, {"device": "a/b"}, {"prefix": "#"}])
def test_names_are_checked(keys: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        TouchlineClient("mqtt://h", **keys)  # type: ignore[arg-type]


def test_the_embedded_broker_is_looked_for_on_this_box() -> None:
    from edge.config import parse_broker

    endpoint = client_endpoint(parse_broker("embedded:1999"))
    assert endpoint.url == "mqtt://127.0.0.1:1999"
    with pytest.raises(UsageError, match="no fixed port"):
        TouchlineClient("embedded:0")


def _state(status: Status, *, session: str = SESSION, clean: bool = True) -> bytes:
    message = StateMessage(session=session, seq=1, status=status, time_ns=0, clean=clean)
    return message.payload()


# -- projection: against a camera whose pose is known


def camera(x_m: float, y_m: float, height_m: float, aim_m: float, focal_px: float) -> np.ndarray:
    """Return image_from_field of a camera at (x, y, height) that looks at (aim, 0, 0)."""
    centre = np.array([x_m, y_m, height_m], float)
    forward = np.array([aim_m, 0, 0]) - centre
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    intrinsic = np.array([[focal_px, 0, 639.5], [0, focal_px, 359.5], [0, 0, 1]])
    return intrinsic @ rotation @ np.column_stack([np.eye(3)[:, :2], -centre])


def message_of(image_from_field: np.ndarray, quality: Quality, sign: float = 1) -> Homography:
    context = Context(SESSION, "cam1", FieldRef(name="soccer", length_m=105, width_m=68))
    stamp = Stamp(0, None, 0, "host", None, 1280, 720)
    matrix = sign * np.linalg.inv(image_from_field)
    registration = Registration(
        RegistrationState.VERIFIED, field_from_image=matrix, quality=quality
    )
    return homography_message(context, 1, stamp, registration)


_CAMERAS = st.tuples(
    st.floats(-40, 40), st.floats(-90, -45), st.floats(6, 25), st.floats(-30, 30),
    st.floats(1000, 4000), st.sampled_from([1.0, -3.0]),
)  # fmt: skip


@given(_CAMERAS)
def test_there_and_back_whatever_the_scale_of_the_matrix(pose: tuple[float, ...]) -> None:
    *where, sign = pose
    message = message_of(camera(*where), Quality(1, 9, 1.0, 0.5), sign)
    field_m = np.array([[where[3], 0.0], [where[3] + 1, 1.0], [where[3] - 2, -3.0]])
    pixels = pixels_from_field(message, field_m)
    np.testing.assert_allclose(field_from_pixels(message, pixels).points_m, field_m, atol=1e-5)
    behind = [[where[0], where[1] - 50.0]]
    assert np.isnan(pixels_from_field(message, behind)).all()


def test_a_pixel_above_the_horizon_is_nowhere_on_the_field() -> None:
    message = message_of(camera(0, -60, 10, 0, 800), Quality(1, 9, 1.0, 0.5))
    sky = field_from_pixels(message, [[640, 0], [640, 400]])
    assert np.isnan(sky.points_m[0]).all()
    assert np.isnan(sky.error_m[0])
    assert np.isfinite(sky.points_m[1]).all()


def test_the_error_grows_with_the_distance_and_its_mean_is_the_expected_one() -> None:
    image_from_field = camera(0, -60, 12, 0, 1800)
    message = message_of(image_from_field, Quality(1, 9, 1.0, 0.5))
    near, far = pixels_from_field(message, [[0, -20], [0, 30]])
    error = field_from_pixels(message, [near, far]).error_m
    assert error[1] > 2 * error[0]
    grid = np.stack(np.meshgrid(np.linspace(0, 1279, 50), np.linspace(0, 719, 50)), -1)
    points = field_from_pixels(message, grid.reshape(-1, 2))
    with np.errstate(invalid="ignore"):
        on_field = (np.abs(points.points_m) <= [52.5, 34]).all(axis=1)
    assert points.error_m[on_field].mean() == pytest.approx(0.5, rel=0.05)


def test_the_error_is_a_pixels_step_times_the_residual_where_no_mean_is_known() -> None:
    message = message_of(camera(0, -60, 12, 0, 1800), Quality(1, 9, 2.0, None))
    pixel = np.array([[600.0, 400.0]])
    moved = field_from_pixels(message, pixel + np.array([0, 0.01])).points_m
    here = field_from_pixels(message, pixel)
    step_m = np.linalg.norm(moved - here.points_m) / 0.01
    assert here.error_m[0] == pytest.approx(2.0 * step_m, rel=0.02)
    silent = message_of(camera(0, -60, 12, 0, 1800), Quality(1, 9, None, None))
    assert np.isnan(field_from_pixels(silent, pixel).error_m[0])


def test_a_lost_frame_maps_nothing() -> None:
    context = Context(SESSION, "cam1", FieldRef(name="soccer", length_m=105, width_m=68))
    message = homography_message(context, 1, Stamp.of(make_frame()), lost())
    for use in (field_from_pixels, pixels_from_field):
        with pytest.raises(UsageError, match="is lost"):
            use(message, [[1, 2]])
