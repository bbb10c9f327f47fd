from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.box.monitoring.latency import Histogram, StageTimes


@given(st.lists(st.floats(0.002, 60_000), min_size=1, max_size=200), st.floats(0.0, 1.0))
def test_a_quantile_is_within_one_per_cent_of_the_exact_one(durations: list[float], share: float):
    histogram = Histogram()
    for ms in durations:
        histogram.add(ms)
    exact = np.quantile(durations, share, method="inverted_cdf")
    assert histogram.quantile(share) == pytest.approx(exact, rel=0.0101)


def test_nothing_measured_is_zero():
    assert Histogram().quantile(0.95) == 0.0
    assert StageTimes().percentiles() == {}


@pytest.mark.parametrize("ms", [-1.0, 0.0, float("nan"), 1e12])
def test_odd_durations_are_counted_and_break_nothing(ms: float):
    histogram = Histogram()
    histogram.add(ms)
    assert histogram.percentiles().count == 1


def test_stages_keep_their_order_and_their_own_figures():
    times = StageTimes()
    times.add_all({"infer": 10.0, "verify": 1.0})
    times.add("infer", 20.0)
    figures = times.percentiles()
    assert list(figures) == ["infer", "verify"]
    assert (figures["infer"].count, figures["infer"].max_ms) == (2, 20.0)
    assert figures["infer"].p50_ms == pytest.approx(10.0, rel=0.011)
    assert figures["verify"].p95_ms == pytest.approx(1.0, rel=0.011)
