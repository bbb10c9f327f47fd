"""The demo that `scripts/demo` runs: each part a program of its own, as at a venue."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

TOUCHLINE = [sys.executable, "-m", "edge.cli"]
SUBSCRIBER = [sys.executable, str(Path(__file__).with_name("demo_subscriber.py"))]
SITE, DEVICE = "demo", "box"

console = Console()


def main() -> int:
    """Render, run with a listener beside it, show."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    clip = out / "match.mp4"
    console.print(
        "[bold]1/3[/] rendering a match: 20 s, 1280x720, a PTZ camera with cuts to close-ups"
    )
    files = [str(clip), "--truth", str(out / "truth.jsonl"), "--overwrite"]
    run([*TOUCHLINE, "demo-clip", *files, "--seconds", "20"])
    console.print(
        "[bold]2/3[/] registering it, publishing to the embedded broker, a subscriber counting"
    )
    summary, received = register_and_listen(clip, out)
    console.print("[bold]3/3[/] what came of it")
    console.print(results(summary, received))
    console.print(f"whole demo: {time.monotonic() - started:.0f} s. Look at:")
    for name in ("overlay.mp4", "pictures/contact_sheet.jpg", "homographies.jsonl"):
        console.print(f"  {out / name}", soft_wrap=True, highlight=False)
    return verdict(summary, received)


def register_and_listen(clip: Path, out: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the box and, beside it, a subscriber that is connected before the first frame."""
    port = free_port()
    topic = f"touchline/v1/{SITE}/{DEVICE}/#"
    command = [*TOUCHLINE, "run", "--json", "--source", str(clip), "--broker", f"embedded:{port}"]
    command += ["--site", SITE, "--device", DEVICE, "--out", str(out / "homographies.jsonl")]
    command += [
        "--overwrite",
        "--overlay",
        str(out / "overlay.mp4"),
        "--pictures",
        str(out / "pictures"),
    ]
    with subprocess.Popen(
        [*SUBSCRIBER, str(port), topic], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as subscriber:
        try:
            done = run(command, capture=True)
            heard, _ = subscriber.communicate(timeout=30)
        finally:
            subscriber.kill()
    return json.loads(done), json.loads(heard)


def results(summary: dict[str, Any], received: dict[str, Any]) -> Table:
    """Lay out what was processed, published and received."""
    table = Table(show_header=False)
    table.add_row("frames processed", str(summary["processed"]))
    for state, count in summary["states"].items():
        if count:
            table.add_row(f"  {state}", str(count))
    for reason, count in summary["reasons"].items():
        table.add_row(f"    {reason}", str(count))
    for cause, count in summary["dropped"].items():
        table.add_row(f"  dropped, {cause}", str(count))
    table.add_row("frames a second", f"{summary['fps']:.1f}")
    for stage in ("infer", "verify", "dense", "total"):
        if stage in summary["latency_ms"]:
            p = summary["latency_ms"][stage]
            table.add_row(f"  {stage}, p50 / p95", f"{p['p50']:.1f} / {p['p95']:.1f} ms")
    table.add_row("dense head asked for", f"{100 * summary['dense_share']:.1f} % of frames")
    for key, count in summary["publication"].items():
        if key == "published" or key.startswith("dropped_"):
            table.add_row(f"homographies {key.replace('_', ', ')}", str(count))
    table.add_row("homographies received", str(received["homographies"]))
    table.add_row("events received", ", ".join(f"{n} {k}" for k, n in received["events"].items()))
    table.add_row("states of the box received", " → ".join(received["status"]))
    return table


def verdict(summary: dict[str, Any], received: dict[str, Any]) -> int:
    """Say whether everything that was published was received, and return the exit code."""
    published = summary["publication"]["published"]
    if received["homographies"] == published and received["out_of_order"] == 0:
        console.print("[green]everything that was published was received, in order[/]")
        return 0
    console.print(f"[red]published {published}, received {received['homographies']}[/]")
    return 1


def run(command: list[str], *, capture: bool = False) -> str:
    """Run a program to its end; the demo ends with it when it fails."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE if capture else None, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"demo: '{' '.join(command[3:5])}' ended with {done.returncode}: see above")
    return done.stdout or ""


def free_port() -> int:
    """Return a TCP port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
