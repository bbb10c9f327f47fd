"""Rates and percentiles of the last seconds."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.health.window import Window, quantile


def test_rates_are_of_the_window_and_not_of_the_whole_run() -> None:
    window = Window(10.0, begun_s=100.0)
    for i in range(200):  # 20 a second for ten seconds, 4 ms each
        window.add(100.0 + i / 20, {"infer": 4.0})
    early = window.rates(110.0, captured=250)
    assert (early.fps_in, early.fps_out) == (25.0, 20.0)
    for i in range(50):  # then 5 a second, 40 ms each
        window.add(110.0 + (i + 1) / 5, {"infer": 40.0, "dense": 9.0})
    late = window.rates(120.0, captured=350)
    assert (late.fps_in, late.fps_out) == (10.0, 5.0)
    assert late.stages["infer"].p50_ms == late.stages["infer"].p95_ms == 40.0
    assert late.stages["dense"].p50_ms == 9.0


def test_a_young_session_counts_from_its_start() -> None:
    window = Window(60.0, begun_s=0.0)
    for i in range(30):
        window.add(i / 15, {})
    rates = window.rates(2.0, captured=40)
    assert (rates.fps_in, rates.fps_out) == (20.0, 15.0)


def test_nothing_finished_shows_no_stage_and_no_rate() -> None:
    window = Window(60.0, begun_s=0.0)
    window.add(0.0, {"infer": 3.0})
    assert window.rates(61.0, captured=1).stages == {}
    assert window.rates(0.0, captured=0).fps_out == 0.0


def test_memory_is_bounded_and_the_rate_stays_right() -> None:
    window = Window(60.0, begun_s=0.0)
    for i in range(30_000):  # 1000 a second for thirty seconds
        window.add(i / 1000, {"infer": 1.0})
    assert len(window._frames) < 10_000
    assert window.rates(30.0, captured=30_000).fps_out == pytest.approx(1000, rel=0.01)
    for scrape in range(100):
        window.rates(31.0 + 10 * scrape, captured=30_000)
    assert len(window._captured) < 12


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_quantiles_are_values_that_were_seen_and_share_is_within(values: list[float]) -> None:
    ordered = sorted(values)
    for share in (0.5, 0.95):
        found = quantile(ordered, share)
        assert found in values
        assert sum(v <= found for v in values) >= share * len(values)
    assert quantile(ordered, 0.5) == statistics.median_low(values)
