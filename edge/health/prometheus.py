"""A health message in Prometheus's text format. Pure.

Source: Prometheus exposition formats, text format version 0.0.4. Base units: seconds, bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edge.publish.messages.health import Health

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Labels = Mapping[str, str]
_Sample = tuple[_Labels, float | None]


def render(health: Health, labels: Mapping[str, str]) -> str:
    """Return all metrics; `labels` stand on every sample (site, device, camera)."""
    lines: list[str] = []
    for name, kind, text, samples in _metrics(health):
        shown = [(ls, value) for ls, value in samples if value is not None]
        if shown:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
            lines += [f"{name}{_braces({**labels, **ls})} {_number(value)}" for ls, value in shown]
    return "\n".join(lines) + "\n"


def metrics_of(health: Health) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Return name, kind, help and labels of every metric that a health message can give."""
    return [
        (name, kind, text, tuple(dict.fromkeys(label for labels, _ in samples for label in labels)))
        for name, kind, text, samples in _metrics(health)
    ]


def _metrics(h: Health) -> Iterable[tuple[str, str, str, list[_Sample]]]:
    yield from _frames(h)
    yield from _publication(h)
    clock, process = h.clock, h.process
    yield "touchline_live", "gauge", "Frames finish, or the source is opened again.", _one(h.live)
    yield "touchline_ready", "gauge", "Homographies can be published.", _one(h.ready)
    yield "touchline_uptime_seconds", "gauge", "Age of the session.", _one(h.uptime_s)
    streaming = h.source.state == "streaming"
    yield "touchline_source_up", "gauge", "The source gives frames.", _one(streaming)
    failures = _one(h.source.failures)
    yield "touchline_source_failures_total", "counter", "Times the source failed.", failures
    outages = _each("cause", h.source.outages)
    yield "touchline_source_outages_total", "counter", "Times without a picture.", outages
    depth = _each("queue", h.queues)
    yield "touchline_queue_depth", "gauge", "What waits in each queue.", depth
    synchronized = _one(clock.synchronized)
    yield "touchline_clock_synchronized", "gauge", "The kernel's clock is held.", synchronized
    offset = _one(_seconds(clock.offset_ns))
    yield "touchline_clock_offset_seconds", "gauge", "What is still corrected.", offset
    error = _one(_seconds(clock.error_ns))
    yield "touchline_clock_error_seconds", "gauge", "Bound on the clock's error.", error
    yield "touchline_clock_jumps_total", "counter", "Times the clock was set.", _one(clock.jumps)
    hot = _each("zone", process.temperatures_c)
    yield "touchline_temperature_celsius", "gauge", "Temperature of the board.", hot
    memory = None if process.resident_mb is None else process.resident_mb * 1e6
    yield "process_resident_memory_bytes", "gauge", "Resident memory.", _one(memory)
    yield "process_threads", "gauge", "Threads.", _one(process.threads)
    unread = _one(process.log_messages_dropped)
    yield "touchline_log_messages_dropped_total", "counter", "Log messages nobody read.", unread
    yield "process_open_fds", "gauge", "Open file descriptors.", _one(process.descriptors)


def _frames(h: Health) -> Iterable[tuple[str, str, str, list[_Sample]]]:
    frames = h.frames
    captured = _one(frames.captured)
    yield "touchline_frames_captured_total", "counter", "Frames that the source gave.", captured
    states = _each("state", frames.states)
    yield "touchline_frames_answered_total", "counter", "Frames answered, by state.", states
    reasons = _each("reason", frames.reasons)
    yield "touchline_frames_refused_total", "counter", "Frames lost, by reason.", reasons
    dropped = _each("cause", frames.dropped)
    yield "touchline_frames_dropped_total", "counter", "Frames not answered, by cause.", dropped
    yield "touchline_frames_in_work", "gauge", "Frames being registered.", _one(frames.in_work)
    rates = _each("direction", {"in": h.fps_in, "out": h.fps_out})
    yield "touchline_frame_rate_hertz", "gauge", "Frames a second over the window.", rates
    stages: list[_Sample] = []
    for stage, time in h.stages.items():
        stages.append(({"stage": stage, "quantile": "0.5"}, time.p50_ms / 1e3))
        stages.append(({"stage": stage, "quantile": "0.95"}, time.p95_ms / 1e3))
    yield "touchline_stage_seconds", "gauge", "Time in a stage over the window.", stages


def _publication(h: Health) -> Iterable[tuple[str, str, str, list[_Sample]]]:
    out, spool = h.publication, h.spool
    connected = _one(out.connected)
    yield "touchline_broker_connected", "gauge", "The broker is there.", connected
    published = _one(out.published)
    yield "touchline_homographies_published_total", "counter", "Homographies sent.", published
    dropped = _each("cause", out.dropped)
    yield "touchline_homographies_dropped_total", "counter", "Not sent, by cause.", dropped
    delivered = _one(spool.delivered)
    yield "touchline_events_delivered_total", "counter", "Events the broker took.", delivered
    yield "touchline_events_waiting", "gauge", "Events in the spool.", _one(spool.waiting)
    lost = _each("cause", spool.dropped)
    yield "touchline_events_dropped_total", "counter", "Events lost, by cause.", lost


def _one(value: float | None) -> list[_Sample]:
    return [({}, None if value is None else float(value))]


def _each(label: str, values: Mapping[str, float]) -> list[_Sample]:
    return [({label: name}, float(value)) for name, value in values.items()]


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e9


def _braces(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.12g}"
