"""kill -9 at random moments while bundles are installed and activated.

    python -m benchmarks.kill_models [--kills 300] [--seed 1]

After each kill the slot that is named must hold one whole bundle: every digest is checked.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from edge.bundles import InstallRules, ModelStore
from tests.bundles.packed import PUBLIC, archive
from tests.bundles.test_store import Installing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    moments = random.Random(args.seed)  # noqa: S311 - no secret
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        paths = [archive(Path(folder), version) for version in ("0.2.0", "0.3.0")]
        store = ModelStore("soccer")
        begun_s = time.monotonic()
        store.install(paths[0], InstallRules([PUBLIC]), None)
        store.activate(store.spare())
        window_s = 5 * (time.monotonic() - begun_s)
        installing = Installing(paths)
        for _ in range(args.kills):
            installing.kill_one(moments.uniform(0, window_s))
            named = json.loads((store.folder / "state.json").read_text())["active"]
            bundle = store.bundle(named)
            found["broken" if bundle is None else bundle.label] += 1
            found["cut off in an install"] += bool(list(store.folder.glob(".new-*")))
        installing.end()
    print(f"{args.kills} kills: {dict(found)}")
    return 1 if found["broken"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
