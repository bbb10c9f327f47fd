"""Telemetry from a file: times count from the film's beginning, bad lines are counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge.errors import ConfigError
from firmware_bridge import BridgeConfig
from firmware_bridge.codecs import freed
from firmware_bridge.links import open_link
from firmware_bridge.links.recording import RecordedLink


def line(t_s: float, pan_deg: float, camera_id: int = 1) -> str:
    packet = freed.encode_position(freed.FreeDPosition(camera_id, pan_deg, -5.0, zoom=77))
    return json.dumps({"t_s": t_s, "packet": packet.hex()})


def opened(path: Path, **settings: object) -> RecordedLink:
    link = open_link(
        BridgeConfig.from_mapping({"type": "recording", "file": str(path), **settings})
    )
    assert isinstance(link, RecordedLink)
    return link


def test_reports_lie_in_the_film_s_time(tmp_path: Path) -> None:
    path = tmp_path / "film.freed.jsonl"
    path.write_text("\n".join([line(0.02, 2.0), line(0.0, 1.0), line(0.04, 3.0)]))
    link = opened(path)
    link.start()
    link.began(10**18)
    assert [r.received_ns - 10**18 for r in link.history()] == [0, 20_000_000, 40_000_000]
    before, after = link.bracket(10**18 + 25_000_000)
    assert before is not None
    assert after is not None
    assert (before.pan_deg, after.pan_deg, before.zoom) == (2.0, 3.0, 77.0)
    assert link.bracket(10**18 - 1)[0] is None
    assert link.bracket(2 * 10**18)[1] is None
    assert link.state().connected
    link.close()


def test_bad_lines_are_counted_and_left_out(tmp_path: Path) -> None:
    wrong = json.loads(line(0.1, 5.0))
    wrong["packet"] = wrong["packet"][:-2] + "00"
    bad = ["", "x", "[]", '{"t_s": 1}', '{"t_s": "inf", "packet": "d1"}', json.dumps(wrong)]
    bad.append(
        json.dumps({"t_s": 1.0, "packet": freed.encode_command(freed.FreeDCommand(1, 0xD1)).hex()})
    )
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join([*bad, line(0.2, 6.0), line(0.3, 7.0, camera_id=9)]))
    link = opened(path, camera_id=1)
    assert [r.pan_deg for r in link.history()] == [6.0]
    state = link.state()
    assert state.errors == {"protocol": len(bad)}
    assert (state.foreign, state.received) == (1, 1)


def test_a_recording_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        opened(tmp_path / "none.jsonl")
    with pytest.raises(ConfigError, match="needs its file"):
        BridgeConfig.from_mapping({"type": "recording"})
