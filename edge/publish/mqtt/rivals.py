"""Another box under this box's name, as its `state` messages show it. Pure."""

from __future__ import annotations

from pydantic import ValidationError

from edge.publish.messages.registration import StateMessage, Status

_REMEMBERED_S = 120.0
"""A rival that was not heard for so long is taken for gone."""


class Rivals:
    """Tells a rival from this box's own earlier runs."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._connections = 0
        self._earlier: set[str] = set()
        """Sessions whose state was retained when this run first connected: runs that were killed,
        as far as can be said then."""
        self._rival: str | None = None
        self._heard_s = float("-inf")

    def connected(self) -> None:
        """Take note that the broker accepted this box."""
        self._connections += 1

    def hear(self, payload: bytes, *, newer: bool, now_s: float) -> None:
        """Take a message on `state`; `newer` says that it came after this box's own."""
        try:
            message = StateMessage.model_validate_json(payload)
        except ValidationError:  # put right as any foreign message
            return
        if message.session == self._session or message.status is Status.OFFLINE:
            return
        if not newer and self._connections <= 1:
            self._earlier.add(message.session)
        elif message.session not in self._earlier:
            self._rival, self._heard_s = message.session, now_s

    def present(self, now_s: float) -> str | None:
        """Return the session of a rival that was heard lately; None where there is none."""
        return self._rival if now_s - self._heard_s < _REMEMBERED_S else None
