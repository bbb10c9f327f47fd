"""The work of `touchline segments`: file after file, each finished before the next is begun."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from rich.progress import Progress, TaskID

from edge.cli.output import note, print_json, progress
from edge.errors import BundleError, EngineError, SourceError, TouchlineError, UsageError
from edge.part_file import sweep_parts, write_new
from edge.paths import real_path, state_folder
from edge.publish.queue.segments_publisher import SegmentsPublisher, job_of
from edge.segments.analyse import analyse
from edge.segments.analysis import Analysis
from edge.segments.claims import Claims
from edge.segments.document import Programme, programme_of, readable
from edge.segments.formats import FORMATS
from edge.segments.inference import SegmentsNetwork
from edge.segments.layout import is_ours, laid_out
from edge.segments.manifest import SegmentsBundle
from edge.segments.media import open_media
from edge.segments.records import FilmRecord, Records, key_of
from edge.segments.remux import write_chapters

SUFFIXES = (
    ".3gp", ".asf", ".avi", ".divx", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".ts", ".vob", ".webm", ".wmv",
)  # fmt: skip
"""What is taken from folders; a file that is named is tried whatever it is called."""
_PATIENCE_S, _IMPATIENT_S = 30.0, 1.0
"""How long a broker may be away; and once it was away for so long, for the films that follow."""
_STAGES = {"read": "reading", "look": "looking again", "near": "finding cuts"}


@dataclass(frozen=True, slots=True)
class Task:
    """A film, and the folder that it was found under."""

    film: Path
    root: Path


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command was asked for."""

    formats: tuple[str, ...] = ()
    out: Path | None = None
    beside: bool = False
    overwrite: bool = False
    explain: Path | None = None
    write_chapters: bool = False
    as_json: bool = False
    exact: bool = False
    window_s: float | None = None
    use_chapters: bool = True
    again: bool = False

    @property
    def is_filed(self) -> bool:
        """Whether the forms go into files."""
        return self.out is not None or self.beside


