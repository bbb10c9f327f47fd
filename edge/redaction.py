"""Secrets in text: found by their form, and by their value where that is known.

By form: the user and password of an address, escaped or not; what follows `password=` and the like
in its path or query; credentials of HTTP headers; private keys. By value: every password that this
process has read, as it is and as addresses, JSON, XML, HTTP and Python write it. All that leaves
the process for people or peers goes through `redact` (docs/reference/configuration.md).
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote
from xml.sax.saxutils import escape

HIDDEN = "***"
_LEAST_SECRET = 4
"""A shorter password would blacken ordinary words; it is hidden where its form shows it."""
_WORD_SECRET = 6
"""A shorter password is hidden where it stands alone: parts of longer words are none."""
_MOST_SECRETS = 200
"""Remembered; the oldest is forgotten first. A box has a handful."""
_MOST_CHARS = 4096
"""Of one secret."""

_ADDRESS_SCHEME = r"(?:(?:rtsp|mqtt|http|rtmp|ws)s?|srt|udp|tcp|rtp|mms|ftp):/{1,2}"
_TOKEN = re.compile(r"\S+")
_USERINFO = re.compile(
    rf"(?<![A-Za-z0-9+.-])({_ADDRESS_SCHEME}|[A-Za-z][A-Za-z0-9+.-]{{0,20}}://)"
    rf"((?:(?!{_ADDRESS_SCHEME}).)*)@",
    re.IGNORECASE,
)
"""Greedy: a password may hold an @ or a /. It ends where another address begins."""
_PLACEHOLDER = re.compile(
    r"\[?(user(name)?|name|\*\*\*)(\[?:(password|pass|pw|pwd|\*\*\*)\]?)?", re.IGNORECASE
)
"""A made-up user and password in a hint."""
_AT_IN_PATH = re.compile(
    r"(?:(?:\[[0-9A-F:.%]+\]|\d+(?:\.\d+){3}|localhost)(?::\d{1,5})?"
    r"|[^\s/:?#@\[\]]+(?::(?:80|443|554|1883|1935|322|8080|8443|8554|8883))?)/[^:]*",
    re.IGNORECASE,
)
"""What may stand between `://` and an @ without being a user: a host, and a path without colon."""
_BARE_USERINFO = re.compile(
    r"\A([\[('\"]*)(?!\d+:)[^/:@]+:(?!//).*"
    r"@(?=\d+(?:\.\d+){3}\b|\[[0-9A-Fa-f:.]+\]|localhost\b|[A-Za-z0-9.-]+:\d{1,5}\b)"
)
"""`user:password@host` without a scheme, where the host is plain to see."""
_END = r"(?=['\"):,]?(?:[&\s]|$))"
_STRONG_KEY = r"(?:[a-z]+[_-])?(?:passwords?|passwd|passphrase|passcode|pwd|secret)"
_WEAK_KEY = (
    r"pass|pw|psw|token|key|auth|authorization|sig|signature|credentials?|jwt|sid|session"
    r"|(?:[a-z]+[_-])?(?:token|api_?key|key|secret|signature|credential)|apikey|streamkey"
)
_KEYS = (
    re.compile(rf"(?<![A-Za-z0-9_])({_STRONG_KEY}=)(?!\*\*\*)(?:[^&\s]+?{_END})", re.IGNORECASE),
    re.compile(rf"([?&/;#](?:{_WEAK_KEY})=)(?!\*\*\*)(?:[^&\s]+?{_END})", re.IGNORECASE),
)
_PASSWORD_KEY = re.compile(_STRONG_KEY, re.IGNORECASE)
_QUOTED = re.compile(
    rf"(['\"]{_STRONG_KEY}['\"]\s*:\s*)(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')", re.IGNORECASE
)
"""As JSON and Python write a password."""
_HEADERS = (
    re.compile(r"(\b(?:proxy-)?authorization['\"]?\s*[:=]\s*)[^\r\n]+", re.IGNORECASE),
    re.compile(r"\b(Basic\s+)(?=\S*(?:[0-9=]|[a-z][A-Z]))[A-Za-z0-9+/]{8,}={0,2}"),
    re.compile(r"\b(Bearer\s+)(?=\S*[0-9])[A-Za-z0-9._~+/-]{12,}=*"),
)
_PRIVATE_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|\Z)", re.DOTALL)
_WORDS_OF_OURS = frozenset({"password", "passwd", "user", "username", "host", "name", "pass"})
"""Hints are made of them; as a password they protect nothing."""


def without_secrets(text: str) -> str:
    """Replace by `***` what has the form of a secret in a text of any kind. Pure."""
    if "=" in text:
        for pattern in _KEYS:
            text = pattern.sub(rf"\1{HIDDEN}", text)
    if "@" in text:
        text = _TOKEN.sub(_word, text)
    if ":" in text:
        text = _QUOTED.sub(lambda m: f"{m[1]}{m[2][0]}{HIDDEN}{m[2][0]}", text)
    for pattern in _HEADERS:
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return _PRIVATE_KEY.sub(rf"\1{HIDDEN}", text) if "PRIVATE KEY" in text else text


def address_without_secrets(address: str) -> str:
    """Replace the secrets of one whole address, whose password may hold spaces too. Pure."""
    head, found, rest = address.partition("://")
    userinfo, at, place = rest.rpartition("@")
    if found and at and any(c.isspace() for c in userinfo) and not _at_in_path(userinfo):
        address = f"{head}://{HIDDEN}@{place}"
    return without_secrets(address)


def secrets_of(address: str) -> Iterator[str]:
    """Yield the secrets of one address or `user:password@host`, as written and unescaped. Pure."""
    scheme, found, rest = address.partition("://")
    rest = rest if found else scheme
    userinfo, at, _ = rest.rpartition("@")
    if at and ":" in userinfo and not _is_no_userinfo(userinfo):
        password = userinfo.partition(":")[2]
        yield from (userinfo, password, unquote(password))
    for pattern in _KEYS:
        for match in pattern.finditer(rest):
            value = match[0].partition("=")[2]
            yield from (value, unquote(value))


class Redactor:
    """Knows the secrets of a process; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, ...]] = {}
        self._pattern: re.Pattern[str] | None = None

    def learn(self, secret: str | None, user: str | None = None) -> None:
        """Hide this secret from now on, in each form; with its user the one of HTTP's Basic."""
        if secret is None or len(secret) < _LEAST_SECRET or secret in _WORDS_OF_OURS:
            return
        forms = tuple(dict.fromkeys(_forms(secret[:_MOST_CHARS], user)))
        with self._lock:
            if self._known.get(secret) == forms:
                return
            self._known.pop(secret, None)
            self._known[secret] = forms
            while len(self._known) > _MOST_SECRETS:
                self._known.pop(next(iter(self._known)))
            self._pattern = _any_of(form for known in self._known.values() for form in known)

    def forget(self) -> None:
        """Forget all that was learnt: another command of this process has other secrets."""
        with self._lock:
            self._known.clear()
            self._pattern = None

    def learn_address(self, address: str) -> None:
        """Hide the secrets that stand in an address from now on."""
        for secret in secrets_of(address):
            self.learn(secret)

    def learn_data(self, data: Any) -> None:
        """Hide the values of `password` and the like in plain data, and in its addresses."""
        if isinstance(data, Mapping):
            for key, value in data.items():
                if isinstance(key, str) and _PASSWORD_KEY.fullmatch(key) and _is_scalar(value):
                    self.learn(str(value))
                self.learn_data(value)
        elif isinstance(data, (list, tuple)):
            for item in data:
                self.learn_data(item)
        elif isinstance(data, str) and "://" in data:
            self.learn_address(data)

    def __call__(self, text: str) -> str:
        """Return a text without the secrets in it."""
        pattern = self._pattern
        if pattern is not None:
            text = pattern.sub(HIDDEN, text)
        return without_secrets(text)

    def address(self, address: str) -> str:
        """Return one whole address without the secrets in it."""
        return self(address_without_secrets(address))

    def tree(self, data: Any) -> Any:
        """Return plain data (as for JSON) without the secrets in its texts."""
        if isinstance(data, str):
            return self(data)
        if isinstance(data, Mapping):
            return {key: self.tree(value) for key, value in data.items()}
        return [self.tree(item) for item in data] if isinstance(data, (list, tuple)) else data


