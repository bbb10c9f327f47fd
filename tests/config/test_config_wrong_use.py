"""What people write where YAML, an address or a variable means something else: cause and way out.

And texts that are made to hurt: each is one line, in bounded time and memory.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import main
from edge.config import parse_broker, parse_config
from edge.errors import ConfigError

BROKER = "broker:\n  type: mqtt\n  url: mqtt://h\n  username: u\n  password: "
FLOW = "broker: {type: mqtt, url: mqtt://h, username: u, password: "


def first_problem(text: str) -> str:
    config, problems = parse_config(text)
    assert config is None, text
    assert "\n" not in str(problems[0])
    return str(problems[0])


@pytest.mark.parametrize("start", list("@*&!%|>`"))
def test_a_password_that_starts_with_a_mark_of_yaml_goes_in_quotes(start: str) -> None:
    problem = first_problem(f"{BROKER}{start}hunter2\n")
    assert "line 5" in problem
    assert "in quotes" in problem
    assert "hunter2" not in problem
    assert parse_config(f"{BROKER}'{start}hunter2'\n")[1] == []


@pytest.mark.parametrize("start", list("@*&%|>`{["))
def test_so_does_one_in_braces(start: str) -> None:
    problem = first_problem(f"{FLOW}{start}hunter2}}\n")
    assert "in quotes" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("value", ["#hunter2", "", "# no password yet"])
def test_a_password_that_is_a_comment_is_said(value: str) -> None:
    assert "broker.password: nothing stands here" in first_problem(f"{BROKER}{value}\n")


@pytest.mark.parametrize(
    "value", ["a: hunter2", "'a'hunter2'", '"a"hunter2', "[hunter2", "- hunter2"]
)
def test_a_password_with_colons_or_quotes_goes_in_quotes(value: str) -> None:
    problem = first_problem(f"{BROKER}{value}\n")
    assert "in quotes" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "text",
    [
        f"{BROKER}'${{MQTT_PW}}'\n",
        "broker: 'mqtt://u:${MQTT_PW}@h'\n",
        "source: 'rtsp://u:${CAMERA}@h/1'\n",
        "camera: {link: {type: onvif, host: h, username: u, password: '${CAMERA}'}}\n",
    ],
)
def test_a_variable_is_not_replaced_and_the_way_is_named(text: str) -> None:
    problem = first_problem(text)
    assert "taken literally" in problem
    assert "password_env" in problem


@pytest.mark.parametrize(
    ("mark", "written"),
    [("#", "%23"), ("?", "%3F"), ("/", "%2F"), ("[", "%5B"), ("]", "%5D"), (" ", "%20")],
)
@pytest.mark.parametrize("scheme", ["mqtt", "mqtts", "rtsp"])
def test_a_mark_in_an_addresss_password_is_written_so(mark: str, written: str, scheme: str) -> None:
    key = "source" if scheme == "rtsp" else "broker"
    config, problems = parse_config(f"{key}: '{scheme}://u:hun{mark}ter2@h'\n")
    if config is not None:  # a space, which a camera's address may have
        assert (scheme, mark) == ("rtsp", " ")
        return
    assert written in str(problems[0])
    assert "username" in str(problems[0])
    assert "ter2" not in str(problems[0])
    assert parse_config(f"{key}: '{scheme}://u:hun{written}ter2@h'\n")[1] == []


@pytest.mark.parametrize("host", ["192.168.1.5", "h:1883", "broker.example", "[::1]:1883"])
def test_an_address_without_a_scheme_is_told_what_it_lacks(host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_broker(host)
    assert f"did you mean mqtt://{host}?" in str(caught.value)


@pytest.mark.parametrize(
    "spec", ["u:hunter2@h", "tcp://u:hunter2@h", "mqtt:u:hunter2@h", "http://h", "mqtt//h", ""]
)
def test_the_hint_shows_no_password_and_is_whole_on_the_terminal(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["listen", "--broker", spec, "--seconds", "1"]) == 2
    said = capsys.readouterr().err
    assert "hunter2" not in said
    assert "mqtt://host[:port]" in said


@pytest.mark.parametrize("spec", ["embedded:x", "embedded:99999", "embedded:h:x"])
def test_a_wrong_short_form_of_the_embedded_broker_is_one_line(spec: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_broker(spec)
    assert "\n" not in str(caught.value)


BOMB = [f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]" for i in range(9)]
HURTFUL = {
    "lists": "[" * 250_000,
    "mappings": "{" * 250_000,
    "items": "- " * 120_000,
    "keys": "? " * 120_000,
    "bomb": "\n".join(["a: &a [x,x,x,x,x,x,x,x,x,x]", *BOMB]),
    "endless": "a: &a [*a]",
    "endless mapping": "a: &a {b: *a}",
    "hex": f"revision: 0x{'f' * 200_000}",
    "octal": f"revision: 0o{'7' * 200_000}",
    "digits": f"revision: {'9' * 200_000}",
    "hex for a float": f"health: {{interval_s: 0x{'f' * 20_000}}}",
    "float": "health: {interval_s: 1e99999}",
    "duplicates": "a: 1\n" * 30_000,
    "anchors": "".join(f"- &a{i} x\n" for i in range(20_000)),
    "long key": "k" * 250_000 + ": 1",
    "documents": "---\n" * 60_000,
    "tag": "a: !" + "x" * 200_000,
    "nul": "a: \0",
    "escape": "a: \x1b[31m",
    "surrogate": "a: \ud800",
    "deep": "".join("  " * i + "a:\n" for i in range(400)),
}  # fmt: skip


@pytest.mark.parametrize("name", HURTFUL)
def test_a_text_made_to_hurt_is_one_line(name: str) -> None:
    problem = first_problem(HURTFUL[name])
    assert len(problem) < 400


@pytest.mark.process
@pytest.mark.slow
def test_texts_made_to_hurt_take_little_time_and_memory(tmp_path: Path) -> None:
    """Ten seconds of the processor and 400 MB more than the program itself, for each."""
    file = tmp_path / "hurt.yaml"
    script = "import sys; from edge.cli import main; sys.exit(main(sys.argv[1:]))"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        resource.setrlimit(resource.RLIMIT_DATA, (600 << 20, 600 << 20))

    for name in ("lists", "bomb", "anchors", "hex"):
        file.write_text(HURTFUL[name])
        command = [sys.executable, "-c", script, "config", "validate", str(file)]
        answer = subprocess.run(
            command, preexec_fn=limit, capture_output=True, text=True, check=False
        )
        assert (answer.returncode, answer.stderr) == (1, ""), name
        assert answer.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"site: h\xe4ll\n", "not UTF-8"),
        ("site: hall\n".encode("utf-16"), "not UTF-8"),
        (b"\xff" * 100, "not UTF-8"),
    ],
)
def test_what_is_no_utf8_is_one_line(
    tmp_path: Path, data: bytes, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(data)
    assert main(["config", "validate", str(file)]) == 2
    assert words in capsys.readouterr().err


def test_a_file_without_end_is_not_read_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "validate", "/dev/zero"]) == 1
    assert "at most" in capsys.readouterr().out


def test_validate_knows_a_key_that_is_the_file_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "touchline.yaml"
    file.write_text(f"updates: {{keys: ['{file}']}}\n")
    assert main(["config", "validate", str(file)]) == 1
    assert "updates.keys" in capsys.readouterr().out
