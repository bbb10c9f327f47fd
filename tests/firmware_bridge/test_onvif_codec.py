"""ONVIF as text: answers of a camera not written here, deviations, bombs, and any bytes at all."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ProtocolError, UsageError
from firmware_bridge.codecs import onvif

DATA = Path(__file__).parent / "data" / "onvif"


def answer(body: str) -> onvif.Element:
    """A body in the envelope of a camera that uses prefixes of its own."""
    spaces = 'xmlns:ptz="urn:p" xmlns:tt="urn:t" xmlns:tds="urn:d" xmlns:trt="urn:m"'
    head = f'<e:Envelope xmlns:e="urn:e" xmlns:env="urn:e" {spaces}>'
    text = f"{head}<e:Body>{body}</e:Body></e:Envelope>"
    return onvif.parse(text.encode())


def recorded(name: str, **values: str) -> onvif.Element:
    """A recorded answer with its placeholders filled."""
    text = (DATA / name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace("{{" + key + "}}", value)
    return answer(text)


def test_status_of_a_recorded_camera() -> None:
    status = onvif.parse_status(
        recorded(
            "ptz_get_status.xml",
            pan="-0.25",
            tilt="0.5",
            zoom="0.1",
            pan_tilt_status="IDLE",
            zoom_status="MOVING",
            utc_time="2026-03-01T10:00:00Z",
        )
    )
    assert (status.pan, status.tilt, status.zoom) == (-0.25, 0.5, 0.1)
    assert (status.pan_tilt_space, status.zoom_space) == (
        onvif.GENERIC_PAN_TILT,
        onvif.GENERIC_ZOOM,
    )
    assert status.moving is True
    assert status.utc == datetime(2026, 3, 1, 10, tzinfo=timezone.utc)


def test_prefixes_that_are_never_declared_are_read_all_the_same() -> None:
    data = b'<?xml version="1.0"?><s:Body><ptz:Position><tt:PanTilt x="1"/></ptz:Position></s:Body>'
    assert onvif.parse_status(onvif.parse(data)).pan == 1.0


def test_status_with_nothing_that_can_be_read() -> None:
    status = onvif.parse_status(recorded("ptz_get_status.xml"))
    assert (status.pan, status.tilt, status.zoom, status.moving, status.utc) == (None,) * 5
    assert onvif.parse_status(answer("<ptz:GetStatusResponse/>")) == onvif.PtzStatus()


def test_spaces_of_a_recorded_camera() -> None:
    spaces = onvif.parse_spaces(recorded("ptz_get_configurations.xml"))
    assert spaces == [
        onvif.Space(onvif.GENERIC_PAN_TILT, (-1.0, 1.0), (-1.0, 1.0)),
        onvif.Space(onvif.GENERIC_ZOOM, (0.0, 1.0)),
    ]


def test_presets_profiles_services_time_and_device() -> None:
    presets = recorded(
        "ptz_get_presets.xml", presets='<ptz:Preset token="p1"><tt:Name>Goal</tt:Name></ptz:Preset>'
    )
    assert onvif.parse_presets(presets) == {"p1": "Goal"}
    profiles = answer(
        '<trt:GetProfilesResponse><trt:Profiles token="a"><tt:Name>A</tt:Name></trt:Profiles>'
        '<trt:Profiles token="b"><tt:Name>B</tt:Name>'
        '<tt:PTZConfiguration token="c"/></trt:Profiles>'
        "</trt:GetProfilesResponse>"
    )
    assert onvif.parse_profiles(profiles) == [
        onvif.MediaProfile("a", "A"),
        onvif.MediaProfile("b", "B", "c"),
    ]
    services = answer(
        "<tds:Service><tds:Namespace>urn:x</tds:Namespace>"
        "<tds:XAddr>http://h/x</tds:XAddr></tds:Service>"
        "<tds:Service><tds:Namespace>urn:y</tds:Namespace></tds:Service>"
    )
    assert onvif.parse_services(services) == {"urn:x": "http://h/x"}
    clock = answer(
        "<tt:UTCDateTime><tt:Time><tt:Hour>7</tt:Hour><tt:Minute>8</tt:Minute><tt:Second>9</tt:Second></tt:Time>"
        "<tt:Date><tt:Year>2026</tt:Year><tt:Month>2</tt:Month><tt:Day>3</tt:Day></tt:Date></tt:UTCDateTime>"
    )
    assert onvif.parse_time(clock) == datetime(2026, 2, 3, 7, 8, 9, tzinfo=timezone.utc)
    device = answer("<tds:Manufacturer>Acme</tds:Manufacturer><tds:Model> PTZ 3 </tds:Model>")
    assert onvif.parse_device(device) == {"Manufacturer": "Acme", "Model": "PTZ 3"}


@pytest.mark.parametrize("month", ["13", "", "x", "1e400"])
def test_a_time_that_does_not_exist_is_none(month: str) -> None:
    fields = {"Year": "2026", "Month": month, "Day": "1", "Hour": "0", "Minute": "0", "Second": "0"}
    inner = "".join(f"<tt:{name}>{value}</tt:{name}>" for name, value in fields.items())
    assert onvif.parse_time(answer(f"<tt:UTCDateTime>{inner}</tt:UTCDateTime>")) is None


@pytest.mark.parametrize(
    ("text", "unauthorized"), [("Sender not Authorized", True), ("Invalid position", False)]
)
def test_faults(text: str, unauthorized: bool) -> None:
    with pytest.raises(onvif.OnvifFaultError, match=text) as caught:
        answer(f"<env:Fault><env:Reason><env:Text>{text}</env:Text></env:Reason></env:Fault>")
    assert caught.value.unauthorized is unauthorized


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><b>&b;</b>'
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]><b>&a;</b>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<",
        b"<a></b>",
        b"not xml",
        BOMB.encode(),
        OUTSIDE.encode(),
        b"<!DOCTYPE html><html/>",
        b"<a>" * 40_000,
        b"<a/>" + b" " * onvif.MAX_XML_BYTES,
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        b"\xff\xfe<\x00",
    ],
    ids=[
        "empty",
        "open",
        "crossed",
        "text",
        "bomb",
        "outside",
        "doctype",
        "deep",
        "long",
        "encoding",
        "utf16",
    ],
)
def test_what_is_not_acceptable_xml_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        onvif.parse(data)


def test_digest_by_the_profile_of_the_standard() -> None:
    """The example of the ONVIF programmer's guide, section 6.1.1.3."""
    import base64

    nonce = base64.b64decode("LKqI6G/AikKCQrN0zqZFlg==")
    header = onvif.username_token("user", "userpassword", nonce, "2010-09-16T07:50:45Z")
    assert "tuOSpGlFlIXsozq4HFNeeGeFLEI=" in header
    assert "<wsse:Username>user</wsse:Username>" in header


