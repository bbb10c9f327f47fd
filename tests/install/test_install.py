"""`touchline install` and `uninstall` into a folder that stands for a system."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edge.box.signals import STOP_WITH_OUTPUTS_S
from edge.cli import main
from edge.cli.install import _check_runs
from edge.config import load_config
from edge.errors import InstallError, UsageError
from edge.install.plan import Target, install_steps, uninstall_steps
from edge.install.steps import Call, WriteFile
from edge.install.unit import unit_text
from edge.no_telemetry import VARIABLES

COMMAND = "/opt/touchline/bin/touchline"
UNIT = "etc/systemd/system/touchline.service"
CONFIG = "etc/touchline/touchline.yaml"


def install(root: Path, *options: str) -> int:
    return main(["install", "--root", str(root), "--command", COMMAND, *options])


def tree(root: Path) -> dict[str, str]:
    """Every path below a folder with what it holds."""
    return {
        str(path.relative_to(root)): (
            str(path.readlink())
            if path.is_symlink()
            else path.read_text()
            if path.is_file()
            else "folder"
        )
        for path in root.rglob("*")
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image with a neighbour in each folder that is written to, and one folder missing."""
    image = tmp_path / "image"
    (image / "etc/systemd/system").mkdir(parents=True)
    (image / "etc/systemd/system/other.service").write_text("[Unit]\n")
    (image / "etc/sysusers.d").mkdir()
    (image / "etc/sysusers.d/other.conf").write_text("u other -\n")
    return image


def test_it_writes_user_folders_unit_and_a_configuration_that_is_valid(root: Path, capsys):
    wishes = ["--source", "rtsp://u:p@10.0.0.1/1", "--site", "hall", "--broker", "mqtt://b"]
    assert install(root, *wishes) == 0
    config = load_config(root / CONFIG)
    assert (config.site, config.broker.host) == ("hall", "b")
    assert config.source is not None
    assert (root / CONFIG).stat().st_mode & 0o777 == 0o640
    assert (root / CONFIG).parent.stat().st_mode & 0o777 == 0o770
    unit = (root / UNIT).read_text()
    assert f"ExecStart={COMMAND} run --config /etc/touchline/touchline.yaml\n" in unit
    link = root / "etc/systemd/system/multi-user.target.wants/touchline.service"
    assert link.readlink() == Path("/") / UNIT
    shown = capsys.readouterr()
    assert shown.out.count("write ") == 4
    assert shown.err == ""


@pytest.mark.process
def test_systemd_makes_the_user_that_the_unit_names(root: Path):
    assert install(root) == 0
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True, capture_output=True)
    (line,) = [li for li in (root / "etc/passwd").read_text().splitlines() if "touchline" in li]
    name, _, uid, _, _, home, shell = line.split(":")
    assert (name, home, shell) == ("touchline", "/var/lib/touchline", "/usr/sbin/nologin")
    assert 0 < int(uid) < 1000, "a system user"
    assert "User=touchline\n" in (root / UNIT).read_text()