redact = Redactor()
"""This process's redactor: there is one."""


def _word(match: re.Match[str]) -> str:
    """Hide the user and password in a text without spaces."""
    text = match[0]
    end = text.rfind("@") + 1
    if end == 0:
        return text
    before, after = text[:end], text[end:]
    if "://" in before or ":/" in before:
        return _USERINFO.sub(_userinfo, before) + after
    return _BARE_USERINFO.sub(_bare_userinfo, text, count=1)


def _userinfo(match: re.Match[str]) -> str:
    scheme, userinfo = match[1], match[2]
    if _is_no_userinfo(userinfo):
        return match[0]
    return f"{scheme}{HIDDEN}@"


def _bare_userinfo(match: re.Match[str]) -> str:
    userinfo = match[0][len(match[1]) : -1]
    return match[0] if _PLACEHOLDER.fullmatch(userinfo) else f"{match[1]}{HIDDEN}@"


def _is_scalar(value: object) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _is_no_userinfo(userinfo: str) -> bool:
    return _PLACEHOLDER.fullmatch(userinfo) is not None or _at_in_path(userinfo)


def _at_in_path(userinfo: str) -> bool:
    return _AT_IN_PATH.fullmatch(userinfo) is not None


def _forms(secret: str, user: str | None) -> Iterator[str]:
    """Yield how a secret may stand in a text."""
    for text in (secret, " ".join(secret.split())):
        yield from (text, escape(text), escape(text, {'"': "&quot;", "'": "&#x27;"}))
        encoded = text.encode("utf-8", "surrogateescape")
        for safe in ("", "/", "/:", "!$&'()*+,;=", "!$&'()*+,;=:", "!$&'()*+,;=:@/?"):
            written = quote(encoded, safe=safe)
            yield from (written, re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), written))
        yield quote_plus(encoded)
        for ascii_only in (True, False):
            yield json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield from (repr(text)[1:-1], ascii(text)[1:-1], repr(encoded)[2:-1])
        yield text.encode("ascii", "backslashreplace").decode()
    raw = secret.encode("utf-8", "surrogateescape")
    yield base64.b64encode(raw).decode()
    if user is not None:
        yield base64.b64encode(user.encode("utf-8", "surrogateescape") + b":" + raw).decode()


def _any_of(forms: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted({f for f in forms if len(f) >= _LEAST_SECRET}, key=len, reverse=True)
    parts = [
        re.escape(f) if len(f) >= _WORD_SECRET else rf"(?<!\w){re.escape(f)}(?!\w)"
        for f in longest_first
    ]
    return re.compile("|".join(parts)) if parts else None
