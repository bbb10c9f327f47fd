"""The bundles that were installed on this box: two slots a sport, and which of them is used.

    <state>/models/soccer/a/          a bundle
    <state>/models/soccer/b/          the one before, or the next
    <state>/models/soccer/state.json  which is active, which was before, whether it is on probation

A bundle is unpacked beside the slots, checked, brought to the disk and then renamed into the slot
that is not active. `state.json` is replaced in one rename. So at every moment the active slot is
whole, whenever the power fails.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from edge.bundles.archive import MOST_BYTES, unpack
from edge.bundles.bundle import Bundle, load_bundle, version_key
from edge.bundles.graph_check import check_graphs
from edge.bundles.manifest import Manifest
from edge.errors import BundleError
from edge.paths import state_folder
from edge.whole_file import sweep, sync_folder, write_whole

log = logging.getLogger(__name__)

Slot = Literal["a", "b"]
_STATE = "state.json"
_STARTS = 2
"""Starts that a bundle on probation gets; one more means that the box dies of it."""


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """Which slot is used; None is the bundle that ships."""

    active: Slot | None = None
    previous: Slot | None = None
    on_probation: bool = False
    starts: int = 0
    """Starts since it was switched in, while on probation."""
    refused: str | None = None
    """sha256 of the archive that was rolled back or refused last."""


@dataclass(frozen=True, slots=True)
class InstallRules:
    """What a bundle must be to be installed."""

    keys: Sequence[bytes] | None
    """Trusted public keys; None asks for no signature."""
    allow_downgrade: bool = False
    most_bytes: int = MOST_BYTES
    min_version: str | None = None
    """Older ones are refused, even where a downgrade is allowed."""


class ModelStore:
    """The slots of one sport."""

    def __init__(self, sport: str, root: Path | None = None) -> None:
        self.sport = sport
        self.folder = (root or state_folder() / "models") / sport

    def record(self) -> SlotRecord:
        """Return which slot is used; a file that is damaged counts as none."""
        try:
            data = json.loads((self.folder / _STATE).read_bytes())
            record = SlotRecord(**data)
        except FileNotFoundError:
            return SlotRecord()
        except (OSError, ValueError, TypeError) as error:
            log.warning("%s: not readable (%s); taken as empty", self.folder / _STATE, error)
            return SlotRecord()
        known = {"a", "b", None}
        return record if record.active in known and record.previous in known else SlotRecord()

    def bundle(self, slot: Slot | None) -> Bundle | None:
        """Return the whole bundle of a slot; None for an empty slot or a damaged bundle."""
        if slot is None or not (self.folder / slot).exists():
            return None
        try:
            bundle = load_bundle(self.folder / slot)
        except BundleError as error:
            log.warning("%s", error)
            return None
        return bundle if bundle.manifest.sport == self.sport else None

    def active(self) -> Bundle | None:
        """Return the bundle to use: the active slot's, else the one before; None: the shipped."""
        record = self.record()
        return self.bundle(record.active) or self.bundle(record.previous)

    def spare(self) -> Slot:
        """Return the slot that is not in use."""
        return "b" if self.record().active == "a" else "a"

    def install(
        self,
        archive: Path,
        rules: InstallRules,
        current: Manifest | None,
        *,
        test: Callable[[Bundle], None] = lambda _bundle: None,
    ) -> Bundle:
        """Unpack an archive, test it, and put it into the spare slot; nothing in use changes.

        `current` is the bundle in use, against which a downgrade is measured. `test` gets the
        bundle while it still lies beside the slots, and raises for one that does not do: then the
        spare slot keeps what it has, and nothing of the archive is left. Raises BundleError for
        whatever is wrong with the archive or the disk.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                if self.record().on_probation:
                    raise BundleError(f"{self.sport}: the bundle in use is on probation; wait")
                with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder) as scratch:
                    fresh = Path(scratch) / "bundle"
                    fresh.mkdir()
                    bundle = unpack(archive, fresh, rules.keys, most_bytes=rules.most_bytes)
                    self._check(bundle.manifest, rules, current)
                    check_graphs(bundle)
                    test(bundle)
                    target = self._put(fresh, Path(scratch) / "old")
        except OSError as error:
            raise BundleError(f"{archive}: cannot be installed: {error.strerror}") from error
        finally:
            self.tidy()
        return load_bundle(target, verify=False)

    def _put(self, fresh: Path, old: Path) -> Path:
        """Rename a bundle into the spare slot, which is no longer the one to go back to."""
        slot = self.spare()
        target = self.folder / slot
        record = self.record()
        if record.previous == slot:
            self._write(replace(record, previous=None))
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        sync_folder(self.folder)
        return target

    def tidy(self) -> None:
        """Remove the folder again where nothing came of the first install."""
        with contextlib.suppress(OSError):
            if {path.name for path in self.folder.iterdir()} <= {".lock"}:
                (self.folder / ".lock").unlink(missing_ok=True)
                self.folder.rmdir()

    def activate(self, slot: Slot, *, on_probation: bool = False) -> Bundle:
        """Use a slot's bundle from now on; BundleError when it holds no whole one."""
        bundle = self.bundle(slot)
        if bundle is None:
            raise BundleError(f"{self.folder / slot}: no whole bundle there; install one first")
        record = self.record()
        previous = record.previous if record.active == slot else record.active
        self._write(SlotRecord(slot, previous, on_probation, refused=record.refused))
        return bundle

    def settle(self) -> None:
        """End the probation of the bundle in use; it has passed."""
        self._write(replace(self.record(), on_probation=False, starts=0))

    def rollback(self, refused: str | None = None) -> Bundle | None:
        """Use the earlier bundle again; returns it, None for the shipped one."""
        record = self.record()
        if record.active is None:
            raise BundleError(f"{self.sport}: no bundle was installed here; nothing to go back to")
        self._write(SlotRecord(record.previous, None, refused=refused or record.refused))
        return self.bundle(record.previous)

    def refuse(self, sha256: str) -> None:
        """Remember an archive that did not do, so that it is not fetched again and again."""
        self._write(replace(self.record(), refused=sha256))

    def begin(self) -> str | None:
        """Note that a box starts with this store; one line where a bundle was rolled back.

        A bundle on probation that the box died of more than once is not tried again.
        """
        self._sweep()
        record = self.record()
        if not record.on_probation:
            return None
        if record.starts >= _STARTS:
            self.rollback()
            return f"the bundle on probation was started {record.starts} times and never lasted"
        self._write(replace(record, starts=record.starts + 1))
        return None

    def _check(self, manifest: Manifest, rules: InstallRules, current: Manifest | None) -> None:
        what = f"{manifest.name} {manifest.version}"
        if manifest.sport != self.sport:
            raise BundleError(f"{what} is for {manifest.sport}, not for {self.sport}")
        floor = rules.min_version
        if floor is not None and version_key(manifest.version) < version_key(floor):
            raise BundleError(f"{what} is older than {floor}, the least version that is taken here")
        if current is None or rules.allow_downgrade:
            return
        if version_key(manifest.version) < version_key(current.version):
            raise BundleError(
                f"{what} is older than {current.version}, which is in use; allow a downgrade "
                "(updates.allow_downgrade, --allow-downgrade)"
            )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / ".lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BundleError(f"{self.folder}: another process installs a bundle") from error
            yield

    def _write(self, record: SlotRecord) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            data = json.dumps(asdict(record)).encode()
            write_whole(self.folder / _STATE, data, new_mode=0o666)
        except OSError as error:
            raise BundleError(f"{self.folder}: cannot be written: {error.strerror}") from error

    def _sweep(self) -> None:
        """Remove what a process left that died while it installed."""
        if not self.folder.exists():
            return
        with contextlib.suppress(BundleError, OSError), self._locked():
            for left in self.folder.glob(".new-*"):
                shutil.rmtree(left, ignore_errors=True)
            sweep(self.folder / _STATE)


def installed_sports(root: Path | None = None) -> list[str]:
    """List the sports that have a store on this box."""
    folder = root or state_folder() / "models"
    return sorted(path.parent.name for path in folder.glob(f"*/{_STATE}"))
