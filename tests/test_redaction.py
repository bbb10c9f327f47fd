"""Secrets in text are hidden by form and by value; hints and ordinary words stay whole."""

from __future__ import annotations

import base64
import json
import traceback
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.redaction import HIDDEN, Redactor, address_without_secrets, secrets_of, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:hunter2@cam/1", "rtsp://***@cam/1"),
        ("rtsp://admin:p@ss/w#rd@host/1 is away", "rtsp://***@host/1 is away"),
        ("rtsp://a:b@c:d?e@host:554/1", "rtsp://***@host:554/1"),
        ("rtsp://admin:1234/x@127.0.0.1/1", "rtsp://***@127.0.0.1/1"),
        ("'rtsp://u:pw@[fe80::1]:554/1': no", "'rtsp://***@[fe80::1]:554/1': no"),
        ("rtsp://ü:pässwörd@h/1", "rtsp://***@h/1"),
        ("rtsp:/admin:pw@h/1", "rtsp:/***@h/1"),
        ("rtsp://u:a@h,mqtt://v:b@k", "rtsp://***@h,mqtt://***@k"),
        ("RTSPS://u:pw@h and mqtts://tok3n@h:1", "RTSPS://***@h and mqtts://***@h:1"),
        ("srt+x://u:pw@h", "srt+x://***@h"),
        ("https://DOMAIN/user:pw@h/a", "https://***@h/a"),
        ("admin:hunter2@192.168.1.5", "***@192.168.1.5"),
        ("'admin:hunter2@cam.local:554/x'", "'***@cam.local:554/x'"),
        ("http://c/?user=me&password=a@b:c&n=1", "http://c/?user=me&password=***&n=1"),
        ("http://c/?PWD=x: refused", "http://c/?PWD=***: refused"),
        ("rtsp://c/user=me_password=x_1", "rtsp://c/user=me_password=***"),
        ("'http://c/?access_token=abc'", "'http://c/?access_token=***'"),
        ("http://c/key=abc&n=2", "http://c/key=***&n=2"),
        ("passwd=x\nnext line", "passwd=***\nnext line"),
        ('{"password": "a\\"b", "n": 1}', '{"password": "***", "n": 1}'),
        ("input_value={'password': 'x y'}", "input_value={'password': '***'}"),
        (
            "Authorization: Digest username=a, response=b\r\nHost: h",
            "Authorization: ***\r\nHost: h",
        ),
        ("sent Basic YWRtaW46aHVudGVyMg== twice", "sent Basic *** twice"),
        (
            "-----BEGIN PRIVATE KEY-----\nMC4C\nAQAw\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----",
        ),
    ],
)
def test_what_has_the_form_of_a_secret_is_hidden(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert without_secrets(shown) == shown, "once is enough"


@pytest.mark.parametrize(
    "text",
    [
        "write rtsp://user:password@camera/… or mqtt://user@host",
        "expected embedded, mqtt://[user[:pw]@]host[:port] or mqtts://host[:port]",
        "did you mean mqtt://192.168.1.5? An address begins with mqtt://",
        "give it as source.username and source.password_file",
        "broker.password: ${…} is taken literally: use password_env: NAME",
        "(# is %23, / is %2F, ? is %3F, @ is %40, % is %25)",
        "a value that starts with @ means something else in YAML",
        "at 12:30:05@25fps",
        "2026-03-01T19:05:00@box",
        "mail someone@example.org: thanks",
        "Queen: Live@Wembley.mkv, Queen:Live@Wembley.mkv",
        "/films/3:10@Yuma (2007).mkv",
        "v4l2:video0, rendered:soccer?seed=7&seconds=60",
        "rtsp://host/live@1080p, rtsp://host:554/live@1080p, rtsp://[::1]:554/a@b",
        "Basic configuration, Bearer of news",
        "--key=value, key=value, monkey=3, /path/keys=3",
        "not authorized: check username and password",
        "ssh-ed25519 key, public key of -----BEGIN PUBLIC KEY-----",
    ],
)
def test_hints_and_ordinary_words_stay(text: str) -> None:
    assert without_secrets(text) == text


PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=30).filter(
    lambda p: p.strip() == p and "*" not in p and p not in {"password", "passwd", "username"}
)


@given(PASSWORDS, st.sampled_from(["rtsp", "mqtt", "https"]))
def test_no_password_of_an_address_is_shown(password: str, scheme: str) -> None:
    address = f"{scheme}://admin:{password}@camera.example:99/live"
    shown = address_without_secrets(address)
    assert shown == f"{scheme}://{HIDDEN}@camera.example:99/live"
    redact = Redactor()
    redact.learn_address(address)
    assert password not in redact(f"cannot open '{address}': {password} refused")


@given(PASSWORDS)
def test_a_known_password_is_hidden_in_every_form(password: str) -> None:
    redact = Redactor()
    redact.learn(password, "admin")
    forms = [
        password,
        quote(password),
        quote(password, safe=""),
        json.dumps(password),
        json.dumps(password, ensure_ascii=False),
        repr(password),
        ascii(password),
        repr(password.encode()),
        escape(password),
        base64.b64encode(password.encode()).decode(),
        base64.b64encode(f"admin:{password}".encode()).decode(),
        "".join(traceback.format_exception(ValueError(password))),
    ]
    for form in forms:
        bare = form.strip("\"'")
        assert bare not in redact(f"x {form} y"), form
        assert password not in redact(f"x{form}y")
    assert password not in json.dumps(redact.tree({"a": [{"b": f"x {password}"}]}))


@given(st.text(max_size=200))
def test_any_text_is_taken_and_once_is_enough(text: str) -> None:
    once = without_secrets(text)
    assert without_secrets(once) == once


def test_a_secret_of_many_lines_is_hidden() -> None:
    redact = Redactor()
    redact.learn("first line\nsecond line")
    assert redact("got first line\nsecond line.") == "got ***."
    assert redact("got first line second line.") == "got ***."


def test_a_short_password_blackens_no_longer_word() -> None:
    redact = Redactor()
    redact.learn("cam1")
    redact.learn("abc")
    redact.learn("password")
    assert redact("cam1: webcam12 abc, give a password") == "***: webcam12 abc, give a password"


def test_only_so_many_secrets_are_remembered() -> None:
    redact = Redactor()
    for number in range(300):
        redact.learn(f"secret-{number:03d}")
    assert redact("secret-299 secret-000") == "*** secret-000"
    redact.forget()
    assert redact("secret-299") == "secret-299"


@pytest.mark.parametrize(
    "text",
    ["a://" * 30000, "rtsp://a:b@" * 10000, "a:b@" * 30000, "@" * 100000, "password=" * 20000],
    ids=["schemes", "addresses", "users", "ats", "keys"],
)
def test_hostile_texts_take_no_longer_than_their_length(text: str) -> None:
    assert len(without_secrets(text)) <= len(text) + 10  # quadratic time would end in the timeout


def test_secrets_of_an_address_are_known_as_written_and_unescaped() -> None:
    assert set(secrets_of("rtsp://u:a%40b@h/?pwd=c%2Fd")) == {"u:a%40b", "a%40b", "a@b"} | {
        "c%2Fd",
        "c/d",
    }
    assert not list(secrets_of("mqtt://user:password@host"))
