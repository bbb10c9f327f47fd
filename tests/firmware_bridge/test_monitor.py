"""Disagreement of telemetry and picture: lasting ones are found and named, passing ones are not."""

from __future__ import annotations

import pytest

from firmware_bridge.monitor import Difference, Disagreement, Finding, Monitor


def feed(monitor: Monitor, differences: list[Difference]) -> list[Finding]:
    """All findings, each followed by a reset."""
    found = []
    for difference in differences:
        finding = monitor.add(difference)
        if finding is not None:
            found.append(finding)
            monitor.reset()
    return found


GOOD = Difference(0.02, -0.01, 0.003, 0.05, 0.004)
TURNED = Difference(3.0, 0.0, 0.0, 0.05, 0.004)
CONVERTER = Difference(0.0, 0.0, 0.4, 0.05, 0.004)


@pytest.mark.parametrize(
    ("differences", "kinds"),
    [
        ([GOOD] * 500, []),
        ([GOOD, GOOD, TURNED] * 100, []),
        ([GOOD] * 60 + [TURNED] * 30 + [GOOD] * 60, []),
        ([GOOD] * 60 + [TURNED] * 60, [Disagreement.CAMERA_MOVED]),
        ([GOOD] * 60 + [CONVERTER] * 60, [Disagreement.LENS_CHANGED]),
        ([Difference(0.0, -2.0, None, 0.05, 0.0)] * 60, [Disagreement.CAMERA_MOVED]),
        ([Difference(0.3, 0.3, 0.03, 0.05, 0.004)] * 200, []),
        ([Difference(1.5, 0.0, 0.0, 0.5, 0.0)] * 200, []),  # within what this alignment is good for
    ],
)
def test_findings(differences: list[Difference], kinds: list[Disagreement]) -> None:
    assert [f.kind for f in feed(Monitor(), differences)] == kinds


def test_sizes_are_medians() -> None:
    found = feed(Monitor(), [TURNED] * 49 + [Difference(90.0, 0.0, 0.0, 0.05, 0.0)])
    assert len(found) == 1
    assert found[0].pan_deg == 3.0
    assert found[0].focal_ratio == pytest.approx(1.0)
