"""Settings and helpers that the bridge's tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# a busy machine must not fail a property; derandomized, so that a red build is red again
settings.register_profile(
    "touchline",
    deadline=None,
    max_examples=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("touchline")
