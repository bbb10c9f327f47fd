"""kill -9 at random moments while a box writes its configuration: always one whole valid file.

    python benchmarks/kill_config.py --kills 300

A child writes one revision after the other as a box does (attempt, new file, rename, good copy,
record), and is killed. After each kill the parent starts as a box does and checks every file.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

from edge.box.remote_config.journal import Journal
from edge.box.remote_config.request import ConfigCandidate, Known, judge
from edge.config import Config, Problem
from edge.config.store import AttemptOutcome, ConfigStore
from edge.config.write import to_yaml
from edge.publish.messages.config import ConfigDesired


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)  # noqa: S311 - no secret
    found: Counter[str] = Counter()
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        store = ConfigStore(Path(folder) / "touchline.yaml")
        store.file.write_text(to_yaml(_settings(0), "first"))
        for _ in range(options.kills):
            _kill_one(store, rng)
            _check(store, found)
        revisions = store.load().config.revision
    print(f"{options.kills} kills in {time.monotonic() - begun_s:.1f} s, {revisions} revisions")
    print("the last trial was found:", dict(found.most_common()))


def _kill_one(store: ConfigStore, rng: random.Random) -> None:
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ready)
        _write_for_ever(store, told, rng.random())
    os.close(told)
    os.read(ready, 1)
    time.sleep(rng.uniform(0, 0.08))
    os.kill(child, signal.SIGKILL)
    os.close(ready)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the child ended by itself: {status}"


def _write_for_ever(store: ConfigStore, told: int, seed: float) -> None:
    try:
        rng = random.Random(seed)  # noqa: S311 - no secret
        file = store.load().config
        attempts = Journal(store)
        attempts.resume(file, {})
        os.write(told, b".")
        while True:
            record = attempts.record
            seen = max(file.revision, record.revision if record else 0)
            candidate = _candidate(seen + 1, file, seen)
            attempts.begin(candidate)
            if rng.random() < 0.2:
                attempts.refuse(candidate, AttemptOutcome.REJECTED, [Problem("engine", None, "no")])
            else:
                attempts.commit(candidate)
                file = candidate.file
                os.write(told, b".")
    finally:
        os._exit(1)


def _candidate(revision: int, file: Config, seen: int) -> ConfigCandidate:
    desired = ConfigDesired(revision=revision, config=_settings(revision))
    candidate = judge(desired, Known(file, seen, {}))
    assert isinstance(candidate, ConfigCandidate), candidate
    return candidate


def _settings(revision: int) -> dict[str, object]:
    """Return a configuration whose parts fit together in no other way, up to 4 KB."""
    word = hashlib.sha256(str(revision).encode()).hexdigest()
    receivers = [f"{word[:8]}.example:{1 + i % 60000}" for i in range(revision * 7 % 60)]
    return {
        "revision": revision,
        "camera": {
            "id": f"c{word[:20]}",
            "link": {"tracking": {"freed": receivers, "label": word}},
        },
    }


def _check(store: ConfigStore, found: Counter[str]) -> None:
    loaded = store.load()
    assert not loaded.problems, loaded.problems
    _check_whole(loaded.config)
    if store.good.exists():
        good = ConfigStore(store.good).load()
        assert not good.problems, good.problems
        _check_whole(good.config)
    record = store.record()
    assert record is not None or not store.state.exists(), "a broken record"
    attempts = Journal(store)
    attempts.resume(loaded.config, {})
    settled = attempts.record
    assert settled is None or settled.outcome is not AttemptOutcome.TRYING
    assert not list(store.file.parent.glob(".*.part")), "a write that was cut short is left"
    found["none" if settled is None else settled.outcome.value] += 1


def _check_whole(config: Config) -> None:
    expected = _settings(config.revision)
    link = config.camera.link
    assert link is not None
    tracking = {"freed": link.tracking.freed, "label": link.tracking.label}
    camera = {"id": config.camera.id, "link": {"tracking": tracking}}
    assert camera == expected["camera"], config.revision


if __name__ == "__main__":
    main()
