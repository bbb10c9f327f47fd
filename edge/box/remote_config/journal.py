"""What was tried and what became of it, on disk: so that a box that dies in between knows.

Not thread-safe: the keeper's thread has it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from edge.box.remote_config.request import ConfigCandidate, Options, candidate_of
from edge.config import Config, Problem
from edge.config.remote_merge import local_differences
from edge.config.store import AttemptOutcome, AttemptRecord, ConfigStore

log = logging.getLogger(__name__)


class Journal:
    """The record of the last desired configuration, and the files that belong to it."""

    def __init__(self, store: ConfigStore) -> None:
        self._store = store
        self._before: AttemptRecord | None = None
        self.record = store.record()

    def resume(self, file: Config, options: Options) -> ConfigCandidate | None:
        """Settle what the last run left; returns a configuration that waited for this start."""
        record = self.record
        if record is not None and record.outcome is AttemptOutcome.TRYING:
            record = self._settled(record, file)
        self.record = record
        waiting = _waiting(record)
        if waiting is None:
            return None
        self.record = waiting
        try:
            self._store.resume()
            staged = self._store.staged()
        except OSError:
            staged = None
        if staged is None:
            self._store.discard()
            self._close_record(waiting, f"{self._store.pending.name} is gone or broken")
            return None
        edited = local_differences(file, staged[0])
        if edited:
            self._store.discard()
            self._close_record(waiting, f"the box's own file was edited since: {edited[0]}")
            return None
        # on disk it is on trial from here on: should the box die of it, it is not tried again
        self._write(replace(waiting, outcome=AttemptOutcome.TRYING))
        return candidate_of(waiting, *staged, file, options)

    def begin(self, candidate: ConfigCandidate) -> None:
        """Write the attempt and the new file down; raises OSError, and all is as it was.

        What waits for a start goes on waiting, until this one is taken in its place.
        """
        self._before = self.record
        record = replace(_record(candidate, AttemptOutcome.TRYING), pending=_waiting(self.record))
        try:
            self._store.remember(record)
            self._store.stage(candidate.text)
        except OSError:
            self._restore()
            raise
        self.record = record

    def commit(self, candidate: ConfigCandidate) -> None:
        """Make the new file the file; raises OSError, and the file is as it was."""
        self._store.commit()
        self._end(_record(candidate, AttemptOutcome.APPLIED))
        self._store.discard_pending()

    def wait(self, candidate: ConfigCandidate) -> None:
        """Leave the new file for the next start; raises OSError, and it is only staged."""
        self._store.wait()
        self._end(_record(candidate, AttemptOutcome.PENDING_RESTART))

    def refuse(
        self, candidate: ConfigCandidate, outcome: AttemptOutcome, problems: Iterable[Problem]
    ) -> None:
        """Remove the new file; one that waited before goes on waiting."""
        self._store.discard()
        pending = self.record.pending if self.record is not None else None
        self._end(replace(_record(candidate, outcome, problems), pending=pending))

    def give_up(self, candidate: ConfigCandidate, *, waited: bool) -> None:
        """Leave no trace of a trial that the end of the box cut short: it is tried again."""
        if waited:
            try:
                self.wait(candidate)
            except OSError as error:
                log.warning("%s: cannot be written: %s", self._store.pending, error.strerror)
        else:
            self._store.discard()
            self._restore()

    def seen(self, file: Config) -> int:
        """Return the highest revision so far; `file` is the configuration in force."""
        records = (self.record, _waiting(self.record))
        return max(file.revision, *(r.revision for r in records if r is not None), 0)

    def keep_good(self, text: str) -> None:
        """Take note that the box ran well under this file."""
        self._store.keep_good(text)

    def keep_if_none_is(self, text: str) -> None:
        """Keep an applied file as good though no frame came yet, where nothing better is known.

        A box that says `applied` starts again even if the file is broken a moment later.
        """
        if self._store.last_good() is None:
            self._store.keep_good(text)

    def untested(self, file: Config, text: str) -> bool:
        """Whether the file came over MQTT and never processed a frame, with a good one before."""
        record = self.record
        remote = record is not None and record.outcome is AttemptOutcome.APPLIED
        if not remote or record is None or record.revision != file.revision:
            return False
        good = self._store.last_good()
        return good is not None and good[1] != text

    def fall_back(self, file: Config, why: Problem) -> Config | None:
        """Put the last good configuration in place of `file`; None where that cannot be done."""
        good = self._store.last_good()
        if good is None or self.record is None:
            return None
        edited = local_differences(file, good[0])
        if edited:  # what a person changed at the box stays
            log.warning("%s: not used, as %s was changed since", self._store.good, edited[0])
            return None
        try:
            self._store.stage(good[1])
            self._store.commit()
        except OSError as error:
            log.warning("%s: cannot be written: %s", self._store.file, error.strerror)
            return None
        self._end(replace(self.record, outcome=AttemptOutcome.ROLLED_BACK, problems=(why,)))
        return good[0]

    def _settled(self, record: AttemptRecord, file: Config) -> AttemptRecord:
        """Say what became of a trial during which the box died."""
        if record.revision == file.revision:  # it had become the file
            self._end(replace(record, outcome=AttemptOutcome.APPLIED, pending=None))
            self._store.discard_pending()
        else:
            self._store.discard()
            self._close_record(record, "the box stopped or crashed while this was on trial")
        assert self.record is not None
        return self.record

    def _close_record(self, record: AttemptRecord, why: str) -> None:
        problem = Problem("", None, why)
        self._end(replace(record, outcome=AttemptOutcome.ROLLED_BACK, problems=(problem,)))

    def _end(self, record: AttemptRecord) -> None:
        self.record = record
        self._write(record)

    def _restore(self) -> None:
        self.record = self._before
        if self._before is None:
            self._store.forget()
        else:
            self._write(self._before)

    def _write(self, record: AttemptRecord) -> None:
        try:
            self._store.remember(record)
        except OSError as error:
            log.warning("%s: cannot be written: %s", self._store.state, error.strerror)


def _waiting(record: AttemptRecord | None) -> AttemptRecord | None:
    """Return what waits for a start: the last that was desired, or one before it."""
    if record is None or record.outcome is AttemptOutcome.PENDING_RESTART:
        return record
    return record.pending


def _record(
    candidate: ConfigCandidate, outcome: AttemptOutcome, problems: Iterable[Problem] = ()
) -> AttemptRecord:
    return AttemptRecord(
        candidate.revision,
        candidate.ref.id,
        candidate.digest,
        outcome,
        tuple(problems),
        tuple(candidate.changes),
    )
