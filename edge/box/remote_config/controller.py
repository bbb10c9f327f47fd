"""Keeps a box's configuration: takes what is desired, tries it, keeps it or puts it back, reports.

The order of every change: validate; write the attempt down and the new file beside the old one;
build what changes without touching what runs; apply; watch; rename the new file over the old one.
At any moment the file is whole, and a box that dies in between starts with the old one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from edge.box.remote_config.dry_run import dry_run
from edge.box.remote_config.journal import Journal
from edge.box.remote_config.probation import Probation
from edge.box.remote_config.remote_paths import path_problems
from edge.box.remote_config.reports import Reports
from edge.box.remote_config.request import (
    ConfigCandidate,
    Known,
    Refusal,
    digest_of,
    judge,
    read_desired,
)
from edge.box.remote_config.run_handle import Run, RunWishes
from edge.config import Config, Problem, with_changes
from edge.config.effects import says_where
from edge.config.store import AttemptOutcome, AttemptRecord, ConfigStore
from edge.config.yaml_tree import MAX_BYTES
from edge.publish.messages.config import ConfigStatus, DesiredRef

log = logging.getLogger(__name__)

_LOOK_S = 0.05
_MOST_WAITING = 16
_SENT_WITHIN_S = 2.0
_RECENT_S = 5.0
"""A configuration under which a frame came this recently is one that processes frames."""


class _ControllerClosing(Exception):  # noqa: N818 - no error: the box ends
    """The box ends in the middle of something."""


class ConfigController:
    """Decides under which configuration the box runs; has a thread of its own.

    The main thread runs the turns: `first`, then `following` after each, and `close` at the end.
    """

    def __init__(self, store: ConfigStore, wishes: RunWishes) -> None:
        """Load the configuration; raises ConfigError where there is none to start with."""
        loaded = store.load()
        self._name, self._path = store.file.name, store.file
        self._wishes = wishes
        self._broken = loaded.problems
        """What is wrong with the file, until another takes its place."""
        self._unproven = None if loaded.problems else loaded.text
        """The file's text, until the box has processed frames under it for a while."""
        self._file = loaded.config
        self._config = with_changes(loaded.config, wishes.options)
        self._attempts = Journal(store)
        self._pending = self._attempts.resume(self._file, wishes.options)
        self._changed = threading.Condition()
        self._inbox: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._closing = False
        self._on_trial = self._pending is not None
        self._wanted: Run | None = None
        self._turn = Run(self._pending.config if self._pending else self._config, wishes.watcher)
        self.reports = Reports(self.receive)
        self._say_at_start()
        self._thread = threading.Thread(target=self._work, name="touchline-config", daemon=True)

    # -- for the main thread

    @property
    def first(self) -> Run:
        """The turn to begin with: on trial where a configuration waited for this start."""
        return self._turn

    def start(self) -> None:
        """Start listening to what is desired."""
        self._thread.start()

    def failed(self, turn: Run, error: Exception) -> None:
        """Take note that a turn could not start, or broke."""
        with self._changed:
            turn.error = error
            self._changed.notify_all()

    def ended(self, turn: Run) -> None:
        """Take note that a turn came to its end."""
        with self._changed:
            turn.ended = True
            self._changed.notify_all()

    def following(self) -> Run | None:
        """Return the turn that follows, once that is decided; None if none does."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted is not None or not self._undecided)
            wanted, self._wanted = self._wanted, None
            return wanted

    @property
    def _undecided(self) -> bool:
        return self._on_trial or (self._unproven is not None and self._thread.is_alive())

    def again(self, turn: Run, wait_s: float) -> Run:
        """Return a turn under the same configuration after a while, or one that is wanted now."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted is not None, wait_s)
            if self._wanted is None:
                self._turn = Run(turn.config, self._wishes.watcher, comes_back=True)
                return self._turn
            wanted, self._wanted = self._wanted, None
            return wanted

    def close(self) -> None:
        """End; a trial that runs is given up, and what was desired is tried at the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._turn.drop_network()
        self.reports.close()

    # -- for the network's thread

    def receive(self, payload: bytes) -> None:
        """Take what is desired; of too many at once the oldest are dropped."""
        with self._changed:
            self._inbox.append(payload[: MAX_BYTES + 1])  # one that is longer is refused anyway
            self._changed.notify_all()

    # -- the keeper's thread

    def _work(self) -> None:
        try:
            if self._pending is not None:
                self._safely(partial(self._try_pending, self._pending))
            if self._broken:
                self._await_stages()
                log.warning("%s: %s; the last good one is used", self._name, self._broken[0])
            while True:
                self._safely(partial(self._handle, self._next_message()))
        except _ControllerClosing:
            pass

    def _safely(self, step: Callable[[], None]) -> None:
        """Do a step; what nobody thought of is reported, and the box goes on."""
        try:
            step()
        except _ControllerClosing:
            raise
        except Exception as error:
            log.exception("remote configuration")
            self._say(ConfigStatus.REJECTED, None, [_problem(f"{type(error).__name__}: {error}")])
        finally:
            with self._changed:
                self._on_trial = False
                self._changed.notify_all()
            self.reports.settle(_SENT_WITHIN_S)  # each message has its answer before the next

    def _next_message(self) -> bytes:
        with self._changed:
            while not self._inbox:
                self._look(None if self._unproven is None else _LOOK_S)
                self._look_after()
            return self._inbox.popleft()

    def _look(self, wait_s: float | None = _LOOK_S) -> None:
        """Wait for news, under the lock."""
        if not self._closing:
            self._changed.wait(wait_s)
        if self._closing:
            raise _ControllerClosing

    def _look_after(self) -> None:
        """Keep the file as good once frames were processed under it; go back where it breaks."""
        turn, text = self._turn, self._unproven
        if text is None:
            return
        vitals = turn.vitals(time.monotonic())
        stood_s = 0.0 if turn.stood_since_s is None else time.monotonic() - turn.stood_since_s
        if turn.error is not None:
            self._fall_back(turn, text)
        elif vitals.frames and stood_s >= self._config.remote.probation_s:
            self._attempts.keep_good(text)
        elif not turn.ended:
            return
        self._unproven = None
        self._changed.notify_all()

    def _fall_back(self, turn: Run, text: str) -> None:
        """Return to the last good file where this one came over MQTT and never did anything."""
        if turn.comes_back or not self._attempts.untested(self._file, text):
            return
        good = self._attempts.fall_back(self._file, _problem(str(turn.error)))
        if good is not None:
            log.warning("%s: %s; the last good one is used", self._name, turn.error)
            self._file, self._config = good, with_changes(good, self._wishes.options)
            self._back_to(self._config, turn)
            self._say_record()

    def _handle(self, payload: bytes) -> None:
        desired = read_desired(payload, self._file)
        if isinstance(desired, Refusal):
            self._say(ConfigStatus.REJECTED, desired.ref, desired.problems)
            return
        record = self._attempts.record
        if record is not None and digest_of(desired) == record.digest:
            if not self._is_history(record):
                self._say_again(replace(record, id=desired.id))
            return
        verdict = judge(desired, Known(self._file, self._seen, self._wishes.options, self._path))
        if isinstance(verdict, Refusal):
            self._say(ConfigStatus.REJECTED, verdict.ref, verdict.problems)
        else:
            self._try(verdict)

    def _try(self, candidate: ConfigCandidate) -> None:
        self._await_stages()
        try:
            self._attempts.begin(candidate)
        except OSError as error:
            self._say(ConfigStatus.REJECTED, candidate.ref, [self._disk_problem(error)])
            return
        make = self._wishes.make_network
        heavy = [path for path, change in candidate.changes.items() if change != "live"]
        strange = path_problems(candidate.paths)
        if strange:  # nothing is opened
            self._refuse(candidate, AttemptOutcome.REJECTED, strange)
            return
        built = dry_run(candidate.config, heavy, make, self._wishes.source)
        stands = self._turn.stood_since_s is not None
        if built.problems:
            self._refuse(candidate, AttemptOutcome.REJECTED, built.problems)
        elif candidate.takes == "restart":
            self._leave_for_start(candidate)
        elif candidate.takes == "live" and stands:
            self._apply_live(candidate)
        else:
            turn = Run(candidate.config, self._wishes.watcher, network=built.network)
            self._rebuild(candidate, turn)
            return
        if built.network is not None:
            built.network.registrar.close()

    def _leave_for_start(self, candidate: ConfigCandidate) -> None:
        try:
            self._attempts.wait(candidate)
        except OSError as error:
            self._refuse(candidate, AttemptOutcome.REJECTED, [self._disk_problem(error)])
            return
        self._say_record()

    def _await_stages(self) -> None:
        """Wait until the stages stand, unless they cannot be built: nothing changes meanwhile."""
        with self._changed:
            while not self._turn.settled:
                self._look()

    def _apply_live(self, candidate: ConfigCandidate) -> None:
        turn, before = self._turn, self._turn.config
        probation = self._probation(candidate, turn)
        with self._changed:
            self._on_trial = True
        self._apply(turn, candidate.config)
        problem = self._verdict(candidate, turn, probation)
        if problem is not None:
            self._apply(turn, before)
            self._refuse(candidate, AttemptOutcome.ROLLED_BACK, [problem])

    def _apply(self, turn: Run, config: Config) -> None:
        self._wishes.on_config(config)
        turn.apply(config)

    def _rebuild(self, candidate: ConfigCandidate, turn: Run) -> None:
        before = self._turn
        probation = self._probation(candidate, before)
        self._switch(before, turn)
        problem = self._verdict(candidate, turn, probation)
        if problem is not None:
            self._back_to(before.config, turn)
            self._refuse(candidate, AttemptOutcome.ROLLED_BACK, [problem])

    def _try_pending(self, candidate: ConfigCandidate) -> None:
        """Watch the first turn, under a configuration that waited for this start."""
        probation = Probation(
            candidate.config.remote.probation_s,
            needs_frames=False,
            needs_broker=any(says_where(path) for path in candidate.changes),
        )
        problem = self._verdict(candidate, self._turn, probation)
        if problem is not None:
            self._back_to(self._config, self._turn)
            self._refuse(candidate, AttemptOutcome.ROLLED_BACK, [problem])

    def _verdict(
        self, candidate: ConfigCandidate, turn: Run, probation: Probation
    ) -> Problem | None:
        """Watch a trial and keep what passes; returns what was wrong otherwise."""
        try:
            failure = self._watch(turn, probation)
        except _ControllerClosing:
            self._attempts.give_up(candidate, waited=candidate is self._pending)
            raise
        if failure is not None:
            return _problem(failure)
        try:
            self._attempts.commit(candidate)
        except OSError as error:
            return self._disk_problem(error)
        self._file, self._config = candidate.file, candidate.config
        self._broken = ()
        if turn.vitals(time.monotonic()).frames:
            self._attempts.keep_good(candidate.text)
            self._unproven = None
        else:
            self._attempts.keep_if_none_is(candidate.text)
            self._unproven = candidate.text
        self._say_record()
        return None

    def _watch(self, turn: Run, probation: Probation) -> str | None:
        """Wait for the end of the probation; says what failed, None when it is passed."""
        with self._changed:
            while turn.error is None:
                now_s = time.monotonic()
                if turn.stood_since_s is not None:
                    vitals, elapsed_s = turn.vitals(now_s), now_s - turn.stood_since_s
                    failure = probation.failure(vitals, elapsed_s)
                    if failure is not None or probation.passed(vitals, elapsed_s):
                        return failure
                self._look()
            return str(turn.error) or type(turn.error).__name__

    def _probation(self, candidate: ConfigCandidate, before: Run) -> Probation:
        age_s = before.vitals(time.monotonic()).frame_age_s
        return Probation(
            candidate.config.remote.probation_s,
            needs_frames=age_s is not None and age_s < _RECENT_S,
            needs_broker=False,
        )

    def _switch(self, before: Run, turn: Run) -> None:
        with self._changed:
            self._on_trial = True
            self._turn = self._wanted = turn
            before.over.set()
            self._changed.notify_all()

    def _back_to(self, config: Config, failed: Run) -> None:
        self._switch(failed, Run(config, self._wishes.watcher, comes_back=True))

    # -- what is said

    @property
    def _seen(self) -> int:
        return self._attempts.seen(self._file)

    def _is_history(self, record: AttemptRecord) -> bool:
        """Whether somebody edited or broke the file since this was applied."""
        applied = record.outcome is AttemptOutcome.APPLIED
        return bool(self._broken) or (applied and record.revision != self._file.revision)

    def _say_at_start(self) -> None:
        record = self._attempts.record
        if self._broken:
            self._say(ConfigStatus.REJECTED, None, self._broken)
        elif record is None or self._is_history(record):
            self._say(ConfigStatus.APPLIED, None)
        else:
            self._say_again(record)

    def _refuse(
        self, candidate: ConfigCandidate, outcome: AttemptOutcome, problems: list[Problem]
    ) -> None:
        why = "; ".join(str(problem) for problem in problems)
        log.warning("configuration, revision %d: %s: %s", candidate.revision, outcome.value, why)
        self._attempts.refuse(candidate, outcome, problems)
        self._say_record()

    def _disk_problem(self, error: OSError) -> Problem:
        return _problem(f"{self._name} cannot be written: {error.strerror or error}")

    def _say(
        self, status: ConfigStatus, ref: DesiredRef | None, problems: Iterable[Problem] = ()
    ) -> None:
        self.reports.say(status, self._config, seen=self._seen, desired=ref, problems=problems)

    def _say_record(self) -> None:
        assert self._attempts.record is not None
        self._say_again(self._attempts.record)

    def _say_again(self, record: AttemptRecord) -> None:
        """Report what became of a desired configuration that was tried."""
        self.reports.say(
            ConfigStatus(record.outcome.value),
            self._config,
            seen=self._seen,
            desired=DesiredRef(revision=record.revision, id=record.id),
            problems=record.problems,
            changed=record.changed,
        )


def _problem(message: str) -> Problem:
    """Return a problem of the box as a whole."""
    return Problem("", None, " ".join(message.split())[:300])
