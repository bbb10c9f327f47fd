"""The configuration of a box: one YAML file, checked key by key.

config = load_config("touchline.yaml")
config = with_changes(config, {"broker": "mqtt://broker.example", "camera.id": "cam2"})
"""

from __future__ import annotations

from typing import Any

from edge.config.brokers import BrokerConfig, EmbeddedBrokerConfig, RemoteBrokerConfig, TlsConfig
from edge.config.loader import (
    Problem,
    config_from_mapping,
    load_config,
    parse_config,
    validate_text,
    with_changes,
)
from edge.config.models import (
    CameraConfig,
    Config,
    EngineConfig,
    EventConfig,
    FieldConfig,
    OutputConfig,
    PublishConfig,
    RegistrationConfig,
    SpoolConfig,
)
from edge.config.parse import parse_broker
from edge.config.secrets import credentials, learn_secrets, passwords, redacted
from edge.config.sources import (
    FileSource,
    FolderSource,
    RenderedSource,
    RtspSource,
    SourceConfig,
    V4l2Source,
)
from edge.config.watching import HealthConfig, HttpConfig, LogConfig

__all__ = [
    "BrokerConfig",
    "CameraConfig",
    "Config",
    "EmbeddedBrokerConfig",
    "EngineConfig",
    "EventConfig",
    "FieldConfig",
    "FileSource",
    "FolderSource",
    "HealthConfig",
    "HttpConfig",
    "LogConfig",
    "OutputConfig",
    "Problem",
    "PublishConfig",
    "RegistrationConfig",
    "RemoteBrokerConfig",
    "RenderedSource",
    "RtspSource",
    "SourceConfig",
    "SpoolConfig",
    "TlsConfig",
    "V4l2Source",
    "config_from_mapping",
    "config_schema",
    "credentials",
    "learn_secrets",
    "load_config",
    "parse_broker",
    "parse_config",
    "passwords",
    "redacted",
    "validate_text",
    "with_changes",
]


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12), with `x-unit`, `x-change`, `x-restart` and `x-secret`."""
    schema = Config.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:touchline:config:1",
    } | schema
