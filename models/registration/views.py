"""Rendered views of a field with their ground truth, seeded and reproducible: what the network learns from.

A batch goes through three passes: the ground, boards and stands of all pictures at once in torch (`ground`), then
people, goals and television graphics one by one in OpenCV (`clutter`), then the camera's and the codec's faults.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from edge.fields import Field, load_field
from models.registration import clutter, textures
from models.registration.cameras import MIX, Cameras, Prior, sample
from models.registration.ground import FieldMaps, Rays, cast, labels, line_coverage, tile
from models.registration.network import STRIDE

Picture = NDArray[np.uint8]
GRASS_BGR = np.array(
    [
        [52, 120, 78],
        [60, 135, 92],
        [48, 105, 90],
        [50, 95, 62],
        [70, 150, 100],
        [40, 110, 60],
        [66, 128, 122],
    ]
)
OUTSIDE_BGR = np.array(
    [
        [60, 70, 150],
        [120, 120, 120],
        [70, 130, 90],
        [90, 60, 40],
        [60, 60, 60],
        [150, 110, 60],
        [50, 105, 70],
    ]
)


@dataclass(frozen=True, slots=True)
class Batch:
    """n pictures and their truth; maps are at the network's stride."""

    image: Picture
    """(n, h, w, 3) uint8 BGR."""
    xy: Tensor
    """(n, 2, h/4, w/4) field coordinates in half lengths and widths."""
    field: Tensor
    """(n, h/4, w/4) bool: the cell shows the field; all False in a negative."""
    near: Tensor
    """(n, h/4, w/4) bool: `xy` is to be learned here."""
    distances: Tensor
    """(n, 2, h/4, w/4) normalized distances, 0..1."""
    image_from_field: NDArray[np.float64]
    """(n, 3, 3) the pinhole homographies (the radial term is not in them)."""
    cameras: Cameras
    negative: NDArray[np.bool_]
    """(n,) no registration is possible."""
    field_m: tuple[float, float]
    """Length and width of this batch's field."""


class Venue:
    """Textures that many pictures share; made once per renderer."""

    def __init__(self, rng: np.random.Generator) -> None:
        noise = [
            textures.fractal_noise(rng, o, roughness=r)
            for o, r in ((3, 0.6), (5, 0.7), (7, 0.85), (7, 1.0))
        ]
        self.noise = [torch.from_numpy(n) for n in noise]
        stands = [textures.crowd(rng) for _ in range(14)] + [
            textures.backdrop(rng, noise[k % 4]) for k in range(8)
        ]
        self.stands = [torch.from_numpy(s).float() for s in stands]
        self.boards = [torch.from_numpy(textures.boards(rng)).float() for _ in range(12)]


