"""Disagreement of telemetry and picture: lasting ones are found and named, passing ones are not."""

from __future__ import annotations

import pytest

from firmware_bridge.monitor import Disagreement, FieldDifference, LinkMonitor, MonitorFinding


def feed(monitor: LinkMonitor, differences: list[FieldDifference]) -> list[MonitorFinding]:
    """All findings, each followed by a reset."""
    found = []
    for difference in differences:
        finding = monitor.add(difference)
        if finding is not None:
            found.append(finding)
            monitor.reset()
    return found


GOOD = FieldDifference(0.02, -0.01, 0.003, 0.05, 0.004)
TURNED = FieldDifference(3.0, 0.0, 0.0, 0.05, 0.004)
CONVERTER = FieldDifference(0.0, 0.0, 0.4, 0.05, 0.004)


@pytest.mark.parametrize(
    ("differences", "kinds"),
    [
        ([GOOD] * 500, []),
        ([GOOD, GOOD, TURNED] * 100, []),
        ([GOOD] * 60 + [TURNED] * 30 + [GOOD] * 60, []),
        ([GOOD] * 60 + [TURNED] * 60, [Disagreement.CAMERA_MOVED]),
        ([GOOD] * 60 + [CONVERTER] * 60, [Disagreement.LENS_CHANGED]),
        ([FieldDifference(0.0, -2.0, None, 0.05, 0.0)] * 60, [Disagreement.CAMERA_MOVED]),
        ([FieldDifference(0.3, 0.3, 0.03, 0.05, 0.004)] * 200, []),
        (
            [FieldDifference(1.5, 0.0, 0.0, 0.5, 0.0)] * 200,
            [],
        ),  # within what this alignment is good for
    ],
)
def test_findings(differences: list[FieldDifference], kinds: list[Disagreement]) -> None:
    assert [f.kind for f in feed(LinkMonitor(), differences)] == kinds


def test_sizes_are_medians() -> None:
    found = feed(LinkMonitor(), [TURNED] * 49 + [FieldDifference(90.0, 0.0, 0.0, 0.05, 0.0)])
    assert len(found) == 1
    assert found[0].pan_deg == 3.0
    assert found[0].focal_ratio == pytest.approx(1.0)
