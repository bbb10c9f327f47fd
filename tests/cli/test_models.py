"""`touchline models` with the bundle that ships: packed, checked, installed, used, left again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from edge.bundles import find_bundle
from edge.cli import main

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    for command in (
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(private)],
        ["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return private, public


def lines(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_a_bundle_is_packed_installed_activated_and_left_again(
    tmp_path: Path,
    keys: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    private, public = map(str, keys)
    shipped = find_bundle("soccer")
    out = tmp_path / "soccer.bundle"
    assert main(["models", "pack", "soccer", "--key", private, "--out", str(out)]) == 0
    assert "golden frames" in lines(capsys)
    assert main(["models", "verify", str(out), "--key", public]) == 0
    assert main(["models", "install", str(out)]) == 2
    assert "--unsigned" in lines(capsys)
    assert main(["models", "install", str(out), "--key", public]) == 0
    assert find_bundle("soccer").path == shipped.path
    assert main(["models", "activate", "soccer"]) == 0
    installed = find_bundle("soccer")
    assert installed.path.is_relative_to(tmp_path)
    assert len(installed.manifest.golden) >= 2
    capsys.readouterr()
    assert main(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["bundles"]
    row = next(row for row in rows if row["sport"] == "soccer")
    assert (row["path"], row["signed"]) == (str(installed.path), True)
    assert main(["models", "list"]) == 0
    assert f"installed for soccer: a: {shipped.label} (in use)" in lines(capsys)
    assert main(["models", "rollback", "soccer"]) == 0
    assert find_bundle("soccer").path == shipped.path
    assert main(["models", "rollback", "soccer"]) == 1
    assert "nothing to go back to" in lines(capsys)


def test_wrong_keys_and_archives_are_one_line(
    tmp_path: Path, keys: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = map(str, keys)
    text = tmp_path / "text"
    text.write_text("no key and no archive\n")
    for arguments, code, words in (
        (["pack", "soccer", "--key", public], 2, "private key"),
        (["pack", "soccer", "--key", str(text)], 2, "not an Ed25519 key"),
        (["pack", "soccer", "--key", str(tmp_path / "absent")], 2, "cannot be read"),
        (["install", str(text), "--key", private], 2, "public key"),
        (["install", str(text), "--key", public], 1, "damaged or cut off"),
        (["install", str(tmp_path / "absent"), "--unsigned"], 1, "cannot be read"),
        (["activate", "curling"], 1, "no whole bundle there"),
        (["verify", str(text)], 1, "damaged or cut off"),
    ):
        assert main(["models", *arguments]) == code, arguments
        said = lines(capsys).strip()
        assert words in said
        assert "\n" not in said