@pytest.mark.process
def test_systemd_accepts_the_unit_and_finds_it_hardened(tmp_path: Path):
    true = shutil.which("true")
    assert true is not None
    unit = tmp_path / "touchline.service"
    unit.write_text(unit_text(Path(true)))
    verify = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(verify, check=False, capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if "touchline" in line]
    assert (done.returncode, complaints) == (0, [])
    unit.write_text(unit_text(Path(true)) + "[Service]\nProtectSystems=strict\n")
    done = subprocess.run(verify, check=False, capture_output=True, text=True)
    assert "ProtectSystems" in done.stderr, "it does look"
    unit.write_text(unit_text(Path(true)).replace("MemoryMax=75%", "MemoryMax=lots"))
    done = subprocess.run(verify, check=False, capture_output=True, text=True)
    assert "Invalid memory limit 'lots'" in done.stderr, "values are looked at too"
    unit.write_text(unit_text(Path(true)))
    security = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    done = subprocess.run(
        [*security, "--threshold=22", str(unit)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_the_unit_bounds_what_a_box_may_take():
    lines = unit_text(Path(COMMAND)).splitlines()
    service = lines[lines.index("[Service]") : lines.index("[Install]")]
    for key in ("MemoryMax", "TasksMax", "LimitNOFILE", "LimitCORE", "OOMPolicy"):
        assert len([line for line in service if line.startswith(f"{key}=")]) == 1, key
    stop_s = int(next(line for line in service if line.startswith("TimeoutStop")).split("=")[1])
    assert stop_s > STOP_WITH_OUTPUTS_S, "the box's own limit comes first"


@pytest.mark.process
def test_a_command_with_odd_characters_is_quoted_for_systemd(tmp_path: Path):
    folder = tmp_path / "my box 50%"
    folder.mkdir()
    command = folder / "touchline"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    unit = tmp_path / "touchline.service"
    unit.write_text(unit_text(command))
    verify = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(verify, check=False, capture_output=True, text=True)
    assert "not executable" not in done.stderr
    assert done.returncode == 0, done.stderr


def test_a_second_install_keeps_the_configuration_and_renews_the_unit(root: Path, capsys):
    assert install(root, "--site", "hall") == 0
    (root / CONFIG).write_text("site: mine\n")
    (root / UNIT).write_text("old")
    capsys.readouterr()
    assert install(root, "--site", "other") == 0
    assert (root / CONFIG).read_text() == "site: mine\n"
    assert (root / UNIT).read_text() == unit_text(Path(COMMAND))
    assert "stays as it is" in capsys.readouterr().err


def test_uninstall_leaves_what_is_the_owners_and_purge_leaves_nothing(root: Path, capsys):
    before = tree(root)
    assert install(root, "--source", "rendered:") == 0
    spool = root / "var/lib/touchline/spool.sqlite"
    spool.parent.mkdir(parents=True)
    spool.write_text("events")
    assert main(["uninstall", "--root", str(root)]) == 0
    left = tree(root).keys() - before.keys()
    files = {name for name in left if (root / name).is_file()}
    assert files == {CONFIG, "var/lib/touchline/spool.sqlite"}
    assert "--purge removes them" in capsys.readouterr().err
    for _ in range(2):  # a second time there is nothing to do
        assert main(["uninstall", "--root", str(root), "--purge"]) == 0
        assert tree(root) == before


def test_a_dry_run_says_the_same_and_changes_nothing(root: Path, capsys):
    before = tree(root)
    assert install(root, "--dry-run") == 0
    announced = capsys.readouterr().out
    assert tree(root) == before
    assert install(root) == 0
    assert capsys.readouterr().out == announced
    installed = tree(root)
    assert main(["uninstall", "--root", str(root), "--purge", "--dry-run"]) == 0
    assert tree(root) == installed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--site", "No Such Name"], "site"),
        (["--source", "rtsp://"], "source"),
        (["--command", "/home/me/bin/touchline"], "a service cannot see /home"),
        (["--command", "bin/touchline"], "whole path"),
        (["--root", "/no/such/folder"], "no such folder"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    root: Path, options: list[str], words: str, capsys
):
    before = tree(root)
    assert install(root, *options) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert tree(root) == before


def test_the_running_system_is_told_only_where_systemd_runs():
    command = Path(COMMAND)
    for managed in (True, False):
        target = Target(managed=managed)
        both = (
            *install_steps(target, command, {}, start=True),
            *uninstall_steps(target, purge=True),
        )
        calls = [step.command[0] for step in both if isinstance(step, Call)]
        assert ("systemctl" in calls) == managed
        assert {"systemd-sysusers", "systemd-tmpfiles", "userdel"} <= set(calls)
    image = install_steps(Target(Path("/image"), managed=False), command, {}, start=True)
    assert not [step for step in image if isinstance(step, Call)]
    started = [step.describe() for step in install_steps(Target(), command, {}, start=False)]
    assert not [line for line in started if "restart" in line]


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one(tmp_path: Path):
    file = tmp_path / "unit"
    file.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        WriteFile(file, "new \udcff").do()
    assert tree(tmp_path) == {"unit": "old"}


@pytest.mark.process
def test_a_program_that_fails_is_one_line(capsys):
    with pytest.raises(InstallError, match="systemd-sysusers /no/such failed: "):
        Call(("systemd-sysusers", "/no/such")).do()
    with pytest.raises(InstallError, match="no-such-program is missing"):
        Call(("no-such-program",)).do()
    Call(("no-such-program",), may_fail=True).do()


def test_an_interpreter_that_the_service_cannot_see_is_refused(tmp_path: Path):
    command = tmp_path / "bin/touchline"
    command.parent.mkdir()
    with pytest.raises(UsageError, match="there is no touchline"):
        _check_runs(command)
    command.write_text("#!python\n")
    (command.parent / "python").symlink_to("/root/.pyenv/versions/3.11/bin/python3.11")
    with pytest.raises(UsageError, match=r"python3\.11: a service cannot see /root"):
        _check_runs(command)
    (command.parent / "python").unlink()
    (command.parent / "python").symlink_to("/usr/bin/python3")
    _check_runs(command)


def test_the_service_keeps_dependencies_from_reporting():
    (line,) = [li for li in unit_text(Path(COMMAND)).splitlines() if "TELEMETRY" in li]
    assert line == "Environment=" + " ".join(f"{n}={v}" for n, v in VARIABLES.items())
