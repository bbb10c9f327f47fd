"""A box with a configuration file: one run after the other, as remote configuration has it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from types import TracebackType
from typing import TYPE_CHECKING

from edge.box.box import NullObserver, Observer, Options, open_line, run_box
from edge.box.loaded_model import NetworkFactory, load_network
from edge.box.monitoring.run_summary import Accounts, Summary
from edge.box.remote_config.controller import ConfigController
from edge.box.remote_config.reports import Reports
from edge.box.remote_config.request import Options as Settings
from edge.box.remote_config.run_handle import EitherStop, RunWishes
from edge.config import Config
from edge.config.store import ConfigStore
from edge.health.notify import Notifier
from edge.publish.mqtt.shared_connection import SharedConnection
from edge.threads import ThreadWatch, watch_threads

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

log = logging.getLogger(__name__)

_FIRST_WAIT_S, _MOST_WAIT_S = 1.0, 15.0


def run_managed(
    store: ConfigStore,
    settings: Settings,
    options: Options,
    *,
    stop: threading.Event,
    observer: Observer | None = None,
    make_network: NetworkFactory = load_network,
    on_config: Callable[[Config], None] = lambda _config: None,
) -> Summary:
    """Run the box under its file, and under what is desired over MQTT; the account of all runs.

    `settings` (path to value) lie over every configuration; `on_config` is told each that comes
    into force or on trial. Broker and configuration link stay while the stages are built again.
    Raises as `run_box` does, but not for a configuration on trial: then the one before comes back,
    and is tried until it stands. systemd's watchdog is fed by each start and each end of a run.
    """
    wishes = RunWishes(
        settings, options.source, observer or NullObserver(), make_network, on_config
    )
    keeper = ConfigController(store, wishes)
    with (
        watch_threads() as threads,
        closing(Notifier.from_environment()) as notifier,
        _BrokerSession(keeper.reports) as seat,
    ):
        keeper.start()
        try:
            return _turns(keeper, seat, options, stop, wishes, notifier, threads)
        finally:
            keeper.close()


def _turns(
    keeper: ConfigController,
    seat: _BrokerSession,
    options: Options,
    stop: threading.Event,
    wishes: RunWishes,
    notifier: Notifier,
    threads: ThreadWatch,
) -> Summary:
    turn, wait_s = keeper.first, _FIRST_WAIT_S
    accounts = Accounts()

    def feed() -> None:
        if not threads.count:
            notifier.alive()

    while True:
        wishes.on_config(turn.config)
        feed()
        try:
            summary = run_box(
                turn.config,
                options,
                stop=EitherStop(stop, turn.over),
                observer=turn,
                make_network=turn.network_from(wishes.make_network),
                line=seat.take(turn.config),
                accounts=accounts,
                threads=threads,
            )
        except Exception as error:
            turn.drop_network()
            feed()
            keeper.failed(turn, error)
            following = None if stop.is_set() else keeper.following()
            if following is None and (stop.is_set() or not turn.comes_back):
                raise
            notifier.ready()  # nobody is to wait for what is tried again and again
            if following is None:
                log.warning("%s; trying again in %.0f s", error, wait_s)
                following = keeper.again(turn, wait_s)
                wait_s = min(2 * wait_s, _MOST_WAIT_S)
        else:
            feed()
            keeper.ended(turn)
            wait_s = _FIRST_WAIT_S
            following = None if stop.is_set() else keeper.following()
            if following is None:
                return summary
        turn = following


class _BrokerSession:
    """The box's line to its broker and its configuration link, kept while nobody moves them."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._stack = ExitStack()
        self._where: tuple[object, ...] | None = None
        self._line: SharedConnection | None = None

    def __enter__(self) -> Self:
        """Nothing is open yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close both."""
        self._leave()

    def take(self, config: Config) -> SharedConnection:
        """Return a line to the configured broker, made if it is not.

        Raises BrokerError or ConfigError.
        """
        where = (config.broker, config.publish.prefix, config.site, config.device)
        if self._line is not None and where == self._where:
            return self._line
        self._leave()
        line = self._stack.enter_context(closing(open_line(config, self._stack)))
        self._stack.callback(self._reports.close)
        self._reports.open(line, config)
        self._where, self._line = where, line
        return line

    def _leave(self) -> None:
        self._line = None
        self._stack.close()
