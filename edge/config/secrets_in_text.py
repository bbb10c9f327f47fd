"""What people write where a password should stand, and what they meant. Pure."""

from __future__ import annotations

import re

_BRACES = re.compile(r"\$\{[^}]*\}")
_USERINFO = re.compile(r"^[a-z][a-z0-9+.-]*://([^@]*(?:@[^@]*)*)@", re.IGNORECASE)
_BREAKS = {"#": "%23", "?": "%3F", "/": "%2F", "[": "%5B", "]": "%5D", " ": "%20", "\\": "%5C"}
"""What ends or breaks the user's part of an address, and how it is written there."""


def not_replaced(value: str, instead: str) -> str | None:
    """Say that `${NAME}` stays as it is; `instead` names the way to a variable."""
    if _BRACES.search(value) is None:
        return None
    return f"${{…}} is taken literally, no variable is put in its place: {instead}"


def bad_userinfo(url: str) -> str | None:
    """Say which character of a user or password breaks an address; nothing of the password."""
    found = _USERINFO.match(url)
    broken = [c for c in _BREAKS if found is not None and c in found[1]]
    if not broken:
        return None
    written = ", ".join(f"{'a space' if c == ' ' else c} as {_BREAKS[c]}" for c in broken)
    return (
        f"in a user or password of an address write {written}; or give them as username and "
        "password_file"
    )