class SegmentsRun:
    """One run of the command. Close it: it holds a network.

    In the place of a bundle stands why there is none: then only chapters tell.
    """

    def __init__(
        self,
        bundle: SegmentsBundle | BundleError,
        wanted: Wanted,
        publisher: SegmentsPublisher | None = None,
        job: str | None = None,
    ) -> None:
        self._bundle: SegmentsBundle | BundleError | EngineError = bundle
        """Or why it cannot be asked."""
        self._wanted = wanted
        self._publisher = publisher
        self._job = job
        self._network: SegmentsNetwork | None = None
        key = key_of(
            bundle if isinstance(bundle, SegmentsBundle) else None,
            exact=wanted.exact,
            window_s=wanted.window_s,
            use_chapters=wanted.use_chapters,
        )
        self._folder = state_folder() / "segments"
        self._records, self._claims = Records(self._folder, key), Claims(self._folder)
        self._shared: list[Task] = []
        """Films that another run has in work."""
        self._forgetful = False
        self._names: dict[Path, Path] = {}
        """Output file -> film, so that two films do not write one file."""
        self._many = False
        self._patience_s = _PATIENCE_S

    def close(self) -> None:
        """Let the network go."""
        if self._network is not None:
            self._network.close()

    def all(self, tasks: Sequence[Task]) -> int:
        """Do all files; 1 when one failed. What is finished is kept when it is interrupted."""
        failed = done = 0
        self._many = len(tasks) > 1
        with progress() as bar:
            overall = bar.add_task("files", total=len(tasks), detail="", visible=self._many)
            try:
                for task, is_shared in self._in_turn(tasks):
                    with self._claims.taken(task.film, wait=is_shared) as is_taken:
                        if not is_taken:
                            self._shared.append(task)
                            continue
                        failed += not self._one(task, bar, is_shared=is_shared)
                    done += 1
                    bar.update(overall, advance=1)
            except KeyboardInterrupt:
                note(f"stopped; {done} of {len(tasks)} files are done, the same command goes on")
                raise
        if self._many and failed:
            note(f"{failed} of {len(tasks)} files failed")
        return 1 if failed else 0

    def _in_turn(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, bool]]:
        """All files, then again those that another run had in work, whose results are there."""
        yield from ((task, False) for task in tasks)
        for task in self._shared:
            note(f"{task.film}: another run has it in work; waiting for its end")
            yield task, True

    def check_outputs(self, tasks: Sequence[Task]) -> None:
        """Refuse outputs that are one of the films (UsageError), and tidy up after dead runs."""
        films = {identity: task.film for task in tasks if (identity := _identity(task.film))}
        folders = {real_path(task.film).parent for task in tasks} | {self._folder}
        suffixes = [FORMATS[name].suffix for name in self._wanted.formats] * self._wanted.is_filed
        if self._wanted.explain is not None:
            suffixes.append(".png")
        for task in tasks:
            for suffix in suffixes:
                target = self._target(task, suffix)
                film = films.get(_identity(target) or (0, 0))
                if film is not None:
                    raise UsageError(f"{target}: is the film {film}, which is read; rename it")
                folders.add(real_path(target).parent)
        for folder in folders:
            sweep_parts(folder)

    def _one(self, task: Task, bar: Progress, *, is_shared: bool = False) -> bool:
        """Do one file; whether that went well."""
        row = bar.add_task(task.film.name, total=None, detail="")
        try:
            self._do(task, bar, row, is_shared=is_shared)
        except UsageError:
            raise  # not the film's fault, and the next would fail as well
        except (BundleError, EngineError) as error:
            why = f"{task.film}: needs the model, which cannot be asked: {error}"
            return self._tell_failure(task, why)
        except TouchlineError as error:
            return self._tell_failure(task, str(error))
        except OSError as error:
            where = error.filename or task.film
            return self._tell_failure(task, f"{where}: {(error.strerror or str(error)).lower()}")
        finally:
            bar.remove_task(row)
        return True

    def _tell_failure(self, task: Task, line: str) -> bool:
        line = " ".join(line.split())
        if self._wanted.as_json:
            print_json({"file": readable(str(task.film)), "error": line})
        note(line)
        return False

    def _do(self, task: Task, bar: Progress, row: TaskID, *, is_shared: bool) -> None:
        film = task.film
        again = self._wanted.again and not is_shared  # another run repeated it just now
        record = None if again else self._records.find(film)
        picture = self._picture_of(task)
        analysis: Analysis | None = None
        if record is None or (picture is not None and not picture.exists()):
            ours = self._records.written(film)  # what we wrote ourselves tells nothing
            use_chapters = self._wanted.use_chapters and not ours
            analysis = self._analyse(film, bar, row, use_chapters=use_chapters)
            outputs, sums = self._records.outputs(film)
            record = FilmRecord(programme_of(analysis), outputs, ours, sums)
            self._keep(film, record)
        record = self._write_forms(task, record)
        if picture is not None and analysis is not None:
            from edge.segments.explain import save_picture  # noqa: PLC0415 - OpenCV, if asked for

            if picture.exists():
                self._check_ours(picture, record)
            save_picture(analysis, picture)
            record = record.with_output(real_path(picture), picture.read_bytes())
            self._keep(film, record)
        if self._wanted.write_chapters:
            record = self._write_chapters(film, record, bar, row)
        if self._publisher is not None:
            self._publish(self._publisher, film, record.programme)
        self._tell(record.programme)

    def _analyse(self, film: Path, bar: Progress, row: TaskID, *, use_chapters: bool) -> Analysis:
        def tell(stage: str, done_s: float, all_s: float | None) -> None:
            total = None if all_s is None else round(all_s)
            detail = f"s, {_STAGES.get(stage, stage)}"
            bar.update(row, completed=round(done_s), total=total, detail=detail)

        return analyse(
            film,
            self._loaded,
            exact=self._wanted.exact,
            window_s=self._wanted.window_s,
            use_chapters=use_chapters,
            progress=tell,
        )

    def _loaded(self) -> SegmentsNetwork:
        """The network, loaded when the first film needs it; why there is none, each time."""
        if self._network is None:
            if not isinstance(self._bundle, SegmentsBundle):
                raise self._bundle.with_traceback(None)
            try:
                self._network = SegmentsNetwork(self._bundle, threads=1)
            except (BundleError, EngineError) as error:
                self._bundle = error
                raise
        return self._network

    def _keep(self, film: Path, record: FilmRecord) -> None:
        try:
            self._records.keep(film, record)
        except OSError as error:
            if not self._forgetful:
                why = (error.strerror or str(error)).lower()
                note(f"{error.filename}: {why}; a run that stops will begin again")
            self._forgetful = True

    def _write_forms(self, task: Task, record: FilmRecord) -> FilmRecord:
        if not self._wanted.is_filed:
            return record
        for name in self._wanted.formats:
            form = FORMATS[name]
            target = self._target(task, form.suffix)
            data = form.write(record.programme).encode()
            if not target.exists() or target.read_bytes() != data:
                self._check_ours(target, record)
                target.parent.mkdir(parents=True, exist_ok=True)
                write_new(target, data)
            more = record.with_output(real_path(target), data)
            if more != record:
                record = more
                self._keep(task.film, record)
        return record

    def _check_ours(self, target: Path, record: FilmRecord) -> None:
        """Refuse to replace a file that this command did not write, or that was changed since."""
        if self._wanted.overwrite or not target.exists() or record.is_ours(real_path(target)):
            return
        is_known = readable(str(real_path(target))) in record.outputs
        why = "was changed since it was written" if is_known else "was not written by this command"
        raise SourceError(f"{target}: is there and {why}; --overwrite replaces it")

    def _target(self, task: Task, suffix: str) -> Path:
        """Where an output goes; the film's whole name where two would have one file."""
        folder = task.film.parent
        if self._wanted.out is not None and suffix != ".png":
            folder = self._wanted.out / _under(task)
        elif suffix == ".png" and self._wanted.explain is not None:
            folder = self._wanted.explain / _under(task)
        target = folder / f"{task.film.stem}{suffix}"
        if self._names.setdefault(target, task.film) != task.film:
            target = folder / f"{task.film.name}{suffix}"
        return target

    def _picture_of(self, task: Task) -> Path | None:
        return None if self._wanted.explain is None else self._target(task, ".png")

    def _write_chapters(
        self, film: Path, record: FilmRecord, bar: Progress, row: TaskID
    ) -> FilmRecord:
        programme = record.programme
        if programme.source == "chapters" or record.written == programme.segments:
            return record
        with open_media(film) as media:
            existing = [c for c in media.chapters if not record.written or not is_ours(c)]
        chapters = laid_out(programme.labelled(), programme.duration_s, existing)
        bar.update(row, completed=0, total=100, detail="%, writing chapters")
        write_chapters(film, chapters, lambda share: bar.update(row, completed=round(100 * share)))
        record = replace(record, written=programme.segments)
        self._keep(film, record)
        return record

    def _publish(self, publisher: SegmentsPublisher, film: Path, programme: Programme) -> None:
        patience_s, self._patience_s = self._patience_s, _IMPATIENT_S
        publisher.publish(self._job_of(film), programme, patience_s)
        self._patience_s = _PATIENCE_S

    def _job_of(self, film: Path) -> str:
        if self._job is not None and not self._many:
            return self._job
        return job_of(str(film), self._job)

    def _tell(self, programme: Programme) -> None:
        if self._wanted.as_json:
            print_json(programme.model_dump(mode="json"))
        elif self._wanted.formats and not self._wanted.is_filed:
            print(FORMATS[self._wanted.formats[0]].write(programme), end="")
        else:
            print("\n".join(_lines(programme)))
        for warning in programme.warnings:
            note(f"{programme.file}: {warning}")


