"""One file in, its recap and intro out.

Chapters that name them come first: they are free and exact. Then sound and key frames of the whole
file; then a picture of each second of what these suspect; then, around the ends of what was found,
every picture, for the cuts to put them on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edge.errors import SourceError
from edge.segments import second_pass
from edge.segments.analysis import Analysis
from edge.segments.boundary_refinement import around_s, cues_near, stretches
from edge.segments.chapters import labelled
from edge.segments.crf import marginals
from edge.segments.cues import silences
from edge.segments.decode import Cues, decode, movable, snapped
from edge.segments.demux import DecodedPicture, Packed, Reader, whole_seconds
from edge.segments.inference import SegmentsNetwork
from edge.segments.malloc_trim import give_back
from edge.segments.manifest import SegmentsBundle
from edge.segments.media import Media, open_media
from edge.segments.prefetch import ahead
from edge.segments.row_builder import Rows
from edge.segments.types import Emissions, Segment
from edge.types import FloatArray

Progress = Callable[[str, float, float | None], None]
"""Called with the stage (`read`, `look`, `near`), the seconds done, and all there are if known."""
Loader = Callable[[], SegmentsNetwork]
"""Gives a network, and keeps it."""
_STRIP = 96
"""Pictures of a strip, about."""
_STRIP_EVERY_S = 20.0
"""For a file whose length no header tells."""
_TELL_S = 10.0
"""Seconds of the programme between two calls of `progress`."""
_SPARSE_S = 30.0
"""Key frames that are farther apart on the average tell too little."""


def analyse(
    path: Path | str,
    bundle: SegmentsBundle | SegmentsNetwork | Loader,
    *,
    exact: bool = False,
    window_s: float | None = None,
    use_chapters: bool = True,
    progress: Progress | None = None,
) -> Analysis:
    """Find the recap and the intro of a file.

    `exact` decodes a picture of each second instead of key frames; `window_s` looks at so much of
    the beginning. A network that was loaded already saves loading it for each file; a callable
    gives one when it is needed, which chapters may spare. Raises SourceError for what is no
    programme, BundleError or EngineError for a bundle that does not load.
    """
    try:
        return _analysed(
            path, bundle, exact=exact, window_s=window_s, use_chapters=use_chapters,
            progress=progress,
        )  # fmt: skip
    finally:
        give_back()


def _analysed(
    path: Path | str,
    bundle: SegmentsBundle | SegmentsNetwork | Loader,
    *,
    exact: bool,
    window_s: float | None,
    use_chapters: bool,
    progress: Progress | None,
) -> Analysis:
    started, cpu = time.perf_counter(), time.process_time()
    with open_media(path) as media:
        named = labelled(media.chapters) if use_chapters else ()
        if named:
            found = _of_chapters(media, named)
        elif media.encryption is not None:
            raise SourceError(
                f"{media.path}: the film is encrypted ({media.encryption}), so that its pictures "
                "and sound cannot be read; give a copy without encryption"
            )
        elif isinstance(bundle, SegmentsBundle):
            network = SegmentsNetwork(bundle, threads=1)
            try:
                found = _Work(media, network, progress).run(exact=exact, window_s=window_s)
            finally:
                network.close()
        else:
            network = bundle if isinstance(bundle, SegmentsNetwork) else bundle()
            found = _Work(media, network, progress).run(exact=exact, window_s=window_s)
        total = {"total": time.perf_counter() - started, "cpu": time.process_time() - cpu}
        return replace(
            found,
            warnings=tuple(media.warnings),
            chapters=media.chapters,
            seconds=found.seconds | total,
        )


def _of_chapters(media: Media, named: tuple[Segment, ...]) -> Analysis:
    duration_s = media.duration_s or media.chapters[-1].end_s
    return Analysis(str(media.path), duration_s, named, "chapters", candidates=named)


class _Work:
    """The analysis of one file by the network."""

    def __init__(self, media: Media, network: SegmentsNetwork, progress: Progress | None) -> None:
        self._media = media
        self._network = network
        self._progress: Progress = progress or (lambda *_: None)
        self._seconds: dict[str, float] = {}

    def run(self, *, exact: bool, window_s: float | None) -> Analysis:
        """Read, judge, decode, and put the ends on cuts."""
        media = self._media
        reader = Reader(media, exact=exact, until_s=window_s)
        rows = Rows(
            self._network,
            has_sound=media.sound is not None,
            strip_every_s=media.duration_s / _STRIP if media.duration_s else _STRIP_EVERY_S,
        )
        self._read(reader, rows)
        if not exact and self._is_sparse(reader):
            return self._again(window_s)
        end_s = self._end_s(reader, window_s)
        with self._stage("judge"):
            judged = rows.finish(whole_seconds(end_s))
        if not exact and not reader.jumps:  # it can be wound to times that are its own
            judged = self._looked_again(judged, rows, end_s)
        with self._stage("decode"):
            candidates, probabilities = self._decode(judged, end_s)
        rules = self._network.bundle.manifest.decode_rules()
        sure = [s for s in candidates if s.probability >= rules[s.label].threshold]
        with self._stage("near"):
            cues = self._cues(sure, rows, end_s, is_straight=not reader.jumps)
        strip_s, strip = rows.strip
        return Analysis(
            str(media.path),
            duration_s=end_s if window_s is None else media.duration_s or end_s,
            segments=snapped(sure, cues, end_s=end_s),
            mode="exact" if exact else "keyframes",
            window_s=window_s,
            bundle=self._network.bundle.label,
            marginals=probabilities,
            cues=cues,
            levels_db=rows.levels,
            seconds=self._seconds,
            candidates=candidates,
            strip_s=strip_s,
            strip=strip,
        )

    def _read(self, reader: Reader, rows: Rows) -> None:
        """Decode sound and judge, while a thread reads on and decodes pictures."""

        def read() -> Generator[DecodedPicture | Packed, None, None]:
            parts = reader.parts()
            while True:
                with self._stage("read"):
                    part = next(parts, None)
                if part is None:
                    return
                yield part

        told_s = 0.0
        with ahead(read) as parts:
            for piece in reader.opened(parts):
                if isinstance(piece, DecodedPicture):
                    with self._stage("see"):
                        rows.see(piece)
                else:
                    with self._stage("hear"):
                        rows.hear(piece)
                if reader.end_s >= told_s + _TELL_S:
                    told_s = reader.end_s
                    self._progress("read", told_s, self._media.duration_s)
        if self._media.sound is None and (reader.packets <= 1 or not reader.pictures):
            what = "a single picture" if reader.packets == 1 else "no picture of it can be decoded"
            raise SourceError(f"{self._media.path}: {what}; give a video with a programme")

    def _is_sparse(self, reader: Reader) -> bool:
        return reader.pictures < min(reader.packets, max(2.0, reader.end_s / _SPARSE_S - 1))

    def _again(self, window_s: float | None) -> Analysis:
        """Decode a picture of each second instead."""
        with open_media(self._media.path) as media:
            found = _Work(media, self._network, self._progress).run(exact=True, window_s=window_s)
        note = "hardly any key frames: a picture of each second was decoded instead"
        self._media.warnings[:] = [*media.warnings, note]
        return found

    def _end_s(self, reader: Reader, window_s: float | None) -> float:
        """Where the programme or the window ends: as the header says, unless that is wrong."""
        told_s = self._media.duration_s
        is_right = told_s is not None and abs(told_s - reader.end_s) < 1.0
        return told_s if told_s is not None and is_right and window_s is None else reader.end_s

    def _decode(self, judged: Emissions, end_s: float) -> tuple[tuple[Segment, ...], FloatArray]:
        manifest = self._network.bundle.manifest
        crf = manifest.crf.crf
        any_ = {k: replace(r, threshold=0.0) for k, r in manifest.decode_rules().items()}
        found = decode(judged, crf, any_, manifest.verifiers_by_label())
        # the last second is one that has begun
        ended = [replace(s, end_s=end_s) if s.end_s >= len(judged) else s for s in found]
        return tuple(ended), marginals(judged.emissions, judged.chain(crf))

    def _suspects(self, judged: Emissions) -> tuple[Segment, ...]:
        """All that may be a segment, however doubtful it is or its ends are."""
        manifest = self._network.bundle.manifest
        rules = manifest.decode_rules().items()
        doubtful = {k: replace(r, threshold=0.0, ends=0.0) for k, r in rules}
        return decode(judged, manifest.crf.crf, doubtful)

    def _looked_again(self, judged: Emissions, rows: Rows, end_s: float) -> Emissions:
        """With a picture of each second of what is suspected."""
        with self._stage("decode"):
            suspects = self._suspects(judged)
        wanted = second_pass.spans([s for s in suspects if s.start_s >= rows.open_from_s], end_s)
        if self._media.video is None or not wanted:
            return judged
        give_back()  # what the reading needed is not needed beside a second decoder
        whole_s = sum(b - a for a, b in wanted)

        def seen() -> Iterator[DecodedPicture]:
            for done_s, picture in enumerate(second_pass.pictures(self._media, wanted)):
                self._progress("look", float(done_s), whole_s)
                yield picture

        with self._stage("look"):
            return rows.look_again(seen())

    def _cues(
        self, segments: Sequence[Segment], rows: Rows, end_s: float, *, is_straight: bool
    ) -> Cues:
        silent = silences(rows.levels)
        if not is_straight:  # the file cannot be wound to times that are not its own
            return Cues(silence_s=silent)
        around = around_s(self._media.frame_s)
        spans = stretches(movable(segments, end_s), end_s, around)
        if spans:
            give_back()  # what the reading needed is not needed beside a second decoder
        self._progress("near", 0.0, sum(b - a for a, b in spans))
        cuts_s, black_s = cues_near(self._media, spans)
        return Cues(cuts_s, black_s, silent)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self._seconds[name] = self._seconds.get(name, 0.0) + spent
