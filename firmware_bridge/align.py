"""Telemetry against pictures: signs, offsets, the lens table and the lag between the two. Pure.

Model, for a picture taken at t and telemetry received at t - lag (so a positive lag means that the
picture comes through later than the telemetry):

    pan_vision(t)  = pan_gain * pan_telemetry(t - lag) + pan_offset        and so for tilt
    log(focal(t) / width) = lens(zoom_telemetry(t - lag))

with the pictures' angles about the axes of the mount, which may lean (`firmware_bridge.mount`).
The lag is searched on a grid, then solved with everything else by robust Gauss-Newton, whose normal
equations also give the standard errors. Errors of neighbouring frames go together, which the errors
allow for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.gil_yield import Rest, go_on
from firmware_bridge.lens import LensTable, fit_lens
from firmware_bridge.model import Telemetry
from firmware_bridge.mount import Lean, fit_lean, levelled

_Array = NDArray[np.float64]

LAG_RANGE_S = (-0.3, 1.0)
MIN_PAIRS = 60
_MIN_MOTION_DEG = 2.0
"""An axis that moved less than this keeps a gain of +1: its sign cannot be seen."""
_SNAP = 0.02
"""A gain this near to +-1 is taken for exactly that."""
_MIN_GAP_S, _GAP_PERIODS = 0.1, 4.0
"""A hole in the telemetry longer than both is not bridged: the head may have turned in it."""
LAG_KNOWN_S = 0.03
ROLL_NOISE_DEG = 0.15
"""Least error believed of a picture's roll: few lines tell it, and a registration may pull it
towards level."""
_LEAN_SIGMAS, _LEAN_DEG = 3.0, 0.05
"""A lean that is less than either is taken for none."""


class AlignVerdict(str, Enum):
    """What an alignment is good for."""

    OK = "ok"
    NEEDS_DATA = "needs_data"
    """Too few frames with both a verified homography and telemetry."""
    NEEDS_MOTION = "needs_motion"
    """The camera has not moved enough to tell signs and lag: pan and zoom it for some seconds."""
    POOR = "poor"
    """Telemetry and pictures do not go together: wrong camera, wrong profile, or a moved mount."""


@dataclass(frozen=True, slots=True)
class VisionSample:
    """What one verified picture says."""

    capture_ns: int
    pan_deg: float
    tilt_deg: float
    focal_widths: float
    """Focal length over picture width."""
    roll_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class AxisFit:
    """One axis: vision = gain * telemetry + offset, degrees."""

    gain: float
    offset_deg: float
    sigma_deg: float
    """Standard error of the mapped angle in the middle of the observed range."""
    residual_deg: float
    """Typical size of a single frame's deviation."""
    sign_known: bool

    @property
    def sign(self) -> int:
        """+1 or -1."""
        return 1 if self.gain >= 0 else -1

    def apply(self, angle_deg: float) -> float:
        """Return the angle in the field's frame of a telemetry angle."""
        return self.gain * angle_deg + self.offset_deg


@dataclass(frozen=True, slots=True)
class Alignment:
    """How telemetry maps to pictures."""

    verdict: AlignVerdict
    pairs: int
    pan: AxisFit | None = None
    tilt: AxisFit | None = None
    lens: LensTable | None = None
    lag_s: float = 0.0
    lag_sigma_s: float = math.inf
    lean: Lean = field(default_factory=Lean)
    """How the mount leans; none where it is not seen to."""
    roll_deg: float = 0.0
    """Roll of the camera on its head: what the lean does not account for."""
    roll_residual_deg: float = 0.0
    """Typical size of a single frame's deviation from it."""


