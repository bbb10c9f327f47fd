"""Work of another thread, taken one piece after the other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

Piece = TypeVar("Piece")


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


@contextmanager
def ahead(
    work: Callable[[], Generator[Piece, None, None]], size: int = 8
) -> Iterator[Iterator[Piece]]:
    """Run a generator in a thread that is at most `size` pieces ahead of who takes them.

    Its exceptions are raised where the pieces are taken; leaving the `with` ends the thread.
    """
    worker = _Worker(work, size)
    worker.start()
    try:
        yield worker.pieces()
    finally:
        worker.stop()


class _Worker(Generic[Piece]):
    def __init__(self, work: Callable[[], Generator[Piece, None, None]], size: int) -> None:
        self._work = work
        self._made: queue.Queue[Piece | _End] = queue.Queue(size)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="segments-reader", daemon=True)
        self.start = self._thread.start

    def pieces(self) -> Iterator[Piece]:
        """Take what was made, to its end."""
        while not isinstance(piece := self._made.get(), _End):
            yield piece
        if piece.error is not None:
            raise piece.error

    def stop(self) -> None:
        """End the thread after the piece that it is at."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with closing(self._work()) as generator:
                for piece in generator:
                    if not self._put(piece):
                        return
        except BaseException as caught:  # noqa: BLE001 - raised again by who takes the pieces
            error = caught
        self._put(_End(error))

    def _put(self, piece: Piece | _End) -> bool:
        """Hand a piece on; False when nobody takes it any more."""
        while not self._stopped.is_set():
            try:
                self._made.put(piece, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
