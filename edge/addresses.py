"""Addresses with a user and password in them, as people write them. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

BROKEN_USERINFO = (
    "the user name or password holds a character that ends it in an address; percent-encode it (#"
    " is %23, / is %2F, ? is %3F, @ is %40, % is %25), or give it as source.username and"
    " source.password_file in the configuration"
)
"""What to do where `breaks_at_password`; it quotes nothing of the address."""
_HOST_AND_PATH = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:/?#@\[\]]+)(:\d{1,5})?/[^#]*")


def breaks_at_password(address: str) -> bool:
    """Whether an address falls apart at a character of its user name or password.

    That is one such as # or /, behind which the host would stand. An @ in a path is none.
    """
    scheme, found, rest = address.partition("://")
    userinfo, at, place = rest.rpartition("@")
    if not (found and at):
        return False
    try:
        bare = urlsplit(f"{scheme}://{place}")
        port = bare.port
    except ValueError:  # the host or port itself is wrong
        return False
    try:
        whole = urlsplit(address)
        fits = whole.netloc == f"{userinfo}@{bare.netloc}" and whole.port == port
    except ValueError:
        fits = False
    return not fits and _HOST_AND_PATH.fullmatch(userinfo) is None