class ViewRenderer:
    """Endless batches of views of one sport's field.

    `seed` fixes everything. `mix` is the cameras' prior; `negatives` the share of pictures without a registrable
    field; `sizes` how many sizes of field the batches alternate between (the first is the standard one).
    """

    def __init__(
        self,
        seed: int,
        width: int,
        height: int,
        *,
        mix: tuple[tuple[float, Prior], ...] = MIX,
        negatives: float = 0.09,
        sizes: int = 10,
        lens: float = 1.0,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.width, self.height = width, height
        self.mix, self.negatives, self.lens = mix, negatives, lens
        self.venue = Venue(self.rng)
        self.fields: list[tuple[Field, FieldMaps]] = []
        for k in range(sizes):
            size = (
                (105.0, 68.0) if k == 0 else (self.rng.uniform(96, 112), self.rng.uniform(60, 74))
            )
            field = load_field("soccer", length_m=float(size[0]), width_m=float(size[1]))
            self.fields.append((field, FieldMaps.of(field)))
        others = [load_field(n) for n in ("nfl", "nba", "nhl", "itf")] if negatives > 0 else []
        self.others = [FieldMaps.of(f) for f in others]

    @torch.no_grad()
    def batch(self, n: int) -> Batch:
        """n views of one field size."""
        rng = self.rng
        # most fields that are filmed have the standard size
        field, maps = self.fields[0 if rng.random() < 0.65 else int(rng.integers(len(self.fields)))]
        aspect = self.width / self.height
        cams = sample(rng, n, field, aspect=aspect, mix=self.mix, lens=self.lens)
        negative = rng.random(n) < self.negatives
        rays = cast(cams, self.width, self.height)
        picture = self._scene(cams, maps, rays, field)
        images = np.empty((n, self.height, self.width, 3), np.uint8)
        shown = picture.clamp(0, 255).to(torch.uint8).numpy()
        for i in range(n):
            images[i] = self._finish(shown[i].copy(), cams, i, field, bool(negative[i]))
        truth = labels(cams, maps, self.width, self.height, STRIDE)
        dead = torch.from_numpy(negative)
        truth["field"][dead] = False
        truth["near"][dead] = False
        truth["distances"][dead] = 1.0
        return Batch(
            images, truth["xy"], truth["field"], truth["near"], truth["distances"],
            cams.image_from_field(self.width, self.height), cams, negative, (field.length_m, field.width_m),
        )  # fmt: skip

    # --- the pitch, the boards and the stands ---

    def _scene(self, cams: Cameras, maps: FieldMaps, rays: Rays, field: Field) -> Tensor:
        """(n, h, w, 3) float, 0..255."""
        n, rng = len(cams), self.rng
        picture = self._grass(cams, rays, field)
        wear = self.venue.noise[2]
        worn = tile(wear, rays.x * 11, rays.y * 11)[..., 0]
        strength = _column(rng.choice([0.0, 0.12, 0.3], n, p=[0.5, 0.35, 0.15]))
        alpha = line_coverage(
            cams, maps, rays, torch.from_numpy(rng.uniform(0.09, 0.15, n)).float()
        )
        alpha = (
            alpha * (1 + strength * worn).clamp(0.1, 1) * _column(rng.uniform(0.45, 1.0, n) ** 0.5)
        )
        paint = torch.from_numpy(
            rng.uniform(195, 262, (n, 1, 1, 1)) * rng.uniform(0.93, 1.05, (n, 1, 1, 3))
        ).float()
        picture = picture + alpha[..., None] * (paint - picture)
        if rng.random() < 0.12:
            picture = self._other_lines(picture, cams, rays)
        picture = self._shadows(picture, rays)
        return self._surroundings(picture, cams, rays, field)

    def _grass(self, cams: Cameras, rays: Rays, field: Field) -> Tensor:
        """Turf with its mowing pattern, wear and noise, and what lies beyond it."""
        n, rng = len(cams), self.rng
        base = (
            GRASS_BGR[rng.integers(len(GRASS_BGR), size=n)]
            * rng.uniform(0.8, 1.45, (n, 1))
            * rng.uniform(0.88, 1.12, (n, 3))
        )
        x, y = (
            rays.x[:, ::2, ::2],
            rays.y[:, ::2, ::2],
        )  # tones are smooth: half the resolution does
        kind = rng.choice(4, n, p=[0.5, 0.15, 0.2, 0.15])  # across, along, both, none or rings
        period = _column(
            rng.choice([5.5, 8.0, 9.2, 10.5, 13.0, 17.5], n) * rng.uniform(0.9, 1.1, n)
        )
        phase = _column(rng.uniform(0, 20, n))
        soft = _column(rng.uniform(2, 14, n))
        wave_x = torch.tanh(soft * torch.sin((x + phase) * (np.pi / period)))
        wave_y = torch.tanh(soft * torch.sin((y + phase) * (np.pi / period)))
        rings = torch.tanh(soft * torch.sin(torch.hypot(x, y) * (np.pi / period)))
        weights = torch.from_numpy(
            np.stack(
                [
                    (kind == 0) | (kind == 2),
                    (kind == 1) | (kind == 2),
                    (kind == 3) & (rng.random(n) < 0.3),
                ]
            ).astype(np.float32)
        )
        wx, wy, wr = (w.view(-1, 1, 1) for w in weights)
        mow = _column(rng.uniform(0.0, 0.13, n)) * (wx * wave_x + wy * wave_y * 0.7 + wr * rings)
        patches = tile(self.venue.noise[1], x * 4 + 100, y * 4)[..., 0]
        fine = tile(self.venue.noise[3], x * 23, y * 23)[..., 0]
        tone = (
            1
            + mow
            + _column(rng.uniform(0.0, 0.10, n)) * patches
            + _column(rng.uniform(0.0, 0.12, n)) * fine
        )
        colour = torch.from_numpy(base).float().view(n, 1, 1, 3) * tone[..., None]
        dry = (
            torch.from_numpy(rng.choice([0.0, 0.25, 0.6], n, p=[0.65, 0.2, 0.15]))
            .float()
            .view(-1, 1, 1)
        )
        mouth = torch.exp(-(((x.abs() - field.length_m / 2 + 4) / 7) ** 2) - (y / 7) ** 2)
        bare = (
            dry * ((patches - 0.9).clamp(0, 1) * 0.5 + mouth * (0.5 + 0.4 * patches).clamp(0, 1))
        )[..., None]
        colour = colour + bare * (torch.tensor([75.0, 120.0, 140.0]) - colour)
        run = rng.uniform(1.0, 7.0, n)
        beyond = (x.abs() > field.length_m / 2 + _column(run)) | (
            y.abs() > field.width_m / 2 + _column(run)
        )
        out = OUTSIDE_BGR[rng.integers(len(OUTSIDE_BGR), size=n)] * rng.uniform(0.6, 1.3, (n, 1))
        grassy = rng.random(n) < 0.35
        out[grassy] = base[grassy] * rng.uniform(0.75, 1.1, (int(grassy.sum()), 1))
        outside = torch.from_numpy(out).float().view(n, 1, 1, 3) * (1 + 0.07 * patches[..., None])
        half = torch.where(beyond[..., None], outside, colour).permute(0, 3, 1, 2)
        return F.interpolate(half, size=rays.x.shape[1:], mode="bilinear").permute(0, 2, 3, 1)

    def _other_lines(self, picture: Tensor, cams: Cameras, rays: Rays) -> Tensor:
        """Another sport's lines on the same turf, shifted, turned and scaled, in another colour."""
        n, rng = len(cams), self.rng
        maps = self.fields[int(rng.integers(len(self.fields)))][1]
        if self.others and rng.random() < 0.6:
            maps = self.others[0]
        s = float(rng.choice([0.45, 0.6, 1.0]))
        turn = float(rng.choice([0.0, np.pi / 2]))
        c, d = np.cos(turn) / s, np.sin(turn) / s
        ox, oy = rng.uniform(-25, 25, 2)
        moved = Rays(
            c * (rays.x - ox) - d * (rays.y - oy),
            d * (rays.x - ox) + c * (rays.y - oy),
            rays.up,
            rays.dx,
            rays.dy,
            rays.dz,
        )
        alpha = line_coverage(cams, maps, moved, torch.full((n,), 0.1 / s)) * _column(
            rng.uniform(0.1, 0.8, n)
        )
        inks = np.array([[40, 210, 235], [200, 120, 40], [60, 60, 200], [230, 230, 230]])
        ink = torch.from_numpy(inks[rng.integers(4, size=n)]).float().view(n, 1, 1, 3)
        return picture + alpha[..., None] * (ink - picture)

    def _shadows(self, picture: Tensor, rays: Rays) -> Tensor:
        """The roof's shadow: a half plane of the ground, sometimes with a second edge."""
        n, rng = len(picture), self.rng
        angle = rng.uniform(0, 2 * np.pi, n)
        a, b = _column(np.cos(angle)), _column(np.sin(angle))
        reach = (a * rays.x + b * rays.y - _column(rng.uniform(-45, 45, n))) / _column(
            rng.uniform(0.15, 2.5, n)
        )
        band = _column(np.where(rng.random(n) < 0.3, rng.uniform(5, 40, n), 1e4))
        dark = torch.sigmoid(reach.clamp(-20, 20)) * (reach < band)
        depth = _column(np.where(rng.random(n) < 0.35, rng.uniform(0.2, 0.62, n), 0.0))
        return picture * (1 - depth * dark)[..., None]

    def _surroundings(self, picture: Tensor, cams: Cameras, rays: Rays, field: Field) -> Tensor:
        """Boards and stands: vertical planes along a rectangle around the pitch, hit before the ground behind them."""
        n, rng = len(cams), self.rng
        gap = rng.uniform(2.0, 14.0, (n, 2))
        hx, hy = _column(field.length_m / 2 + gap[:, 0]), _column(field.width_m / 2 + gap[:, 1])
        cx, cy, cz = (_column(cams.centre_m[:, k]) for k in range(3))
        eps = 1e-5
        t_far = (hy - cy) / torch.where(rays.dy > eps, rays.dy, torch.full_like(rays.dy, 1e-9))
        side = torch.sign(rays.dx)
        t_side = (side * hx - cx) / torch.where(rays.dx.abs() > eps, rays.dx, side * 1e-9 + 1e-12)
        t_side = torch.where(t_side > 0, t_side, torch.full_like(t_side, 1e9))
        far = t_far < t_side
        t = torch.minimum(t_far, t_side)
        z = cz + t * rays.dz
        along = torch.where(far, cx + t * rays.dx, cy + t * rays.dy + 200)
        board = _column(
            np.where(rng.random(n) < 0.8, rng.uniform(0.7, 1.3, n), rng.uniform(0.0, 3.0, n))
        )
        wall = z > 0
        out = picture
        for i in range(n):
            if not bool(wall[i].any()):
                continue
            strip = self.venue.boards[int(rng.integers(len(self.venue.boards)))]
            stand = self.venue.stands[int(rng.integers(len(self.venue.stands)))]
            mask = wall[i]
            s, zz, tt = along[i][mask], z[i][mask], t[i][mask]
            bh = float(board[i])
            density = rng.uniform(12, 60)
            b = tile(strip, (s * density)[None, None], ((1 - zz / max(bh, 1e-3)) * 64)[None, None])[
                0, 0
            ]
            b = b * float(rng.uniform(0.6, 1.15))
            cell = float(tt.median() / (cams.focal[i, 0] * self.width)) * rng.uniform(0.9, 3.2)
            up = zz - bh
            c = tile(
                stand, (s / cell)[None, None], (up / (cell * rng.uniform(0.7, 1.4)))[None, None]
            )[0, 0]
            stripes = (
                1
                - 0.35 * ((s / rng.uniform(8, 25)).frac().abs() < 0.08).float()
                - 0.25 * ((up / rng.uniform(4, 9)).frac() < 0.1).float()
            )
            c = c * (stripes * rng.uniform(0.45, 1.2))[:, None]
            roof = rng.uniform(3, 45)
            sky = torch.tensor(
                [[230.0, 200, 170], [200, 200, 200], [35, 25, 20], [235, 235, 235]][rng.integers(4)]
            )
            c = torch.where((up > roof)[:, None], sky * (1 - 0.002 * up[:, None]), c)
            out[i][mask] = torch.where((zz < bh)[:, None], b, c)
        return out

    # --- what stands in front, and the camera ---

    def _finish(
        self, image: Picture, cams: Cameras, i: int, field: Field, negative: bool
    ) -> Picture:
        rng = self.rng
        if negative:
            image = self._negative(image, cams, i)
        else:
            for sign in (-1, 1):
                if rng.random() < 0.94:
                    clutter.goal(image, cams, i, field.length_m, sign, rng)
            shadow = rng.uniform(10, 90) if rng.random() < 0.7 else 0.0
            clutter.players(image, cams, i, (field.length_m, field.width_m), rng, shadow)
            if cams.centre_m[i, 2] < 9 and rng.random() < 0.5 or rng.random() < 0.06:
                clutter.foreground(image, rng)
        image = optics(image, rng)
        clutter.graphics(image, rng)
        return codec(image, rng)

    def _negative(self, image: Picture, cams: Cameras, i: int) -> Picture:
        """A picture without a registrable field of this sport."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.35:  # close-up against a blurred background
            scale = rng.uniform(0.08, 0.3)
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            sh, sw = small.shape[:2]
            y0, x0 = rng.integers(0, max(1, sh // 2)), rng.integers(0, max(1, sw // 2))
            part = small[y0 : y0 + sh // 2, x0 : x0 + sw // 2]
            image = cv2.resize(part, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(2, 8))
            clutter.close_up(image, rng)
        elif kind < 0.5:  # crowd or a building
            stand = self.venue.stands[int(rng.integers(len(self.venue.stands)))].numpy()
            k = int(rng.integers(24, 160))
            y0, x0 = rng.integers(0, textures.TILE - k, 2)
            image = cv2.resize(
                stand[y0 : y0 + k, x0 : x0 + k].astype(np.uint8),
                (self.width, self.height),
                interpolation=cv2.INTER_LINEAR,
            )
            if rng.random() < 0.6:
                clutter.close_up(image, rng)
        elif kind < 0.8 and self.others:  # another sport's field, on any surface
            image = self._other_sport(i)
            clutter.players(image, cams, i, (28.0, 15.0), rng, 20.0)
        elif kind < 0.92:  # noise, flat colours, shapes: a studio, a caption, a test picture
            image[:] = rng.integers(0, 256, 3)
            if rng.random() < 0.6:
                noise = cv2.resize(
                    rng.integers(
                        0,
                        256,
                        (int(rng.integers(2, 12)), int(rng.integers(2, 12)), 3),
                        dtype=np.uint8,
                    ),
                    (self.width, self.height),
                    interpolation=int(rng.integers(0, 3)),
                )
                image = cv2.addWeighted(image, 0.3, noise, 0.7, 0)
            for _ in range(int(rng.integers(0, 12))):
                p = rng.uniform(-0.2, 1.2, (4, 2)) * [self.width, self.height]
                clutter.line(image, p[0], p[1], clutter.random_colour(rng), rng.uniform(0.5, 9))
            if rng.random() < 0.6:
                clutter.close_up(image, rng)
        else:  # turf alone, as a camera sees it that looks down: no line, no answer
            tone = GRASS_BGR[rng.integers(len(GRASS_BGR))] * rng.uniform(0.7, 1.2)
            noise = self.venue.noise[int(rng.integers(4))].numpy()
            crop = cv2.resize(noise[: self.height, : self.width], (self.width, self.height))
            image = np.clip(tone * (1 + 0.1 * crop[..., None]), 0, 255).astype(np.uint8)
            if rng.random() < 0.6:
                clutter.close_up(image, rng)
        return image

    def _other_sport(self, i: int) -> Picture:
        rng = self.rng
        k = int(rng.integers(len(self.others)))
        name = ("nfl", "nba", "nhl", "itf")[k]
        maps, field = self.others[k], load_field(name)
        near = (
            field.width_m / 2 + rng.uniform(5, 25)
            if name != "itf"
            else field.length_m / 2 + rng.uniform(5, 20)
        )
        centre = np.array([[rng.normal(0, 4), -near, rng.uniform(4, 14)]])
        prior: Prior = lambda _r, n, _f: (  # noqa: E731
            np.repeat(centre, n, 0), np.c_[rng.uniform(-0.4, 0.4, (n, 2)) * [field.length_m, field.width_m], np.zeros(n)], rng.uniform(0.8, 2.5, n)
        )  # fmt: skip
        from models.registration.cameras import _draw

        cams = _draw(rng, 1, field, self.width / self.height, ((1.0, prior),), 16 / 9, 1.0)
        rays = cast(cams, self.width, self.height)
        wood = torch.from_numpy(rng.integers(30, 230, (1, 1, 1, 3))).float()
        noise = tile(self.venue.noise[1], rays.x * 6, rays.y * 6)
        picture = (wood * (1 + 0.08 * noise)).expand(1, self.height, self.width, 3)
        ink = torch.from_numpy(rng.integers(0, 256, (1, 1, 1, 3))).float()
        alpha = line_coverage(cams, maps, rays, torch.tensor([rng.uniform(0.05, 0.12)]))[..., None]
        picture = picture + alpha * (ink - picture)
        picture = self._surroundings(picture, cams, rays, field)
        return picture[0].clamp(0, 255).to(torch.uint8).numpy().copy()


def _column(values: NDArray[np.floating]) -> Tensor:
    """(n,) -> (n, 1, 1) float32."""
    return torch.from_numpy(np.asarray(values)).float().view(-1, 1, 1)


def optics(image: Picture, rng: np.random.Generator) -> Picture:
    """Light, lens and sensor: exposure, colour, vignette, rolling brightness, focus and motion blur, sharpening."""
    h, w = image.shape[:2]
    gain = np.exp(rng.normal(0.12, 0.22)) * rng.uniform(0.93, 1.07, 3)
    gamma = np.exp(rng.normal(0, 0.18))
    lift = rng.uniform(-8, 26) if rng.random() < 0.5 else 0.0
    ramp = np.arange(256) / 255.0
    lut = np.stack([np.clip((ramp**gamma) * g * (255 - lift) + lift, 0, 255) for g in gain], 1)
    image = cv2.LUT(image, lut.astype(np.uint8).reshape(1, 256, 3))
    if rng.random() < 0.3:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        mix = rng.uniform(0, 1.0) if rng.random() < 0.3 else rng.uniform(-0.4, 0.5)
        image = cv2.addWeighted(image, 1 - mix, grey, mix, 0)
    if rng.random() < 0.35:
        u, v = np.meshgrid(
            np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32)
        )
        light = (
            1
            - rng.uniform(0, 0.4) * (u * u + v * v) / 2
            + rng.uniform(-0.2, 0.2) * u
            + rng.uniform(-0.2, 0.2) * v
        )
        if rng.random() < 0.3:
            light = light + rng.uniform(0, 0.12) * np.sin(
                v * rng.uniform(2, 12) + rng.uniform(0, 6)
            )
        image = np.clip(image * light[..., None], 0, 255).astype(np.uint8)
    kind = rng.random()
    if kind < 0.22:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.35, 1.1) * w / 320)
    elif kind < 0.36:
        k = int(rng.integers(3, 10))
        kernel = np.zeros((k, k), np.float32)
        angle = rng.normal(0, 0.35)
        c = (k - 1) / 2
        d = np.array([np.cos(angle), np.sin(angle)]) * c
        cv2.line(
            kernel, (round(c - d[0]), round(c - d[1])), (round(c + d[0]), round(c + d[1])), 1.0, 1
        )
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    elif kind < 0.62:
        blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 1.6))
        amount = rng.uniform(0.2, 1.4)
        image = cv2.addWeighted(image, 1 + amount, blurred, -amount, 0)
    return image


_NOISE = np.random.default_rng(7).normal(0, 1, (600, 1000, 1)).astype(np.float32)


def codec(image: Picture, rng: np.random.Generator) -> Picture:
    """Noise, scaling and compression."""
    h, w = image.shape[:2]
    if rng.random() < 0.25:
        s = rng.uniform(0.45, 0.95)
        small = cv2.resize(
            image,
            (max(8, int(w * s)), max(8, int(h * s))),
            interpolation=int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR])),
        )
        image = cv2.resize(
            small,
            (w, h),
            interpolation=int(
                rng.choice(
                    [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST], p=[0.5, 0.4, 0.1]
                )
            ),
        )
    if rng.random() < 0.4:
        y, x = (
            rng.integers(0, 600 - h % 600 if h < 600 else 1),
            rng.integers(0, 1000 - w % 1000 if w < 1000 else 1),
        )
        image = np.clip(image + rng.uniform(1, 11) * _NOISE[y : y + h, x : x + w], 0, 255).astype(
            np.uint8
        )
    if rng.random() < 0.65:
        quality = int(rng.uniform(18, 92))
        ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if ok:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if rng.random() < 0.02:
        bar = int(rng.uniform(0.02, 0.12) * h)
        image[:bar] = 0
        image[h - bar :] = 0
    return image
