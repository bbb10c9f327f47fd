"""From the configuration's source, or the command line's, to one that can be opened again."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from edge.box.protocols import Stop
from edge.box.stages.pacing import EveryNth, Looped, Paced
from edge.capture import FrameSource, Kind, SourceInfo, open_source, parse_source
from edge.config import (
    Config,
    FileSource,
    FolderSource,
    RenderedSource,
    RtspSource,
    SourceConfig,
    V4l2Source,
    credentials,
)
from edge.errors import SourceError, StoppedEarlyError, UsageError
from edge.redaction import redact

log = logging.getLogger(__name__)

SILENT_AFTER_S = 1.5
"""Seconds without a frame after which a camera of an ordinary rate counts as silent."""
_SILENT_FRAMES = 3.0
"""Frames that a slow camera may owe before it counts as silent."""
_LOOK_S = 0.05
_ENDLESS_S = 1e6  # eleven days, the renderer's longest


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """How to open a source whose spelling has been checked; opening it may fail (SourceError)."""

    open: Callable[[], FrameSource]
    live: bool
    """Whether it is a camera: such a one is opened last, so that nothing stale waits in it."""
    waits_as: SourceInfo | None = None
    """What a camera that is away at the start is taken for until it comes; None: an error.

    The configuration's source is a box's, which must come up without its camera. One on the command
    line is a person's, who wants to know at once.
    """
    silent_after_s: float = SILENT_AFTER_S
    """Seconds without a frame after which a camera counts as silent; a film never does."""


def plan_source(
    config: Config, text: str | None, *, realtime: bool = False, every: int = 1
) -> SourcePlan:
    """Plan the source that `text` (the command line's) or the configuration names.

    `realtime` plays a file at its own pace, as a camera; `every` takes every n-th frame of a file.
    Raises UsageError when neither names one and for a camera of which every n-th frame is wanted,
    SourceError for a missing path or a wrong address.
    """
    if text is not None:
        spec = parse_source(text)
        plan = SourcePlan(partial(open_source, spec), live=spec.kind in {"rtsp", "v4l2"})
    elif config.source is not None:
        plan = _configured(config.source, config.sport)
    else:
        raise UsageError(
            "no source: name one with --source, or under `source` in the configuration"
        )
    opened = plan.open
    if every > 1:
        if plan.live:
            raise UsageError(f"--every {every} is for files: a camera's newest frame is taken")
        plan = replace(plan, open=lambda: EveryNth(opened(), every))
    if realtime and not plan.live:
        return SourcePlan(lambda: Paced(plan.open()), live=False, silent_after_s=math.inf)
    return plan


def _configured(source: SourceConfig, sport: str) -> SourcePlan:
    if isinstance(source, FileSource):
        open_file = partial(open_source, source.path)
        return SourcePlan((lambda: Looped(open_file)) if source.loop else open_file, live=False)
    if isinstance(source, FolderSource):
        return SourcePlan(partial(open_source, source.path, fps=source.fps), live=False)
    if isinstance(source, V4l2Source):
        opened = partial(
            open_source,
            f"v4l2:{source.device}",
            width=source.width,
            height=source.height,
            fps=source.fps,
            read_timeout_s=_silent_after_s(source),
        )
        away = _away(str(source.device), "v4l2")
        return SourcePlan(opened, True, away, _silent_after_s(source))
    if isinstance(source, RtspSource):
        opened = partial(
            open_source,
            _with_credentials(source),
            transport=source.transport,
            read_timeout_s=_silent_after_s(source),
        )
        away = _away(redact.address(source.url), "rtsp")
        return SourcePlan(opened, True, away, _silent_after_s(source))
    return _rendered(source, sport)


def _silent_after_s(source: RtspSource | V4l2Source) -> float:
    rate = source.lowest_fps
    return SILENT_AFTER_S if rate is None else max(SILENT_AFTER_S, _SILENT_FRAMES / rate)


def _away(uri: str, kind: Kind) -> SourceInfo:
    return SourceInfo(uri, kind, 0, 0, None, None, live=True)


def open_or_wait(plan: SourcePlan, stop: Stop) -> FrameSource | None:
    """Open a source; None for a camera that is away and may be waited for, else SourceError."""
    try:
        return open_unless(plan, stop)
    except SourceError as error:
        if plan.waits_as is None:
            raise
        if stop.is_set():
            raise StoppedEarlyError(f"stopped before the source was open ({error})") from error
        log.warning("%s; going on without, and trying again", error)
        return None


def open_unless(plan: SourcePlan, stop: Stop) -> FrameSource:
    """Open a source until a stop is requested; raises SourceError.

    A camera or the writer of a pipe may take long to answer: it is opened in a thread, which closes
    what it gets when nobody waits for it any more.
    """
    opening = _Opening(plan.open)
    while not opening.done.wait(_LOOK_S):
        if stop.is_set():
            opening.leave()
            raise StoppedEarlyError("stopped before the source was open")
    return opening.result()


class _Opening:
    """A source that is being opened in a thread."""

    def __init__(self, open_: Callable[[], FrameSource]) -> None:
        self.done = threading.Event()
        self._open = open_
        self._source: FrameSource | None = None
        self._error: BaseException | None = None
        self._left = False
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="opening", daemon=True).start()

    def result(self) -> FrameSource:
        """Return the source, once `done`; raises what opening it raised."""
        if self._error is not None:
            raise self._error
        assert self._source is not None
        return self._source

    def leave(self) -> None:
        """Close the source as soon as it is there."""
        with self._lock:
            self._left = True
            source = self._source
        if source is not None:
            source.close()

    def _run(self) -> None:
        try:
            source = self._open()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error
        else:
            with self._lock:
                self._source, left = source, self._left
            if left:
                source.close()
        finally:
            self.done.set()


def _rendered(source: RenderedSource, sport: str) -> SourcePlan:
    asked = source.model_dump(include={"seed", "seconds", "width", "height", "fps"})
    options = urlencode(asked | {"seconds": source.seconds or _ENDLESS_S})
    opened = partial(open_source, f"rendered:{sport}?{options}")
    return SourcePlan((lambda: Paced(opened())) if source.live else opened, live=False)


def _with_credentials(source: RtspSource) -> str:
    """Return the address with the user and password given beside it, percent-encoded."""
    user, password = credentials(source)
    if user is None:
        return source.url
    parts = urlsplit(source.url)
    host = parts.netloc.rpartition("@")[2]
    userinfo = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return urlunsplit(parts._replace(netloc=f"{userinfo}@{host}"))