def test_requests_are_well_formed_whatever_the_names() -> None:
    nasty = "<&\"'>"
    bodies = [
        onvif.get_status(nasty),
        onvif.get_options(nasty),
        onvif.absolute_move(nasty, 1.0, -2.0, 0.5, (onvif.DEGREES, onvif.GENERIC_ZOOM)),
        onvif.stop(nasty),
        onvif.set_preset(nasty, nasty),
        onvif.goto_preset(nasty, nasty),
        onvif.get_presets(nasty),
    ]
    for body in bodies:
        root = onvif.parse(
            onvif.envelope(body, header=onvif.username_token(nasty, nasty, b"n", "t"))
        )
        names = {"ProfileToken", "ConfigurationToken"}
        tokens = [node.text for node in root.iter() if onvif.local(node) in names]
        assert tokens == [nasty]
    moved = onvif.parse_status(onvif.parse(onvif.envelope(bodies[2])))
    assert (moved.pan, moved.tilt, moved.zoom) == (1.0, -2.0, 0.5)


def test_without_its_extra_onvif_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "defusedxml", None)
    with pytest.raises(UsageError, match=r"touchline\[camera\]"):
        onvif.parse(b"<a/>")


PARSERS = (
    onvif.parse_time,
    onvif.parse_services,
    onvif.parse_profiles,
    onvif.parse_spaces,
    onvif.parse_status,
    onvif.parse_presets,
    onvif.parse_device,
)


@given(st.binary(max_size=60))
def test_any_bytes_give_a_root_or_a_protocol_error(data: bytes) -> None:
    try:
        root = onvif.parse(data)
    except ProtocolError:
        return
    assert onvif.local(root)


_TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="<&\x00", exclude_categories=("Cc", "Cs")),
    max_size=6,
)
_NAMES = st.sampled_from(
    [
        "Position",
        "PanTilt",
        "Zoom",
        "MoveStatus",
        "UtcTime",
        "UTCDateTime",
        "Year",
        "Month",
        "Profiles",
        "Service",
        "XAddr",
        "Namespace",
        "PTZConfiguration",
        "Range",
        "URI",
        "XRange",
        "Min",
        "Max",
        "Preset",
        "Name",
    ]
)
_TREES = st.recursive(
    st.builds(lambda n, t: f'<{n} x="{t.replace(chr(34), "")}" token="1">{t}</{n}>', _NAMES, _TEXT),
    lambda inner: st.builds(
        lambda n, kids: f"<{n}>{''.join(kids)}</{n}>", _NAMES, st.lists(inner, max_size=4)
    ),
    max_leaves=10,
)


@given(_TREES)
def test_any_tree_of_the_right_names_is_read_without_an_exception(text: str) -> None:
    try:
        root = onvif.parse(text.encode())
    except ProtocolError:
        return
    for parse in PARSERS:
        parse(root)
    assert isinstance(onvif.parse_status(root), onvif.PtzStatus)