def align(
    telemetry: Sequence[Telemetry],
    vision: Sequence[VisionSample],
    *,
    lag_range_s: tuple[float, float] = LAG_RANGE_S,
    rest: Rest = go_on,
) -> Alignment:
    """Fit the model to reports and pictures in time order.

    Never raises on any data; see the verdict. `rest` is called after every lag that is tried, for
    the sake of threads that have something urgent.
    """
    reports = [t for t in telemetry if t.pan_deg is not None and t.tilt_deg is not None]
    if len(reports) < MIN_PAIRS // 4 or len(vision) < MIN_PAIRS:
        return Alignment(AlignVerdict.NEEDS_DATA, 0)
    data = _Data(reports, vision)
    coarse = np.arange(lag_range_s[0], lag_range_s[1] + 1e-9, 0.02)

    def cost(lag: float) -> float:
        rest()
        return data.cost(lag)

    costs = np.array([cost(lag) for lag in coarse])
    if not np.isfinite(costs).any():
        return Alignment(AlignVerdict.NEEDS_DATA, 0)
    best = coarse[int(np.nanargmin(np.where(np.isfinite(costs), costs, np.nan)))]
    fine = np.arange(best - 0.02, best + 0.0201, 0.004)
    lag = float(fine[int(np.argmin([cost(lag) for lag in fine]))])
    return _refine(data, lag)


class _Data:
    """The series as arrays, seconds from the first picture, angles unwrapped."""

    def __init__(self, reports: Sequence[Telemetry], vision: Sequence[VisionSample]) -> None:
        zero = vision[0].capture_ns
        times = np.array([(r.received_ns - zero) / 1e9 for r in reports])
        keep = np.concatenate([[True], np.diff(np.maximum.accumulate(times)) > 0])
        self.t_report = times[keep]
        self.report = {
            "pan": _unwrapped([r.pan_deg or 0.0 for r in reports])[keep],
            "tilt": np.array([r.tilt_deg or 0.0 for r in reports])[keep],
        }
        zoom = [_zoom_of(r) for r in reports]
        self.has_zoom = all(z is not None for z in zoom)
        if self.has_zoom:
            self.report["zoom"] = np.array(zoom, float)[keep]
        self.t_vision = np.array([(v.capture_ns - zero) / 1e9 for v in vision])
        self.vision = {
            "pan": _unwrapped([v.pan_deg for v in vision]),
            "tilt": np.array([v.tilt_deg for v in vision]),
            "zoom": np.log([v.focal_widths for v in vision]),
        }
        self.vision_deg = np.column_stack(
            [self.vision["pan"], self.vision["tilt"], [v.roll_deg for v in vision]]
        )
        self.roll_deg = self.roll_residual_deg = 0.0
        self.scale = {name: _noise(series) for name, series in self.vision.items()}

    def level(self, lean: Lean) -> None:
        """Take the pictures' angles about the axes of a mount that leans so."""
        angles = levelled(self.vision_deg, lean.x_deg, lean.y_deg)
        self.vision["pan"], self.vision["tilt"] = angles[:, 0], angles[:, 1]
        self.roll_deg = float(np.median(angles[:, 2]))
        self.roll_residual_deg = 1.4826 * float(np.median(np.abs(angles[:, 2] - self.roll_deg)))

    def moved(self, name: str, lag: float) -> float:
        """Range of a telemetry series over the pictures, without its extremes."""
        low, high = np.nanpercentile(self.at(name, lag), [2, 98])
        return float(high - low)

    def at(self, name: str, lag: float) -> _Array:
        """Return a telemetry series as it was when each picture was taken.

        Nan where it has a gap.
        """
        return _interpolate(self.t_vision - lag, self.t_report, self.report[name])

    def rate(self, name: str, lag: float) -> _Array:
        """Its time derivative there, over 40 ms."""
        return (self.at(name, lag - 0.02) - self.at(name, lag + 0.02)) / 0.04

    def cost(self, lag: float) -> float:
        """Mean robust cost of the three series at a lag."""
        total, seen = 0.0, 0
        for name in ("pan", "tilt", "zoom"):
            if name == "zoom" and not self.has_zoom:
                continue
            x, y = self.at(name, lag), self.vision[name]
            ok = np.isfinite(x)
            if ok.sum() < MIN_PAIRS or np.ptp(x[ok]) < 1e-9:
                continue
            degree = 3 if name == "zoom" else 1
            residual = _robust_polynomial(x[ok], y[ok], degree)
            total += float(np.mean(_huber(residual / self.scale[name])))
            seen += 1
        return total / seen if seen else math.inf


