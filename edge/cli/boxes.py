"""The table of boxes: one row for each health message."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from edge.publish.client.subscriber import Health

_NS_PER_MS = 1e6


def boxes_table(boxes: Mapping[str, tuple[Health, float]], now_s: float) -> Table:
    """Return each box's health; `boxes` has its last message and the time at which it came."""
    table = Table(
        "box", "ready", "frames/s out of", "dropped", "ms p50 p95", "memory", "hottest", "clock"
    )
    for name, (health, came_s) in sorted(boxes.items()):
        cells = [Text(cell[:80]) for cell in _cells(health)]  # a box's text is no markup
        table.add_row(Text(name), _ready(health, now_s - came_s), *cells)
    return table


def _ready(health: Health, age_s: float) -> Text:
    if age_s > 3 * health.interval_s:
        return Text(f"silent for {age_s:.0f} s", style="red")
    if health.problems:
        return Text("; ".join(health.problems)[:400], style="yellow" if health.live else "red")
    return Text("yes", style="green")


def _cells(health: Health) -> list[str]:
    frames, total = health.frames, health.stages.get("total")
    dropped = sum(frames.dropped.values())
    share = 100 * dropped / frames.captured if frames.captured else 0.0
    process = health.process
    hottest = max(process.temperatures_c.values(), default=None)
    return [
        f"{health.fps_out:.1f} {health.fps_in:.1f}",
        f"{dropped} ({share:.1f} %)",
        "-" if total is None else f"{total.p50_ms:.0f} {total.p95_ms:.0f}",
        "-" if process.resident_mb is None else f"{process.resident_mb:.0f} MB",
        "-" if hottest is None else f"{hottest:.0f} °C",
        _clock(health),
    ]


def _clock(health: Health) -> str:
    clock = health.clock
    error = "" if clock.error_ns is None else f" ±{clock.error_ns / _NS_PER_MS:.1f} ms"
    jumps = f", {clock.jumps} jumps" if clock.jumps else ""
    return f"{clock.source}{error}{jumps}"
