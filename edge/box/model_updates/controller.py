"""Model updates while the box runs: fetch, check, test, switch, watch, keep or go back, report."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from edge.box.loaded_model import Network
from edge.box.model_updates.download import Stopped, fetch
from edge.box.model_updates.fetch_policy import FetchPolicy, NotAllowedError
from edge.box.model_updates.hot_swap import FEWEST, Conduct, SwitchingRegistrar, worse
from edge.box.model_updates.self_test_process import (
    NoMemoryError,
    SelfTestResult,
    check_memory,
    self_test_in_child,
)
from edge.bundles import (
    Bundle,
    InstallRules,
    Manifest,
    ModelStore,
    check_signature,
    key_id,
    read_manifest,
    read_public_key,
)
from edge.config import Config, with_changes
from edge.errors import BundleError, TouchlineError, UsageError
from edge.publish import Topics
from edge.publish.messages.config import ConfigProblem
from edge.publish.messages.models import (
    DesiredModel,
    ModelDesired,
    ModelRef,
    ModelReported,
    ModelStatus,
)
from edge.publish.mqtt.desired_link import DesiredLink
from edge.publish.mqtt.shared_connection import SharedConnection

log = logging.getLogger(__name__)

_MOST_MESSAGE_BYTES = 64 * 1024
_LOOK_S = 0.1
_PATIENCE = 20
"""Times the probation for which frames are waited for; a camera may be away."""

MakeNetwork = Callable[[Config, Bundle], Network]
SelfTest = Callable[[Config, Bundle, Callable[[], bool]], SelfTestResult]
"""Tests a bundle beside the box; raises BundleError for one that fails, Stopped when told to."""


class _Refused(Exception):  # noqa: N818 - carries the report
    def __init__(self, status: ModelStatus, path: str, message: str) -> None:
        super().__init__(message)
        self.status, self.path = status, path


class ModelUpdates:
    """Takes desired bundles one after the other, the newest first; has a thread of its own."""

    def __init__(
        self,
        config: Config,
        registrar: SwitchingRegistrar,
        make_network: MakeNetwork,
        report: Callable[[ModelReported], None],
        *,
        self_test: SelfTest = self_test_in_child,
        store: ModelStore | None = None,
    ) -> None:
        self._self_test = self_test
        self._config = config
        self._registrar = registrar
        self._make_network = make_network
        self._report = report
        self._store = store or ModelStore(config.sport)
        self._changed = threading.Condition()
        self._inbox: bytes | None = None
        self._stopping = False
        self._ref: DesiredModel | None = None
        self._thread = threading.Thread(target=self._run, name="model-updates", daemon=True)

    def start(self) -> None:
        """Start; a bundle that an earlier run left on probation is watched first."""
        self._say(ModelStatus.APPLIED)
        self._thread.start()

    def receive(self, payload: bytes) -> None:
        """Take what is desired; any thread, returns at once."""
        with self._changed:
            self._inbox = payload
            self._changed.notify_all()

    def close(self) -> None:
        """End; what is under way is given up, a bundle on probation stays so for the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    # -- the thread

    def _run(self) -> None:
        try:
            self._finish_probation()
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._inbox is not None or self._stopping)
                    payload, self._inbox = self._inbox, None
                if self._stopping or payload is None:
                    return
                self._take(payload)
        except Stopped:
            return

    def _take(self, payload: bytes) -> None:
        self._ref = None
        try:
            desired = _parse(payload)
            self._ref = DesiredModel(
                name=desired.name, version=desired.version, sha256=desired.sha256, id=desired.id
            )
            if self._is_in_use(desired):
                self._say(ModelStatus.APPLIED)
                return
            self._check_policy(desired)
            self._update(desired)
        except _Refused as refusal:
            self._refuse(refusal.status, refusal.path, str(refusal))
        except Stopped:
            raise
        except TouchlineError as error:
            self._refuse(ModelStatus.REJECTED, "", str(error))
        except Exception:
            log.exception("model update")
            self._refuse(ModelStatus.REJECTED, "", "the box failed at it; its log says how")

    def _is_in_use(self, desired: ModelDesired) -> bool:
        """Whether it is there already; by name, for the archive it came from is gone."""
        bundle = self._registrar.network.bundle
        m = bundle.manifest if bundle is not None else None
        return m is not None and (m.name, m.version) == (desired.name, desired.version)

    def _check_policy(self, desired: ModelDesired) -> None:
        settings = self._config.updates
        if not settings.enabled:
            raise _Refused(ModelStatus.REJECTED, "updates.enabled", "updates are switched off here")
        if not settings.keys:
            raise _Refused(ModelStatus.REJECTED, "updates.keys", "this box trusts no key")
        if self._config.engine.bundle is not None:
            message = "the configuration names the bundle to use"
            raise _Refused(ModelStatus.REJECTED, "engine.bundle", message)
        if self._store.record().refused == desired.sha256:
            message = "this archive was tried and did not do; send another"
            raise _Refused(ModelStatus.REJECTED, "sha256", message)

    def _update(self, desired: ModelDesired) -> None:
        keys = self._keys()
        policy = FetchPolicy.of(self._config.updates)
        results: list[SelfTestResult] = []
        try:
            self._store.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                prefix=".new-", dir=self._store.folder, ignore_cleanup_errors=True
            ) as scratch:
                archive = Path(scratch) / "archive"
                self._obtain(desired, archive, policy, keys)
                self._say(ModelStatus.TESTING)
                bundle = self._store.install(
                    archive,
                    self._rules(desired, keys),
                    self._in_use(),
                    test=lambda fresh: results.append(self._test(desired, fresh)),
                )
        finally:
            self._store.tidy()
        network = self._load(results[0], bundle)
        before = self._registrar.conduct()
        self._store.activate(self._store.spare(), on_probation=True)
        if not self._registrar.switch(network):
            raise Stopped
        self._say(ModelStatus.PROBATION)
        self._watch(before, desired.sha256)

    def _keys(self) -> list[bytes]:
        try:
            return [read_public_key(path) for path in self._config.updates.keys]
        except UsageError as error:
            log.warning("model update: %s", error)
            message = "a trusted key of this box cannot be used; its log says which and why"
            raise _Refused(ModelStatus.REJECTED, "updates.keys", message) from error

    def _obtain(
        self, desired: ModelDesired, archive: Path, policy: FetchPolicy, keys: Sequence[bytes]
    ) -> None:
        """Fetch what is desired, and check that a trusted key signed it.

        Until then nothing is reported of it but that it did not do: who may write the topic is not
        to learn by it which files and hosts there are. The log tells everything.
        """
        self._say(ModelStatus.FETCHING)
        try:
            fetch(desired.url, archive, desired.sha256, policy, lambda: self._stopping)
            manifest = read_manifest(archive, keys, most_bytes=policy.most_bytes)
        except NotAllowedError as error:
            raise _Refused(ModelStatus.REJECTED, error.path, str(error)) from error
        except BundleError as error:
            log.warning("model update: %s", error)
            trusted = ", ".join(key_id(key) for key in keys)
            message = (
                "no archive with this sha256 and the signature of a trusted key "
                f"({trusted}) is there; the box's log says more"
            )
            raise _Refused(ModelStatus.REJECTED, "url", message) from error
        if (manifest.name, manifest.version) != (desired.name, desired.version):
            message = f"the archive holds {manifest.name} {manifest.version}"
            raise _Refused(ModelStatus.REJECTED, "version", message)

    def _in_use(self) -> Manifest | None:
        bundle = self._registrar.network.bundle
        return bundle.manifest if bundle is not None else None

    def _rules(self, desired: ModelDesired, keys: Sequence[bytes]) -> InstallRules:
        settings = self._config.updates
        return InstallRules(
            keys,
            desired.allow_downgrade and settings.allow_downgrade,
            int(settings.most_mb * 1e6),
            settings.min_version,
        )

    def _test(self, desired: ModelDesired, bundle: Bundle) -> SelfTestResult:
        """Test a bundle beside the one in use; raises _Refused for one that does not do."""
        try:
            result = self._self_test(self._config, bundle, lambda: self._stopping)
        except NoMemoryError:
            raise
        except BundleError as error:
            self._store.refuse(desired.sha256)
            raise _Refused(ModelStatus.REJECTED, "self_test", str(error)) from error
        if result.problems:
            self._store.refuse(desired.sha256)
            raise _Refused(ModelStatus.REJECTED, "golden", "; ".join(result.problems))
        check_memory(result)
        return result

    def _load(self, result: SelfTestResult, bundle: Bundle) -> Network:
        """Load a bundle that passed, on the engine that it passed on alone."""
        config = self._config
        if result.engine is not None:
            config = with_changes(config, {"engine.name": result.engine})
        return self._make_network(config, bundle)

    def _watch(self, before: Conduct, sha256: str) -> None:
        """Watch the probation to its end; raises _Refused after going back."""
        problem = self._probation(before)
        if problem is None:
            self._store.settle()
            self._registrar.settle()
            self._say(ModelStatus.APPLIED)
            return
        self._registrar.back()
        self._store.rollback(sha256)
        self._await_switch()
        raise _Refused(ModelStatus.ROLLED_BACK, "probation", problem)

    def _finish_probation(self) -> None:
        """Watch a bundle that another run put on probation; only a start that dies condemns it."""
        if not self._store.record().on_probation:
            return
        nothing = Conduct(0, 0.0, None, 0.0)
        if self._probation(nothing) is None:
            try:
                self._store.settle()
            except BundleError as error:  # the next start watches it again
                log.warning("model update: %s", error)
            self._say(ModelStatus.APPLIED)

    def _probation(self, before: Conduct) -> str | None:
        self._await_switch()
        begun_s = time.monotonic()
        lasts_s = self._config.updates.probation_s
        while True:
            self._pause()
            if self._registrar.failure is not None:
                return self._registrar.failure
            elapsed_s = time.monotonic() - begun_s
            now = self._registrar.conduct()
            if elapsed_s >= lasts_s and (now.frames >= FEWEST or elapsed_s > _PATIENCE * lasts_s):
                return worse(before, now)

    def _await_switch(self) -> None:
        while self._registrar.waits():
            self._pause()

    def _pause(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, _LOOK_S)
            if self._stopping:
                raise Stopped

    def _refuse(self, status: ModelStatus, path: str, message: str) -> None:
        line = " ".join(message.encode(errors="replace").decode().split())[:500]
        log.warning("model update: %s: %s", status.value, f"{path}: {line}" if path else line)
        self._say(status, errors=[ConfigProblem(path=path, message=line)])

    def _say(
        self,
        status: ModelStatus,
        *,
        errors: Sequence[ConfigProblem] = (),
    ) -> None:
        bundle = self._registrar.network.bundle
        m = bundle.manifest if bundle is not None else None
        self._report(
            ModelReported(
                session="0" * 16,
                seq=0,
                time_ns=time.time_ns(),
                status=status,
                desired=self._ref,
                active=None if m is None else ModelRef(name=m.name, version=m.version),
                errors=list(errors),
            )
        )


