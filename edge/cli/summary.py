"""The account of a run as tables."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from edge.box.monitoring.run_summary import Summary

_STAGE_ORDER = (
    *("queue", "preprocess", "motion", "infer", "keypoints"),
    *("verify", "dense", "refine", "total"),
)


def print_summary(console: Console, summary: Summary) -> None:
    """Print frames by state, drops and publication by cause, latency by stage."""
    console.print(Group(_headline(summary), _frames(summary), _latency(summary)))
    for path in summary.outputs:
        console.print(f"written: {path}", soft_wrap=True, markup=False, highlight=False)


def _headline(summary: Summary) -> Text:
    return Text(  # a name may hold what Rich takes for markup
        f"{summary.processed} frames of {summary.source} in {summary.seconds:.1f} s, "
        f"{summary.fps:.1f} fps; {summary.field_name}, bundle {summary.bundle}, "
        f"{summary.engine} {summary.precision}"
    )


def _frames(summary: Summary) -> RenderableType:
    table = Table("what became of the frames", "frames", "share", title_justify="left")
    table.columns[1].justify = table.columns[2].justify = "right"

    def row(name: str, count: int, of: int) -> None:
        table.add_row(name, str(count), f"{100 * count / of:.1f} %" if of else "-")

    row("captured", summary.captured, summary.captured)
    for cause, count in summary.dropped.items():
        if count:
            row(f"  dropped: {cause}", count, summary.captured)
    row("  processed", summary.processed, summary.captured)
    for state, count in summary.states.items():
        if count:
            row(f"    {state}", count, summary.processed)
    for reason, count in summary.reasons.items():
        row(f"      {reason}", count, summary.processed)
    row("dense head asked", round(summary.dense_share * summary.processed), summary.processed)
    if summary.cuts:
        row("cuts", summary.cuts, summary.processed)
    if summary.output_frames_dropped:
        row("not drawn (outputs busy)", summary.output_frames_dropped, summary.processed)
    others = {f"camera away: {cause}": n for cause, n in summary.outages.items()}
    others |= {f"mqtt: {name}": n for name, n in summary.publication.items()}
    for name, count in others.items():
        table.add_row(name, str(count), "")
    return table


def _latency(summary: Summary) -> RenderableType:
    table = Table("stage", "frames", "p50 ms", "p95 ms", "max ms")
    for column in table.columns[1:]:
        column.justify = "right"
    known = [s for s in _STAGE_ORDER if s in summary.latency]
    for stage in known + [s for s in summary.latency if s not in known]:
        p = summary.latency[stage]
        table.add_row(stage, str(p.count), f"{p.p50_ms:.2f}", f"{p.p95_ms:.2f}", f"{p.max_ms:.2f}")
    return table
