"""Registering pictures, videos and cameras from Python."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, SupportsIndex

from edge.box.loaded_model import load_network
from edge.box.model_updates.hot_swap import SwitchingRegistrar
from edge.box.stages.prefetch import PrefetchedFrames
from edge.box.stages.read import reader_for
from edge.box.stages.refinement_budget import RefinementBudget
from edge.box.stages.register import RegisterStage
from edge.box.stages.source_plan import plan_source
from edge.config import Config, with_changes
from edge.errors import UsageError
from edge.fields import SPORTS, Field
from edge.geometry import half_turn
from edge.types import Frame, ImageArray, Registration
from touchline.pictures import PictureLike, to_bgr
from touchline.result import Result

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

    from edge.box.protocols import FrameRegistrar

Side = Literal["near", "far"]
_WAIT_S = 0.2
"""How long one look for a new frame of a camera lasts."""


class Registrar:
    """A sport's network, loaded once, for many pictures.

    >>> registrar = touchline.Registrar("soccer")
    >>> result = registrar(picture)

    A call answers one picture by itself and forgets the frames before. `track` takes the frames of
    one video in their order; give each video a Registrar of its own. Several threads may share a
    Registrar: each call waits for the one before.
    """

    def __init__(
        self,
        sport: str = "soccer",
        *,
        field: str | Field | None = None,
        length_m: float | None = None,
        width_m: float | None = None,
        camera_side: Side = "near",
        engine: str = "auto",
        threads: int | None = None,
        bundle: str | os.PathLike[str] | None = None,
    ) -> None:
        """Load the network.

        `field` is a variant's name (`"fiba"`) or a `Field`; `length_m` and `width_m` give the size
        of a field that comes in sizes; `camera_side="far"` turns the field by half a turn. Raises
        UsageError for an unknown name or size, BundleError or EngineError where the network cannot
        be loaded.
        """
        self._config = _config(
            sport,
            field=field,
            length_m=length_m,
            width_m=width_m,
            camera_side=camera_side,
            engine=engine,
            threads=threads,
            bundle=bundle,
        )
        self._network = load_network(self._config)
        self._lock = threading.Lock()
        self._closed = False

    @property
    def field(self) -> Field:
        """The field that the answers' metres belong to."""
        return self._network.field

    @property
    def sport(self) -> str:
        """The sport."""
        return self._config.sport

    @property
    def bundle(self) -> str:
        """Name and version of the model bundle."""
        return self._network.label

    @property
    def engine(self) -> str:
        """The inference engine that runs it."""
        return self._network.engine

    def __call__(self, picture: PictureLike) -> Result:
        """Register one picture by itself.

        Raises UsageError for what is no picture, SourceError for a file that cannot be read.
        """
        image = to_bgr(picture)
        with self._open() as registrar:
            registrar.reset()
            answer = registrar.register(image)
            registrar.reset()
        name = os.fspath(picture) if isinstance(picture, (str, os.PathLike)) else ""
        return self._result(answer, image, name)

    def track(self, picture: PictureLike, *, pts_s: float | None = None) -> Result:
        """Register the next frame of a video, with what is known from the frames before.

        `pts_s` is the frame's time, seconds. `reset` begins another video.
        """
        image = to_bgr(picture)
        with self._open() as registrar:
            answer = registrar.register(image, pts_s=pts_s)
        return self._result(answer, image, "")

    def reset(self) -> None:
        """Forget the frames before."""
        with self._open() as registrar:
            registrar.reset()

    def close(self) -> None:
        """Release the inference engine; a second call does nothing."""
        with self._lock:
            if not self._closed:
                self._network.registrar.close()
            self._closed = True

    @contextmanager
    def _open(self) -> Iterator[FrameRegistrar]:
        """Hold the network for one call; raises UsageError once it is closed."""
        with self._lock:
            if self._closed:
                raise UsageError("this Registrar is closed: make a new one")
            yield self._network.registrar

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _result(self, answer: Registration, image: ImageArray, name: str) -> Result:
        return _result(self._config, self.field, answer, image, name)


def register(
    picture: PictureLike,
    sport: str = "soccer",
    *,
    field: str | Field | None = None,
    length_m: float | None = None,
    width_m: float | None = None,
    camera_side: Side = "near",
    engine: str = "auto",
) -> Result:
    """Register the field in one picture; for many use `Registrar`.

    `picture` is a path, a NumPy array in BGR order, or a PIL image. Raises what `Registrar` does.
    """
    with Registrar(
        sport,
        field=field,
        length_m=length_m,
        width_m=width_m,
        camera_side=camera_side,
        engine=engine,
    ) as registrar:
        return registrar(picture)


