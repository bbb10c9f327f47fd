"""What a telemetry prior is worth: narrow views of a rendered match, with and without it.

    PYTHONPATH=. python benchmarks/prior.py

Forty pictures let the prior prove itself; then views of 3 to 9 times the picture's width in focal
length, over the field, each registered alone, with the prior (0.03 degrees of noise), and with a
prior that has just gone wrong by 1.5 degrees of pan (a mount that was knocked). "Right" is a
reprojection error under 2 % of the height.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import replace

import numpy as np

from edge.bundles import find_bundle
from edge.cli.camera import _Match, _placed
from edge.fields import load_field
from edge.registration import FieldRegistrar
from edge.types import CameraPrior
from firmware_bridge.model import CameraPose
from firmware_bridge.pose import homography_from_pose
from firmware_bridge.sim.ptz_camera import SimSettings, SimulatedCamera
from models.registration.metrics import errors

WIDTH, HEIGHT, HOLD_S = 640, 360, 3.0


def prior_of(
    pose: CameraPose, time_s: float, rng: np.random.Generator, off_deg: float = 0.0
) -> CameraPrior:
    """What aligned telemetry would say of a picture."""
    pan, tilt = (angle + rng.normal(0, 0.03) for angle in (pose.pan_deg + off_deg, pose.tilt_deg))
    return CameraPrior(
        (pose.x_m, pose.y_m, pose.z_m),
        pan,
        tilt,
        pose.roll_deg,
        pose.focal_px / WIDTH,
        sigma_m=0.1,
        sigma_deg=(0.05, 0.05, 0.2),
        sigma_focal=0.005,
        time_s=time_s,
        hold_s=HOLD_S,
    )


def main() -> None:
    """Print, for each focal length, how the views were answered."""
    rng = np.random.default_rng(1)
    settings = SimSettings(width_px=WIDTH, height_px=HEIGHT, seed=4, focal_widths=(1.5, 5.0))
    match = _Match(settings)
    camera = SimulatedCamera(_placed(settings, match))
    registrar = FieldRegistrar(find_bundle("soccer"), load_field("soccer"), threads=1)
    for index in range(40):
        pose = camera.pose(index / 10)
        registrar.register(match.picture(pose, 0.1), prior=prior_of(pose, index / 10, rng))
    earned = deepcopy(registrar.guide.record)
    seen: dict[tuple[int, str], Counter[str]] = {}
    for focal in (3, 5, 7, 9):
        for pan in range(-30, 31, 6):
            for tilt in (-8, -11, -14):
                pose = replace(
                    camera.pose(0), pan_deg=pan, tilt_deg=tilt, focal_px=focal * float(WIDTH)
                )
                picture = match.picture(pose, 0.1)
                for name, off_deg in (("alone", None), ("prior", 0.0), ("knocked", 1.5)):
                    registrar.reset()
                    registrar.guide.record = deepcopy(earned)
                    prior = None if off_deg is None else prior_of(pose, 4.5, rng, off_deg)
                    answer = registrar.register(picture, prior=prior)
                    count = seen.setdefault((focal, name), Counter())
                    if answer.field_from_image is None:
                        count["lost"] += 1
                        continue
                    truth = homography_from_pose(pose)
                    e = errors(truth, answer.field_from_image, 105.0, 68.0, WIDTH, HEIGHT)
                    right = "right" if e.reprojection < 0.02 else "wrong"
                    count[f"{right}, {answer.state.value}"] += 1
    for (focal, name), count in seen.items():
        words = "; ".join(f"{n} {what}" for what, n in sorted(count.items()))
        print(f"focal {focal} widths, {name:8}: {words}")


if __name__ == "__main__":
    main()
