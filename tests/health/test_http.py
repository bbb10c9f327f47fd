"""The pages: metrics in Prometheus's grammar, one thread for all clients, however rude."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import threading
from contextlib import closing

import pytest

from edge.health import server as server_module
from edge.health.prometheus import CONTENT_TYPE, render
from edge.health.server import MOST_CLIENTS, HealthServer, HttpAnswer, json_answer
from edge.publish.messages.examples import TOPICS
from edge.publish.messages.health import Health

(HEALTH,) = [e for doc in TOPICS if doc.topic == "health" for e in doc.examples]
assert isinstance(HEALTH, Health)

# Prometheus, "Text-based format": a sample is name{label="value",…} value
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE = re.compile(
    rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (-?[0-9.e+-]+)"
)


def parse(text: str) -> dict[str, dict[str, float]]:
    """Read the format strictly: metric -> labels as they stand -> value."""
    assert text.endswith("\n")
    metrics: dict[str, dict[str, float]] = {}
    declared: list[str] = []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in declared, "each metric stands once"
            declared.append(name)
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == declared[-1]
            assert line.split(" ")[3] in {"counter", "gauge"}
        else:
            match = _SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            assert name == declared[-1], "samples follow their declaration"
            assert (labels or "") not in metrics.setdefault(name, {}), line
            metrics[name][labels or ""] = float(value)
    return metrics


def test_metrics_say_what_the_message_says() -> None:
    metrics = parse(render(HEALTH, {}))
    captured = metrics["touchline_frames_captured_total"][""]
    dropped = metrics["touchline_frames_dropped_total"]
    answered = metrics["touchline_frames_answered_total"]
    assert captured == 90_000
    assert dropped == {'cause="busy"': 571, 'cause="corrupt"': 7}
    in_work = metrics["touchline_frames_in_work"][""]
    waiting = metrics["touchline_queue_depth"]['queue="capture"']
    assert captured == sum(dropped.values()) + sum(answered.values()) + in_work + waiting
    assert metrics["touchline_stage_seconds"]['stage="infer",quantile="0.95"'] == 0.0131
    assert metrics["touchline_clock_error_seconds"][""] == 0.003412
    assert metrics["process_resident_memory_bytes"][""] == 412_500_000
    assert metrics["touchline_temperature_celsius"] == {'zone="cpu-thermal"': 61.4}
    assert metrics["touchline_live"][""] == metrics["touchline_ready"][""] == 1


def test_labels_are_escaped_and_what_is_unknown_is_left_out() -> None:
    clock = HEALTH.clock.model_copy(update={"offset_ns": None})
    process = HEALTH.process.model_copy(update={"temperatures_c": {'a "b"\\\nc': 1e-3}})
    odd = HEALTH.model_copy(update={"clock": clock, "process": process})
    metrics = parse(render(odd, {"site": "hall"}))
    assert "touchline_clock_offset_seconds" not in metrics
    (label,) = metrics["touchline_temperature_celsius"]
    assert label == r'site="hall",zone="a \"b\"\\\nc"'


def get(port: int, path: str, method: str = "GET") -> tuple[int, str, dict[str, str]]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())


def test_pages_are_served_and_others_are_404() -> None:
    pages = {
        "/metrics": lambda: HttpAnswer(200, "m 1\n"),
        "/readyz": lambda: json_answer(503, {"a": 1}),
    }
    with closing(HealthServer("127.0.0.1", 0, pages)) as server:
        status, body, headers = get(server.port, "/metrics?x=1")
        assert (status, body, headers["Content-Type"]) == (200, "m 1\n", CONTENT_TYPE)
        assert get(server.port, "/readyz")[:2] == (503, '{"a": 1}\n')
        assert get(server.port, "/metrics", "HEAD")[:2] == (200, "")
        assert get(server.port, "/../etc/passwd")[0] == 404
        assert get(server.port, "/metrics", "POST")[0] == 501


def test_a_client_that_says_nothing_and_one_that_talks_rubbish_stop_nobody() -> None:
    with closing(
        HealthServer("127.0.0.1", 0, {"/metrics": lambda: HttpAnswer(200, "m 1\n")})
    ) as server:
        with socket.create_connection(("127.0.0.1", server.port)):
            assert get(server.port, "/metrics")[0] == 200
        with socket.create_connection(("127.0.0.1", server.port)) as rude:
            rude.sendall(b"\x16\x03\x01" + bytes(range(256)) * 300)
            assert get(server.port, "/metrics")[0] == 200


def test_a_taken_port_is_an_error_at_once_and_a_closed_server_frees_it() -> None:
    with closing(HealthServer("127.0.0.1", 0, {})) as server:
        port = server.port
        with pytest.raises(OSError, match="in use"):
            HealthServer("127.0.0.1", port, {})
    with closing(HealthServer("127.0.0.1", port, {})) as again:
        again.close()


def test_dripping_silent_and_slow_clients_hold_up_nobody_and_are_cut_off(monkeypatch) -> None:
    monkeypatch.setattr(server_module, "CLIENT_S", 1.5)
    page = "m 1\n" * 500_000
    pages = {"/metrics": lambda: HttpAnswer(200, "m 1\n"), "/long": lambda: HttpAnswer(200, page)}
    with closing(HealthServer("127.0.0.1", 0, pages)) as server, contextlib.ExitStack() as stack:
        rude = []
        for said in (b"", b"G", b"GET /metrics HTTP/1.1\r\nA: b", b"GET /long HTTP/1.1\r\n\r\n"):
            for _ in range(4):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                client.sendall(said)
                rude.append(client)
        for _ in range(20):
            assert get(server.port, "/metrics")[0] == 200
            for client in rude:
                with contextlib.suppress(OSError):
                    client.sendall(b"x")
        for client in rude:
            client.settimeout(30)
            with contextlib.suppress(OSError):
                while client.recv(1 << 16):
                    pass  # the server ends it
        assert get(server.port, "/metrics")[0] == 200


def test_there_are_only_so_many_clients_and_the_oldest_makes_room() -> None:
    pages = {"/metrics": lambda: HttpAnswer(200, "m 1\n")}
    with closing(HealthServer("127.0.0.1", 0, pages)) as server, contextlib.ExitStack() as stack:
        before = threading.active_count()
        for _ in range(5 * MOST_CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert get(server.port, "/metrics")[0] == 200
        assert len(server._clients) <= MOST_CLIENTS
        assert threading.active_count() == before


@pytest.mark.parametrize(
    "request_",
    [b"\n", b"GET\r\n\r\n", b"GET /metrics SPDY/1\r\n\r\n", b"\xff" * 100_000, b"A: b\r\n" * 9000],
)
def test_a_request_that_is_none_is_refused(request_: bytes) -> None:
    with (
        closing(HealthServer("127.0.0.1", 0, {})) as server,
        socket.create_connection(("127.0.0.1", server.port)) as client,
    ):
        client.settimeout(20)
        answer = b""
        with contextlib.suppress(OSError):
            client.sendall(request_)
            client.shutdown(socket.SHUT_WR)
            while data := client.recv(4096):
                answer += data
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_page_that_cannot_be_made_is_logged_and_the_others_are_served(caplog) -> None:
    pages = {
        "/broken": lambda: HttpAnswer(200, str(1 // 0)),
        "/metrics": lambda: HttpAnswer(200, "m 1\n"),
    }
    with closing(HealthServer("127.0.0.1", 0, pages)) as server:
        with pytest.raises((http.client.HTTPException, OSError)):
            get(server.port, "/broken")
        assert get(server.port, "/metrics")[0] == 200
    (record,) = [r for r in caplog.records if r.exc_info]
    assert "health page" in record.getMessage()


def test_its_end_waits_for_no_client() -> None:
    with contextlib.ExitStack() as stack:
        server = HealthServer("127.0.0.1", 0, {})
        for _ in range(3):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        assert get(server.port, "/")[0] == 404
        server.close()
        assert not server._thread.is_alive()
        server.close()
