"""Examples of the messages of remote configuration. Pure."""

from __future__ import annotations

from edge.config import Config, config_from_mapping, redacted
from edge.publish.messages.config import (
    ConfigDesired,
    ConfigProblem,
    ConfigReported,
    ConfigSchema,
    ConfigStatus,
    DesiredRef,
)

_SESSION = "5f0c1a9e77b2d304"
_TIME_NS = 1_785_000_000_040_000_000

DESIRED = ConfigDesired(
    revision=8,
    id="7c1e52a0",
    config={
        "site": "riverside",
        "device": "box-north",
        "source": {"type": "rtsp", "url": "rtsp://***@192.168.1.40/1"},
        "registration": {"refine": "always"},
    },
)

_SHOWN = {
    key: value
    for key, value in redacted(
        config_from_mapping(
            {
                "revision": 8,
                "site": "riverside",
                "device": "box-north",
                "source": "rtsp://touchline:x@192.168.1.40/1",
                "registration": {"refine": "always"},
            }
        )
    ).items()
    if key in {"version", "revision", "site", "device", "sport", "source", "registration"}
}
"""Shortened: a report has every key."""

REPORTED = ConfigReported(
    session=_SESSION,
    seq=3,
    time_ns=_TIME_NS,
    status=ConfigStatus.APPLIED,
    revision=8,
    seen=8,
    desired=DesiredRef(revision=8, id="7c1e52a0"),
    changed=["registration.refine"],
    config=_SHOWN,
)
REFUSED = ConfigReported(
    session=_SESSION,
    seq=4,
    time_ns=_TIME_NS,
    status=ConfigStatus.REJECTED,
    revision=8,
    seen=9,
    desired=DesiredRef(revision=9, id="02b6d9f1"),
    errors=[
        ConfigProblem(path="broker.prot", message="unknown key; did you mean 'port'?"),
        ConfigProblem(path="engine.threads", message="expected greater than or equal to 1, got 0"),
    ],
    config=_SHOWN,
)
CONFIG_SCHEMA = ConfigSchema(
    session=_SESSION,
    seq=1,
    version="0.1.0",
    config={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:touchline:config:1",
        "type": "object",
        "properties": {"sport": Config.model_json_schema()["properties"]["sport"]},
    },
)
