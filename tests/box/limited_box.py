"""A managed box in a process whose files may not pass a size: `python -m tests.box.limited_box`."""

from __future__ import annotations

import resource
import sys
import threading
from pathlib import Path

from edge.box.box import Options
from edge.box.remote_config.supervisor import run_managed
from edge.config.store import ConfigStore
from tests.box.remote_parts import Networks


def main() -> None:
    file, most_bytes = Path(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    networks = Networks()
    summary = run_managed(ConfigStore(file), {}, Options(), stop=stop, make_network=networks)
    sys.stdout.write(f"{summary.stopped_by}\n")


if __name__ == "__main__":
    main()
