"""How a box is watched: health figures, pages for monitoring, logs."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from edge.config.section import Section, setting

METRICS_PORT = 9464


class HttpConfig(Section):
    """`/metrics`, `/healthz` and `/readyz` of a live source, over HTTP without a password."""

    bind: str = setting(
        "127.0.0.1",
        "Listen address",
        "127.0.0.1: this box alone; another address lets that network read.",
        min_length=1,
    )
    port: int = setting(METRICS_PORT, "Port", "TCP port; 0: any free one.", ge=0, le=65535)


class HealthConfig(Section):
    """Health reports, on the topic `health` and over HTTP."""

    interval_s: float = setting(
        5.0,
        "Interval",
        "Time between two health messages.",
        unit="s",
        ge=0.2,
        le=300,
        remote="allowed",
    )
    window_s: float = setting(
        60.0,
        "Window",
        "Rates and times of stages are over this time.",
        unit="s",
        ge=1,
        le=3600,
        remote="allowed",
    )
    expiry_s: int = setting(
        30,
        "Expiry",
        "A health message that is older vanishes from the broker (MQTT 5).",
        unit="s",
        ge=1,
        le=3600,
        remote="allowed",
    )
    http: HttpConfig | None = setting(
        HttpConfig(), "HTTP", "Pages for monitoring; null: none are served."
    )

    @model_validator(mode="after")
    def _outlives_the_interval(self) -> HealthConfig:
        if self.expiry_s < 2 * self.interval_s:
            msg = f"expiry_s ({self.expiry_s}) must be at least twice interval_s, so that a "
            msg += f"message outlives the wait for the next: {2 * self.interval_s:g} or more"
            raise ValueError(msg)
        return self


class LogConfig(Section):
    """What the box writes to its standard error."""

    format: Literal["text", "json"] = setting(
        "text",
        "Format",
        "text: a line for a person; json: one JSON object a line.",
        change="live",
        remote="allowed",
    )
    level: Literal["debug", "info", "warning", "error"] = setting(
        "warning", "Level", "The least severity that is written.", change="live", remote="allowed"
    )
