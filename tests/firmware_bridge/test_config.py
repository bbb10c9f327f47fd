"""Settings and vendor profiles: what is accepted, and one clear line for what is not."""

from __future__ import annotations

import pytest

from edge.errors import ConfigError, UsageError
from firmware_bridge.codecs.freed import FreeDPosition
from firmware_bridge.config import BridgeConfig, TrackingConfig, parse_target, resolve
from firmware_bridge.profiles import profile, profiles


def test_defaults_do_nothing() -> None:
    config = BridgeConfig.from_mapping({})
    assert config == BridgeConfig()
    assert config.type == "none"
    assert config.tracking == TrackingConfig()


@pytest.mark.parametrize(
    ("raw", "port", "transport"),
    [
        ({"type": "freed"}, 40000, "udp"),
        ({"type": "opentrackio"}, 55555, "udp"),
        ({"type": "onvif", "host": "h"}, 80, "udp"),
        ({"type": "visca", "host": "h"}, 52381, "udp"),
        ({"type": "visca", "host": "h", "transport": "tcp"}, 5678, "tcp"),
        ({"type": "visca", "host": "h", "profile": "ptzoptics"}, 1259, "raw-udp"),
        ({"type": "visca", "host": "h", "port": 7}, 7, "udp"),
    ],
)
def test_ports_and_transports_in_force(raw: dict[str, object], port: int, transport: str) -> None:
    config = BridgeConfig.from_mapping(raw)
    assert config.port_in_force == port
    assert config.transport_in_force == transport


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"typ": "freed"}, "camera.link.typ: unknown key; did you mean type?"),
        ({"type": "freedd"}, "camera.link.type: 'freedd' is unknown; did you mean freed?"),
        ({"type": "visca"}, "camera.link.host: visca needs the camera's address"),
        ({"profile": "panasonic"}, "did you mean panasonic-aw?"),
        ({"port": 70000}, "camera.link.port: 70000 is outside 0..65535"),
        ({"poll_hz": 0}, "camera.link.poll_hz: 0 is outside 0.1..60"),
        ({"transport": "serial"}, "camera.link.transport: 'serial' is unknown"),
        ({"tracking": 3}, "camera.link.tracking: expected a section"),
        (
            {"tracking": {"freeed": []}},
            "camera.link.tracking.freeed: unknown key; did you mean freed?",
        ),
        ({"tracking": {"freed": ["somewhere"]}}, "'somewhere' is not host:port"),
        ({"tracking": {"freed": ["a:0"]}}, "'a:0' is not host:port"),
        ({"tracking": {"rate": [50]}}, "camera.link.tracking.rate: expected two whole numbers"),
        (
            {"tracking": {"source_number": 201}},
            "camera.link.tracking.source_number: 201 is outside 1..200",
        ),
    ],
)
def test_mistakes_are_named_with_their_place(raw: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BridgeConfig.from_mapping(raw)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lists_become_tuples() -> None:
    config = BridgeConfig.from_mapping(
        {"tracking": {"freed": ["10.0.0.9:6301"], "rate": [60000, 1001]}}
    )
    assert config.tracking.freed == ("10.0.0.9:6301",)
    assert config.tracking.rate == (60000, 1001)


def test_targets_and_hosts() -> None:
    assert parse_target("239.1.2.3:40000") == ("239.1.2.3", 40000)
    assert parse_target("multicast") == ("", 55555)
    assert resolve("127.0.0.1") == "127.0.0.1"
    assert resolve("localhost") == "127.0.0.1"


@pytest.mark.parametrize("name", sorted(profiles()))
def test_profiles_are_whole(name: str) -> None:
    one = profile(name)
    assert one.title
    assert one.source
    assert one.visca.pan_units_per_deg != 0
    assert one.visca.pan_nibbles in {4, 5}
    assert one.limits_deg.pan[0] < 0 < one.limits_deg.pan[1]
    assert one.limits_deg.tilt[0] < one.limits_deg.tilt[1]


def test_unknown_profile_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean mosys"):
        profile("mosis")


def test_what_profiles_read_from_freed() -> None:
    position = FreeDPosition(1, 0.0, 0.0, zoom=950, spare=0x7118)
    zcam, panasonic = profile("zcam-p2").freed, profile("panasonic-aw").freed
    assert zcam.focal_mm(position) == pytest.approx(9.5)
    assert zcam.sequence(position) == 7
    assert panasonic.focal_mm(position) is None
    assert panasonic.sequence(position) is None