def track(
    source: str | os.PathLike[str],
    sport: str = "soccer",
    *,
    field: str | Field | None = None,
    length_m: float | None = None,
    width_m: float | None = None,
    camera_side: Side = "near",
    every: int = 1,
    realtime: bool = False,
    engine: str = "auto",
    threads: int | None = None,
    bundle: str | os.PathLike[str] | None = None,
) -> Iterator[tuple[Frame, Result]]:
    """Yield every frame of a video or a camera with its result.

    `source` is what `touchline run --source` takes: a file, a folder of pictures, an address, a
    device, `rendered:`. `every` takes every n-th frame of a file; `realtime` plays a file at its
    own pace. A camera's frames that come while the caller is busy are dropped; a camera that
    breaks off is opened again. Raises UsageError for a wrong wish, SourceError for a source that
    cannot be opened, BundleError or EngineError for a network that cannot be loaded.
    """
    if not isinstance(every, SupportsIndex) or every < 1:
        raise UsageError(f"every={every!r}: give a whole number, 1 for every frame")
    where = _source_of(source)
    config = _config(
        sport,
        field=field,
        length_m=length_m,
        width_m=width_m,
        camera_side=camera_side,
        engine=engine,
        threads=threads,
        bundle=bundle,
    )
    return _track(config, where, every=every, realtime=realtime)


def _source_of(source: object) -> str:
    """Return a source as the command takes it; raises UsageError, one sentence, for another."""
    if isinstance(source, (str, os.PathLike)) and (text := os.fsdecode(source)):
        return text
    hint = ""
    if isinstance(source, int):
        hint = f"; a camera of this machine is /dev/video{source}"
    elif not isinstance(source, str) and hasattr(source, "__iter__"):
        hint = "; for pictures in memory call Registrar.track with one after the other"
    what = "an empty name" if isinstance(source, str) else type(source).__name__
    raise UsageError(f"{what} is no source: name a file, a folder, an address or a device{hint}")


def _track(
    config: Config, text: str, *, every: int, realtime: bool
) -> Iterator[tuple[Frame, Result]]:
    with ExitStack() as stack:
        plan = plan_source(config, text, realtime=realtime)
        source = None if plan.live else stack.enter_context(closing(plan.open()))
        registrar = SwitchingRegistrar(load_network(config))
        stack.callback(registrar.close)
        if source is None:  # a camera is opened last, so that no picture grows stale in it
            source = stack.enter_context(closing(plan.open()))
        live = source.info.live
        frames = reader_for(source, plan.open, frozen_after_s=config.camera.frozen_after_s)
        # a film's next frame is in the network while the caller works on this one
        sensed = None if live or every > 1 else PrefetchedFrames(frames, registrar.sense)
        reader = stack.enter_context(closing(sensed or frames))
        answering = RegisterStage(
            registrar,
            flight_of=sensed.flight if sensed is not None else None,
            allowance=RefinementBudget() if live else None,
        )
        name = source.info.uri
        while True:
            frame = reader.get(_WAIT_S)
            if frame is None:
                if reader.ended:
                    return
                continue
            if frame.index % every:
                continue
            answer, _ = answering.answer(frame, None)
            result = _result(
                config, registrar.network.field, answer, frame.image, frame.name or name, frame
            )
            yield frame, result
            answering.given(frame)


def _result(
    config: Config,
    field: Field,
    answer: Registration,
    image: ImageArray,
    name: str,
    frame: Frame | None = None,
) -> Result:
    height, width = image.shape[:2]
    if config.field.camera_side == "far" and answer.field_from_image is not None:
        answer = replace(answer, field_from_image=half_turn(answer.field_from_image))
    return Result(answer, field, (width, height), name, frame)


def _config(
    sport: str | None,
    *,
    field: str | Field | None,
    length_m: float | None,
    width_m: float | None,
    camera_side: Side,
    engine: str,
    threads: int | None,
    bundle: str | os.PathLike[str] | None,
) -> Config:
    """Return the configuration that these wishes make; raises UsageError for a wrong one."""
    if sport is None:
        raise UsageError(f"sport=None: name one of {', '.join(SPORTS)}")
    name = field
    if isinstance(field, Field):
        if (length_m, width_m) != (None, None):
            raise UsageError("a Field has its size: give no length_m and width_m beside it")
        name = field.name
        if field.sport != sport:
            raise UsageError(f"field {field.name} is for {field.sport}, not for {sport}")
        length_m, width_m = _size_of(field)
    asked = {
        "sport": sport,
        "field.name": name,
        "field.length_m": length_m,
        "field.width_m": width_m,
        "field.camera_side": camera_side,
        "engine.name": engine,
        "engine.threads": threads,
        "engine.bundle": None if bundle is None else Path(bundle),
    }
    return with_changes(Config(), {path: v for path, v in asked.items() if v is not None})


def _size_of(field: Field) -> tuple[float | None, float | None]:
    """Return a field's size where it comes in sizes; a fixed size is named by its field."""
    from edge.fields import load_field  # noqa: PLC0415 - only for this

    usual = load_field(field.name)
    if (usual.length_m, usual.width_m) == (field.length_m, field.width_m):
        return None, None
    return field.length_m, field.width_m


__all__ = ["Registrar", "register", "track"]
