"""Alignment: known rigs come back; what cannot be known is said to be unknown."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from firmware_bridge.align import Alignment, AlignVerdict, VisionSample, align
from firmware_bridge.lens import fit_lens
from firmware_bridge.model import Telemetry
from firmware_bridge.mount import Lean, levelled

START_NS = 1_700_000_000_000_000_000


@dataclass(frozen=True)
class Rig:
    """A camera, its telemetry and its pictures, with everything that a bridge has to find out."""

    pan_gain: float = -1.0
    pan_offset: float = 33.0
    tilt_gain: float = 1.0
    tilt_offset: float = -2.0
    lag_s: float = 0.12
    seconds: float = 40.0
    report_hz: float = 50.0
    frame_hz: float = 25.0
    noise_deg: float = 0.02
    vision_deg: float = 0.03
    vision_focal: float = 0.004
    loss: float = 0.05
    jitter_s: float = 0.003
    outliers: float = 0.01
    swing: float = 1.0
    lean: tuple[float, float] = (0.0, 0.0)
    vision_roll_deg: float = 0.1
    seed: int = 0

    def pan(self, t: float) -> float:
        return self.swing * (20 * math.sin(0.5 * t) + 6 * math.sin(1.3 * t + 1))

    def tilt(self, t: float) -> float:
        return -10 + self.swing * 3 * math.sin(0.37 * t + 0.5)

    def zoom(self, t: float) -> float:
        return 8000 + self.swing * 6000 * math.sin(0.3 * t)

    @staticmethod
    def focal(zoom: float) -> float:
        share = zoom / 16384
        return 0.9 * math.exp(2.2 * share + 0.8 * share**4)

    def reports(self, rng: np.random.Generator) -> list[Telemetry]:
        out = []
        for index in range(int(self.seconds * self.report_hz)):
            t = index / self.report_hz
            if rng.random() < self.loss:
                continue
            arrival = START_NS + round((t + abs(rng.normal(0, self.jitter_s))) * 1e9)
            pan = (self.pan(t) - self.pan_offset) / self.pan_gain + rng.normal(0, self.noise_deg)
            tilt = (self.tilt(t) - self.tilt_offset) / self.tilt_gain + rng.normal(
                0, self.noise_deg
            )
            out.append(
                Telemetry(
                    arrival, 0, "test", pan_deg=pan, tilt_deg=tilt, zoom=float(round(self.zoom(t)))
                )
            )
        return out

    def pictures(self, rng: np.random.Generator) -> list[VisionSample]:
        out = []
        for index in range(int(self.seconds * self.frame_hz)):
            t = index / self.frame_hz
            wild = rng.normal(0, 5) if rng.random() < self.outliers else 0.0
            at = START_NS + round((t + self.lag_s) * 1e9)
            focal = self.focal(self.zoom(t)) * math.exp(rng.normal(0, self.vision_focal))
            pan, tilt, roll = Lean(*self.lean).apply(self.pan(t) + wild, self.tilt(t))
            out.append(
                VisionSample(
                    at,
                    pan + rng.normal(0, self.vision_deg),
                    tilt + rng.normal(0, self.vision_deg),
                    focal,
                    roll + rng.normal(0, self.vision_roll_deg),
                )
            )
        return out

    def align(self) -> Alignment:
        rng = np.random.default_rng(self.seed)
        return align(self.reports(rng), self.pictures(rng))


RIGS = [
    Rig(),
    Rig(seed=1, pan_gain=1.0, tilt_gain=-1.0, pan_offset=-140.0, tilt_offset=5.0),
    Rig(seed=2, seconds=20),
    Rig(seed=3, noise_deg=0.1, vision_deg=0.1),
    Rig(seed=4, report_hz=10, jitter_s=0.005),  # polled over VISCA
    Rig(seed=5, lag_s=-0.08),
    Rig(seed=6, lag_s=0.7),
    Rig(seed=7, pan_offset=175.0),
]


@pytest.mark.parametrize("rig", RIGS, ids=lambda r: f"seed{r.seed}")
def test_known_rigs_are_recovered(rig: Rig) -> None:
    fit = rig.align()
    assert fit.verdict is AlignVerdict.OK
    assert fit.pan is not None
    assert fit.tilt is not None
    assert fit.lens is not None
    assert (fit.pan.gain, fit.tilt.gain) == (rig.pan_gain, rig.tilt_gain)
    assert (fit.pan.offset_deg - rig.pan_offset + 180) % 360 - 180 == pytest.approx(0, abs=0.05)
    assert fit.tilt.offset_deg == pytest.approx(rig.tilt_offset, abs=0.05)
    # reports come late by their own mean jitter, which counts against the lag
    assert fit.lag_s == pytest.approx(rig.lag_s, abs=0.010)
    assert fit.lag_sigma_s < 0.01
    for zoom in np.linspace(2500, 13500, 12):
        assert fit.lens.focal(zoom) == pytest.approx(rig.focal(zoom), rel=0.005)


LEANS = [
    Rig(seed=1, lean=(1.0, 0.0)),
    Rig(seed=2, lean=(0.0, -1.2)),
    Rig(seed=3, lean=(-0.7, 0.8), pan_offset=-150.0),
    Rig(seed=4, lean=(0.0, 1.0), pan_gain=1.0, tilt_gain=-1.0, lag_s=0.3),
]


@pytest.mark.parametrize("rig", LEANS, ids=lambda r: f"{r.lean}")
def test_a_mount_that_leans_is_found_out(rig: Rig) -> None:
    fit = rig.align()
    assert fit.verdict is AlignVerdict.OK
    assert fit.pan is not None
    assert fit.tilt is not None
    assert (fit.lean.x_deg, fit.lean.y_deg) == pytest.approx(rig.lean, abs=0.1)
    assert fit.lag_s == pytest.approx(rig.lag_s, abs=0.010)
    for t in np.linspace(0, 40, 23):
        device = (
            (rig.pan(t) - rig.pan_offset) / rig.pan_gain,
            (rig.tilt(t) - rig.tilt_offset) / rig.tilt_gain,
        )
        found = fit.lean.apply(fit.pan.apply(device[0]), fit.tilt.apply(device[1]))
        true = Lean(*rig.lean).apply(rig.pan(t), rig.tilt(t))
        assert found == pytest.approx(true, abs=0.06)


@pytest.mark.parametrize("seed", range(4))
def test_a_level_mount_is_not_called_leaning(seed: int) -> None:
    assert Rig(seed=seed).align().lean == Lean()


def test_levelling_undoes_a_lean_across_the_back() -> None:
    lean = Lean(3.0, -2.0)
    mount = np.array([[p, t, 0.0] for p in range(170, 195, 5) for t in (-30.0, -5.0, 20.0)])
    field = np.array([lean.apply(pan, tilt) for pan, tilt, _ in mount])
    back = levelled(field, lean.x_deg, lean.y_deg)
    assert (back[:, 0] - mount[:, 0] + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)
    assert back[:, 1:] == pytest.approx(mount[:, 1:], abs=1e-9)


def test_units_of_another_camera_show_as_a_gain() -> None:
    rig = Rig(pan_gain=14.4 / 13.333, tilt_gain=14.4 / 13.333)
    fit = rig.align()
    assert fit.pan is not None
    assert fit.pan.gain == pytest.approx(rig.pan_gain, rel=0.003)
    assert fit.pan.apply(10.0) == pytest.approx(rig.pan_gain * 10 + rig.pan_offset, abs=0.05)


def test_pan_across_the_back_is_unwrapped() -> None:
    rig = Rig(pan_gain=1.0, pan_offset=0.0)
    rng = np.random.default_rng(1)
    reports = [
        replace(r, pan_deg=((r.pan_deg or 0) + 175 + 180) % 360 - 180) for r in rig.reports(rng)
    ]
    fit = align(reports, rig.pictures(rng))
    assert fit.verdict is AlignVerdict.OK
    assert fit.pan is not None
    assert fit.pan.offset_deg == pytest.approx(-175, abs=0.05)


def test_a_still_camera_cannot_be_aligned() -> None:
    fit = Rig(swing=0.0).align()
    assert fit.verdict is AlignVerdict.NEEDS_MOTION
    assert fit.pan is not None
    assert not fit.pan.sign_known


def test_unrelated_telemetry_is_called_poor() -> None:
    rng = np.random.default_rng(0)
    fit = align(
        Rig().reports(rng),
        [replace(v, pan_deg=25 * math.sin(i / 7)) for i, v in enumerate(Rig().pictures(rng))],
    )
    assert fit.verdict in {AlignVerdict.POOR, AlignVerdict.NEEDS_MOTION}


@pytest.mark.parametrize(("reports", "pictures"), [(0, 1000), (1000, 0), (1000, 10), (5, 1000)])
def test_too_little_is_said_to_be_too_little(reports: int, pictures: int) -> None:
    rng = np.random.default_rng(0)
    rig = Rig()
    assert (
        align(rig.reports(rng)[:reports], rig.pictures(rng)[:pictures]).verdict
        is AlignVerdict.NEEDS_DATA
    )


def test_series_that_never_overlap() -> None:
    rng = np.random.default_rng(0)
    rig = Rig()
    late = [replace(v, capture_ns=v.capture_ns + 10**12) for v in rig.pictures(rng)]
    assert align(rig.reports(rng), late).verdict is AlignVerdict.NEEDS_DATA


def test_without_zoom_there_is_no_lens_but_an_alignment() -> None:
    rng = np.random.default_rng(0)
    rig = Rig()
    fit = align([replace(r, zoom=None) for r in rig.reports(rng)], rig.pictures(rng))
    assert fit.verdict is AlignVerdict.OK
    assert fit.lens is None


def test_lens_table_knows_where_it_ends() -> None:
    zoom = np.linspace(100, 200, 300)
    table = fit_lens(zoom, 0.01 * zoom)
    assert table is not None
    assert table.focal(150) == pytest.approx(math.exp(1.5), rel=1e-3)
    assert table.focal(90) is None
    assert table.focal(210) is None
    assert fit_lens(zoom[:10], zoom[:10]) is None


def test_lens_table_of_one_zoom() -> None:
    rng = np.random.default_rng(0)
    table = fit_lens(np.full(200, 42.0), 0.7 + rng.normal(0, 0.01, 200))
    assert table is not None
    assert table.focal(42.0) == pytest.approx(math.exp(0.7), rel=0.005)
    assert table.focal(43.0) is None


def test_lens_table_ignores_wild_frames() -> None:
    rng = np.random.default_rng(0)
    zoom = rng.uniform(0, 1000, 800)
    log_focal = 0.5 + zoom / 700 + rng.normal(0, 0.003, 800)
    log_focal[::40] += 1.0
    table = fit_lens(zoom, log_focal)
    assert table is not None
    for at in (50, 400, 950):
        assert table.focal(at) == pytest.approx(math.exp(0.5 + at / 700), rel=0.005)
