"""Cameras, batches and registrars that the tests of the training package share."""

from __future__ import annotations

import numpy as np
import torch

from edge.fields import load_field
from edge.types import Registration, RegistrationState
from models.registration.cameras import Cameras, look_at
from models.registration.ground import FieldMaps, labels

SOCCER = load_field("soccer")


def cameras(*rows, kappa=0.0, aspect=1.0):
    """Cameras from (centre, target, focal) rows; `aspect` stretches the focal length along y."""
    centre = np.array([r[0] for r in rows], float)
    target = np.array([[*r[1], 0.0] for r in rows], float)
    focal = np.array([[r[2], r[2] * aspect] for r in rows], float)
    roll = np.radians(np.linspace(-1.0, 1.5, len(rows)))
    return Cameras(centre, look_at(centre, target, roll), focal, np.full(len(rows), float(kappa)))


STADIUM = ((0.0, -80.0, 18.0), (20.0, 0.0), 2.2)
GOAL_AREA = ((-3.0, -75.0, 16.0), (44.0, 4.0), 3.4)
SMALL_VENUE = ((6.0, -45.0, 6.0), (-15.0, 0.0), 0.9)
MIDDLE = ((0.0, -60.0, 14.0), (0.0, -2.0), 1.3)
PLACES = (STADIUM, GOAL_AREA, SMALL_VENUE, MIDDLE)


def mapped(h, points):
    """(n, 2) points under a (3, 3) homography, written out."""
    q = np.c_[points, np.ones(len(points))] @ np.asarray(h).T
    return q[:, :2] / q[:, 2:]


class PerfectGraphs:
    """A network that knows the answer: both heads' maps from a view's own camera."""

    def __init__(self, cams: Cameras, source: tuple[int, int], size: tuple[int, int]) -> None:
        # the same camera in the network's picture, whose pixels are squeezed
        squeeze = (size[1] / source[1]) * (source[0] / size[0])
        net = Cameras(cams.centre_m, cams.rotation, cams.focal * [1, squeeze], cams.kappa)
        truth = labels(net, FieldMaps.of(SOCCER), *size, 4)
        sign = torch.where(truth["field"], 6.0, -6.0)[:, None]
        sigma = torch.log(0.3 / torch.tensor([SOCCER.length_m, SOCCER.width_m]) * 2)
        sigma = sigma.view(1, 2, 1, 1).expand_as(truth["xy"])
        self.grid = torch.cat([truth["xy"], sigma, sign], 1).numpy()
        self.distances = truth["distances"].numpy()

    def run(self, inputs):
        """Both graphs in one: what is asked for tells which."""
        if "image" in inputs:
            h, w = self.grid.shape[2:]
            return {"grid": self.grid, "features": np.zeros((1, 64, h, w), np.float32)}
        return {"distances": self.distances}

    def close(self) -> None:
        """Nothing is held."""


class Oracle:
    """A registrar that answers what it is told to, in turn."""

    def __init__(self, *answers) -> None:
        self.answers, self.resets = list(answers), 0

    def reset(self) -> None:
        self.resets += 1

    def register(self, image_bgr, *, pts_s=None):
        answer = self.answers.pop(0)
        if isinstance(answer, Registration):
            return answer
        return Registration(RegistrationState.VERIFIED, field_from_image=answer)
