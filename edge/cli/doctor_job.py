"""The main job done once for the doctor: a clip is decoded, a frame registered, its answer heard.

Each part names what failed and what to reinstall. Nothing leaves this machine.
"""

from __future__ import annotations

import json
import queue
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, TypeVar

from edge.errors import TouchlineError

SECONDS, WIDTH, HEIGHT = 0.2, 640, 360
"""Length and size of the clip."""
HEARD_WITHIN_S = 10.0
_TOPIC = "touchline/v1/doctor/doctor/cam/main/homography"

Row = tuple[str, str | None, str]
"""What was tried, why it failed (None: it did not), and what to do or what was found."""
_T = TypeVar("_T")


class _PartError(Exception):
    """One part failed; its row says why."""

    def __init__(self, row: Row) -> None:
        super().__init__(row[1])
        self.row = row


def do_the_job() -> Iterator[Row]:
    """Do each part in turn and stop at the first that fails; raises nothing."""
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="touchline-")))
            frames = _part(
                "decode a clip",
                lambda: _decoded(folder / "clip.mp4"),
                "pip install --force-reinstall av opencv-python-headless",
            )
            yield "decode a clip", None, f"{len(frames)} frames of a rendered clip"
            answer = _part(
                "register a frame",
                lambda: _registered(frames[-1]),
                "pip install --force-reinstall onnxruntime",
            )
            yield "register a frame", None, f"the rendered field was found: {answer['state']}"
            _part(
                "publish over MQTT",
                lambda: _heard(json.dumps(answer).encode()),
                "pip install --force-reinstall iotcore paho-mqtt",
            )
            yield "publish over MQTT", None, "heard from an embedded broker on loopback"
        except _PartError as failed:
            yield failed.row


def _part(what: str, work: Callable[[], _T], cure: str) -> _T:
    """Do one part; whatever it raises becomes its row: a broken package raises anything."""
    try:
        return work()
    except Exception as error:
        named = str(error) if isinstance(error, TouchlineError) else repr(error)
        raise _PartError((what, " ".join(named.split()), cure)) from error


def _decoded(clip: Path) -> list[object]:
    """Write a clip and read it as a venue's file is read."""
    from edge.capture import open_source, render_clip  # noqa: PLC0415 - the doctor runs without

    render_clip(clip, seconds=SECONDS, width=WIDTH, height=HEIGHT, cutaways=False)
    frames: list[object] = []
    with closing(open_source(str(clip))) as source:
        while (frame := source.read()) is not None:
            frames.append(frame)
    if len(frames) < 2:
        raise TouchlineError(f"{len(frames)} frames came of a clip that has more")
    return frames


def _registered(frame: object) -> dict[str, Any]:
    """Register a frame with the soccer bundle; raises TouchlineError where the answer is lost."""
    from edge.bundles import find_bundle  # noqa: PLC0415 - the doctor runs without
    from edge.fields import default_field, load_field  # noqa: PLC0415
    from edge.registration import FieldRegistrar  # noqa: PLC0415

    field = load_field(default_field("soccer"))
    with closing(FieldRegistrar(find_bundle("soccer"), field, engine="onnxruntime")) as registrar:
        answer = registrar.register(frame.image)  # type: ignore[attr-defined]
    if answer.field_from_image is None:
        raise TouchlineError(f"the rendered field was not found: {answer.state.value}")
    state = answer.state.value
    return {"state": state, "field_from_image": answer.field_from_image.ravel().tolist()}


def _heard(payload: bytes) -> None:
    """Publish over an embedded broker, and hear the same bytes."""
    import paho.mqtt.client as mqtt  # noqa: PLC0415 - the doctor runs without
    from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415

    from edge.config import EmbeddedBrokerConfig  # noqa: PLC0415
    from edge.publish.mqtt.broker import EmbeddedBroker  # noqa: PLC0415

    came: queue.Queue[bytes] = queue.Queue()
    config = EmbeddedBrokerConfig(type="embedded", port=0)
    with EmbeddedBroker(config) as broker:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)

        def subscribe(*_: Any) -> None:
            client.subscribe(_TOPIC, qos=1)

        def publish(*_: Any) -> None:
            client.publish(_TOPIC, payload, qos=1)

        def note(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
            came.put(bytes(message.payload))

        client.on_connect, client.on_subscribe, client.on_message = subscribe, publish, note
        client.connect(broker.endpoint.host, broker.endpoint.port)
        client.loop_start()
        try:
            heard = came.get(timeout=HEARD_WITHIN_S)
        except queue.Empty:
            raise TouchlineError(f"nothing was heard within {HEARD_WITHIN_S:g} s") from None
        finally:
            client.disconnect()
            client.loop_stop()
    if heard != payload:
        raise TouchlineError("other bytes were heard than were sent")
