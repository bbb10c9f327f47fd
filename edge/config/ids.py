"""What names a box, a site and a camera on the broker: one rule for configuration and topics."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
PREFIX_PATTERN = r"^[a-z0-9_-]+(/[a-z0-9_-]+){0,3}$"

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""1 to 63 of `a-z 0-9 _ -`, starting with a letter or digit: safe as one level of a topic."""

Prefix = Annotated[str, StringConstraints(pattern=PREFIX_PATTERN, max_length=120)]
"""One to four topic levels in front of the contract's version."""

MAX_REVISION = 2**53 - 1
"""Revisions beyond it would not be whole numbers in every reader of JSON."""