def tasks_of(names: Sequence[str]) -> Iterator[Task]:
    """The films that names stand for, each once; folders are walked in order of their names.

    Raises UsageError for a folder without films, an address, and `-`.
    """
    seen: set[Path] = set()
    for name in names:
        path = _path_of(name)
        films = list(_walk(path)) if path.is_dir() else [path]
        if not films:
            raise UsageError(
                f"{path}: no film in this folder (looked for {' '.join(sorted(SUFFIXES))})"
            )
        for film in films:
            if (real := real_path(film)) not in seen:
                seen.add(real)
                yield Task(film, path if path.is_dir() else film.parent)


def _path_of(name: str) -> Path:
    """The path that a name stands for, `file://` or not; UsageError for an address and a pipe.

    An address may hold a password, so that no more than its scheme is told.
    """
    path = Path(name)
    with contextlib.suppress(OSError):  # a name that is too long is none of a file
        if path.exists():
            return path
    address = re.match(r"\s*([A-Za-z][A-Za-z0-9+.-]*)://", name)
    if address is not None and address.group(1).lower() == "file":
        return Path(unquote(name.strip()[len("file://") :].removeprefix("localhost")))
    if address is not None:
        raise UsageError(
            f"{address.group(1)}://…: segments takes files and folders, not addresses; "
            "save the programme first"
        )
    if name == "-":
        raise UsageError("-: segments reads a film more than once; save it to a file first")
    return path


def _identity(path: Path) -> tuple[int, int] | None:
    """What makes a file itself, through links; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _walk(folder: Path) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(at) / name


def _under(task: Task) -> Path:
    return task.film.parent.relative_to(task.root)


def _lines(programme: Programme) -> Iterator[str]:
    of_chapters = " (from its chapters)" if programme.source == "chapters" else ""
    yield f"{programme.file}{of_chapters}"
    for s in programme.segments:
        yield f"  {s.label:<6} {_clock(s.start_s)} - {_clock(s.end_s)}  {s.probability:.2f}"
    if not programme.segments:
        yield "  nothing is marked"


def _clock(seconds: float) -> str:
    tenths = round(seconds * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"