def _refine(data: _Data, lag: float) -> Alignment:
    """Solve gains, offsets and lag together, then the lens at that lag."""
    seen = np.isfinite(data.at("pan", lag))
    pairs = int(seen.sum())
    if pairs < MIN_PAIRS:
        return Alignment(AlignVerdict.NEEDS_DATA, pairs)
    lean = _lean(data, lag)
    data.level(lean)
    moving = [name for name in ("pan", "tilt") if data.moved(name, lag) >= _MIN_MOTION_DEG]
    lags = [_solve_lag(data, name, lag) for name in moving]
    if lags:
        weights = np.array([1 / s**2 for _, s in lags])
        lag = float(np.dot(weights, [value for value, _ in lags]) / weights.sum())
    sigma = float(1 / math.sqrt(sum(1 / s**2 for _, s in lags))) if lags else math.inf
    pan, tilt = _axis(data, "pan", lag), _axis(data, "tilt", lag)
    lens = None
    if data.has_zoom:
        x = data.at("zoom", lag)
        ok = np.isfinite(x)
        lens = fit_lens(x[ok], data.vision["zoom"][ok])
    verdict = AlignVerdict.OK
    if not (pan.sign_known and sigma <= LAG_KNOWN_S):
        verdict = AlignVerdict.NEEDS_MOTION
    elif max(pan.residual_deg, tilt.residual_deg) > 1.0 or not 0.3 < abs(pan.gain) < 3:
        verdict = AlignVerdict.POOR
    return Alignment(
        verdict,
        pairs,
        _wrapped(pan),
        tilt,
        lens,
        lag,
        sigma,
        lean,
        data.roll_deg,
        data.roll_residual_deg,
    )


def _lean(data: _Data, lag: float) -> Lean:
    """How the mount leans, from what the axes' own fits leave; none where that is not clear."""
    known = {name: data.at(name, lag) for name in ("pan", "tilt")}
    ok = np.isfinite(known["pan"]) & np.isfinite(known["tilt"])
    one = np.ones(int(ok.sum()))
    said, bases = [], []
    for name, x in known.items():
        fit = _axis(data, name, lag)
        snapped = abs(fit.gain) == 1.0
        said.append(fit.gain * x[ok])
        bases.append(one[:, None] if snapped else np.column_stack([one, x[ok]]))
    scale = np.array([data.scale["pan"], data.scale["tilt"], ROLL_NOISE_DEG])
    lean = fit_lean(
        data.vision_deg[ok],
        (bases[0], bases[1], one[:, None]),
        np.column_stack([*said, np.zeros_like(one)]),
        scale,
    )
    size = math.hypot(lean.x_deg, lean.y_deg)
    return lean if size > max(_LEAN_SIGMAS * lean.sigma_deg, _LEAN_DEG) else Lean()


def _solve_lag(data: _Data, name: str, lag: float) -> tuple[float, float]:
    """Lag and its standard error from one axis: Gauss-Newton on (gain, offset, lag)."""
    sigma = math.inf
    for _ in range(4):
        x, speed, y = data.at(name, lag), data.rate(name, lag), data.vision[name]
        ok = np.isfinite(x) & np.isfinite(speed)
        if ok.sum() < MIN_PAIRS:
            return lag, math.inf
        x, speed, y = x[ok], speed[ok], y[ok]
        gain, offset, weight = _robust_line(x, y)
        jacobian = np.column_stack([x, np.ones_like(x), -gain * speed])
        residual = y - gain * x - offset
        normal = (jacobian * weight[:, None]).T @ jacobian + np.eye(3) * 1e-9
        update = np.linalg.solve(normal, (jacobian * weight[:, None]).T @ residual)
        lag += float(np.clip(update[2], -0.02, 0.02))
        left = residual - jacobian @ update
        variance = float(np.average(left**2, weights=weight)) * _correlation_factor(left)
        sigma = math.sqrt(variance * np.linalg.inv(normal)[2, 2])
    return lag, max(sigma, 1e-4)