def _parse(payload: bytes) -> ModelDesired:
    try:
        return ModelDesired.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise _Refused(ModelStatus.REJECTED, path, first["msg"]) from error


def begin_models(config: Config) -> None:
    """Note that a box starts with its installed bundle; one that it died of is left."""
    try:
        said = ModelStore(config.sport).begin()
    except BundleError as error:  # a disk that cannot be written: the bundle is used all the same
        log.warning("%s", error)
        return
    if said is not None:
        log.warning("%s: %s", config.sport, said)
    _warn_of_signer(config)


def _warn_of_signer(config: Config) -> None:
    """Warn where the bundle in use was signed by no key that is trusted by now."""
    bundle = ModelStore(config.sport).active() if config.updates.keys else None
    if bundle is None or config.engine.bundle is not None:
        return
    try:
        check_signature(bundle, [read_public_key(path) for path in config.updates.keys])
    except UsageError as error:
        log.warning("updates.keys: %s", error)
    except BundleError as error:
        log.warning("the bundle in use: %s; to leave it: touchline models rollback", error)


@contextmanager
def model_updates(
    config: Config,
    line: SharedConnection,
    registrar: SwitchingRegistrar,
    make_network: MakeNetwork,
    self_test: SelfTest = self_test_in_child,
) -> Iterator[None]:
    """Listen for desired bundles on the box's line for as long as the block lasts."""
    topics = Topics(config.publish.prefix, config.site, config.device)
    link = DesiredLink(line, topics, "model", topics.model_desired, most_bytes=_MOST_MESSAGE_BYTES)

    def report(found: ModelReported) -> None:
        def made(session: str, seq: int) -> ModelReported:
            return found.model_copy(update={"session": session, "seq": seq})

        link.retain(topics.model_reported, made)

    updates = ModelUpdates(config, registrar, make_network, report, self_test=self_test)
    updates.start()
    link.start(updates.receive)
    try:
        yield
    finally:
        updates.close()
        link.stop()
