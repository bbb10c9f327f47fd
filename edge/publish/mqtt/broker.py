"""The broker that comes with Touchline: started with it, stopped with it, in a process of its own.

One port serves MQTT 5 and 3.1.1 clients. The process ends when this one does, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from edge.config import BrokerConfig, EmbeddedBrokerConfig, credentials
from edge.config.brokers import open_broker_problem
from edge.errors import BrokerError
from edge.publish.mqtt.endpoint import Endpoint, endpoint_of

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

log = logging.getLogger(__name__)

START_TIMEOUT_S = 20.0
_RESTART_WAIT_S = 0.5
_GOODBYE_S = 6.0
_MOST_LINE = 4096
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - looked up, not bound


class EmbeddedBroker:
    """Starts the embedded broker, restarts it when it dies, and stops it.

        with EmbeddedBroker(EmbeddedBrokerConfig(type="embedded", port=0)) as broker:
            broker.endpoint.port

    Retained messages and sessions live in its memory: a restart forgets them, and the publisher
    sends its retained set again.
    """

    def __init__(self, config: EmbeddedBrokerConfig) -> None:
        """Prepare; raises ConfigError when the password cannot be had."""
        self._config = config
        self._username, self._password = credentials(config)
        self._port = config.port
        self._stopping = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._said = False
        """Whether it was told that the network is let in."""
        self._watch = threading.Thread(target=self._keep, name="touchline-broker", daemon=True)

    @property
    def endpoint(self) -> Endpoint:
        """Where a client on this box finds the broker."""
        return Endpoint(
            host=_ANY_ADDRESS.get(self._config.host, self._config.host),
            port=self._port,
            username=self._username,
            password=self._password,
            mqtt_version=self._config.mqtt_version,
            keepalive_s=self._config.keepalive_s,
        )

    @property
    def pid(self) -> int | None:
        """Process id of the broker; None while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start and wait until it listens; raises BrokerError, one line, when it cannot."""
        self._process = self._spawn()
        self._watch.start()

    def stop(self) -> None:
        """Stop it; returns when the port is free again. May be called twice."""
        self._stopping.set()
        process = self._process
        if process is not None:
            _end(process, patience_s=_GOODBYE_S)
        if self._watch.is_alive():
            self._watch.join()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _keep(self) -> None:
        """Restart the process on the same port when it ends unasked."""
        while not self._stopping.is_set():
            process = self._process
            assert process is not None
            process.wait()
            if self._stopping.is_set():
                return
            log.warning(
                "the embedded broker ended (code %s); starting it again", process.returncode
            )
            _end(process)
            self._stopping.wait(_RESTART_WAIT_S)
            self._respawn()

    def _respawn(self) -> None:
        try:
            process = self._spawn()
        except BrokerError as error:
            log.warning("%s", error)
            self._stopping.wait(_RESTART_WAIT_S)
            return
        self._process = process
        if self._stopping.is_set():  # `stop` saw the old process only
            _end(process)

    def _spawn(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.publish.mqtt.broker_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if log.isEnabledFor(logging.DEBUG) else subprocess.DEVNULL,
            text=True,
            errors="backslashreplace",
        )
        if process.stderr is not None:
            # read whatever becomes of the log: a broker that cannot say its line serves nobody
            threading.Thread(
                target=_log_lines, args=(process.stderr,), name="broker-log", daemon=True
            ).start()
        try:
            answer = self._handshake(process)
        except BrokerError:
            _end(process)
            raise
        if "port" not in answer:
            _end(process)
            raise BrokerError(self._refusal(answer))
        self._port = int(answer["port"])
        if answer.get("outside") and not self._said:
            self._said = True
            log.warning(
                "the embedded broker listens on %s:%d, for every network there, with a password; "
                "what passes is not encrypted",
                self._config.host,
                self._port,
            )
        return process

    def _handshake(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        settings = {
            "host": self._config.host,
            "port": self._port,
            "username": self._username,
            "password": self._password,
        }
        timer = threading.Timer(START_TIMEOUT_S, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps(settings) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            raise BrokerError(
                "the embedded broker did not start: run `touchline doctor`, or use another broker "
                "with --broker mqtt://host"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _refusal(self, answer: dict[str, Any]) -> str:
        where = f"{self._config.host}:{self._port}"
        if answer.get("open"):
            host, address = self._config.host, str(answer.get("error"))
            named = "" if host == address else f"{host} is {address}: "
            return f"the embedded broker does not start: {named}{open_broker_problem(address)}"
        if answer.get("taken"):
            return (
                f"the embedded broker cannot listen on {where}: another program does (another "
                "touchline run?); choose another broker.port, or publish to that one with "
                f"--broker mqtt://{where}"
            )
        return f"the embedded broker cannot listen on {where}: {answer.get('error')}"


@contextlib.contextmanager
def open_broker(config: BrokerConfig) -> Iterator[Endpoint]:
    """Yield the endpoint to publish to; a configured embedded broker runs for as long.

    Raises BrokerError if the embedded broker cannot start, ConfigError for an unreadable password.
    """
    if not isinstance(config, EmbeddedBrokerConfig):
        yield endpoint_of(config)
        return
    with EmbeddedBroker(config) as broker:
        yield broker.endpoint


def _log_lines(stream: TextIO) -> None:
    """Log what a broker process says, to its end."""
    with stream:
        while line := stream.readline(_MOST_LINE):
            log.debug("embedded broker: %s", line.rstrip())


def _end(process: subprocess.Popen[str], patience_s: float = 0.0) -> None:
    """End a broker process and close its pipes; with patience it first delivers what it took."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):  # flushing into a closed pipe
            process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
    if process.poll() is None:
        process.kill()  # it keeps nothing that could be half-written
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