def _axis(data: _Data, name: str, lag: float) -> AxisFit:
    x, y = data.at(name, lag), data.vision[name]
    ok = np.isfinite(x)
    x, y = x[ok], y[ok]
    known = data.moved(name, lag) >= _MIN_MOTION_DEG
    gain, offset, weight = _robust_line(x, y) if known else (1.0, 0.0, np.ones_like(x))
    if not known or abs(abs(gain) - 1) < _SNAP:
        gain = math.copysign(1.0, gain)
        offset = float(np.median(y - gain * x))
        for _ in range(3):
            weight = _weights(y - gain * x - offset)
            offset = float(np.average(y - gain * x, weights=weight))
    residual = y - gain * x - offset
    typical = math.sqrt(float(np.average(residual**2, weights=weight)))
    sigma = typical * math.sqrt(_correlation_factor(residual) / max(float(weight.sum()), 1.0))
    return AxisFit(gain, offset, sigma, typical, known)


def _wrapped(fit: AxisFit) -> AxisFit:
    """Return the same pan fit with its offset in (-180, 180]."""
    offset = -((-fit.offset_deg + 180) % 360 - 180)
    return AxisFit(fit.gain, offset, fit.sigma_deg, fit.residual_deg, fit.sign_known)


def _zoom_of(report: Telemetry) -> float | None:
    return report.zoom if report.zoom is not None else report.focal_mm


def _unwrapped(angles_deg: Sequence[float]) -> _Array:
    return np.asarray(np.unwrap(np.asarray(angles_deg, float), period=360.0))


def _interpolate(at: _Array, times: _Array, values: _Array) -> _Array:
    """Linear interpolation; nan outside of the series and inside its holes."""
    index = np.searchsorted(times, at)
    inside = (index > 0) & (index < len(times))
    index = index.clip(1, len(times) - 1)
    gaps = np.diff(times)
    longest = max(_MIN_GAP_S, _GAP_PERIODS * float(np.median(gaps)))
    value = np.interp(at, times, values)
    return np.where(inside & (gaps[index - 1] <= longest), value, np.nan)


def _robust_line(x: _Array, y: _Array) -> tuple[float, float, _Array]:
    """Huber line fit: gain, offset, weights."""
    weight = np.ones_like(x)
    gain = offset = 0.0
    for _ in range(4):
        centre_x, centre_y = np.average(x, weights=weight), np.average(y, weights=weight)
        spread = float(np.average((x - centre_x) ** 2, weights=weight))
        cross = float(np.average((x - centre_x) * (y - centre_y), weights=weight))
        gain = cross / max(spread, 1e-12)
        offset = float(centre_y - gain * centre_x)
        weight = _weights(y - gain * x - offset)
    return gain, offset, weight


def _robust_polynomial(x: _Array, y: _Array, degree: int) -> _Array:
    """Residuals of a polynomial fit, reweighted once."""
    middle, half = (x.max() + x.min()) / 2, max(float(np.ptp(x)) / 2, 1e-9)
    basis = np.vander((x - middle) / half, degree + 1)
    residual = y - basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
    root = np.sqrt(_weights(residual))
    return np.asarray(y - basis @ np.linalg.lstsq(basis * root[:, None], y * root, rcond=None)[0])


def _weights(residual: _Array) -> _Array:
    """Huber weights at 2 robust standard deviations."""
    scale = 1.4826 * float(np.median(np.abs(residual))) + 1e-9
    size: _Array = np.abs(residual) / scale
    return np.asarray(np.where(size <= 2, 1.0, 2 / np.maximum(size, 1e-9)))


def _huber(z: _Array) -> _Array:
    size = np.abs(z)
    return np.where(size <= 2, z**2 / 2, 2 * size - 2)


def _noise(series: _Array) -> float:
    """Noise of a series from its second differences: motion between frames cancels out."""
    if len(series) < 3:
        return 1.0
    return max(1.4826 * float(np.median(np.abs(np.diff(series, 2)))) / math.sqrt(6), 1e-4)


def _correlation_factor(residual: _Array) -> float:
    """Return how much larger a mean's variance is than for independent frames.

    First-order autocorrelation of the (n,) residuals.
    """
    centred = residual - residual.mean()
    power = float(centred @ centred)
    if power <= 0 or len(centred) < 3:
        return 1.0
    rho = min(max(float(centred[1:] @ centred[:-1]) / power, 0.0), 0.98)
    return (1 + rho) / (1 - rho)
