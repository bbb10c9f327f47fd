"""Pictures without a registrable field of the sport: what the network must learn to refuse."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch

from edge.fields import Field, load_field
from edge.types import ImageArray
from models.registration import textures
from models.registration.cameras import Array, Cameras, draw
from models.registration.ground import FieldMaps, cast, line_coverage, tile
from models.registration.people import close_up, players
from models.registration.scenery import GRASS_BGR, SceneryVenue, surroundings
from models.registration.strokes import line, random_colour

USUAL_FIELDS = ("nfl", "nba", "nhl", "itf", "soccer")


@dataclass(frozen=True, slots=True)
class OtherField:
    """A field of another sport, and whether its cameras stand at an end of it."""

    field: Field
    maps: FieldMaps
    from_the_end: bool


@cache
def other_field(name: str) -> OtherField:
    """One of `USUAL_FIELDS`, drawn once a process."""
    field = load_field(name)
    return OtherField(field, FieldMaps.of(field), field.sport == "tennis")


def other_fields(sport: str) -> list[OtherField]:
    """The usual fields of all sports but one."""
    return [other_field(n) for n in USUAL_FIELDS if load_field(n).sport != sport]


def negative(
    image: ImageArray,
    cams: Cameras,
    i: int,
    rng: np.random.Generator,
    venue: SceneryVenue,
    others: list[OtherField],
) -> ImageArray:
    """A picture of `image`'s size without an answer.

    Some are made from `image`, taken by camera i, which may be drawn over.
    """
    h, w = image.shape[:2]
    kind = rng.random()
    if kind < 0.35:
        return _close_up(image, rng)
    if kind < 0.5:
        return _crowd(w, h, rng, venue)
    if kind < 0.8 and others:
        other = _other_sport(w, h, rng, venue, others)
        players(other, cams, i, (28.0, 15.0), rng, 20.0)
        return other
    if kind < 0.92:
        return _studio(image, rng)
    return _bare_turf(w, h, rng, venue)


def _close_up(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """People before a blurred part of the picture."""
    h, w = image.shape[:2]
    scale = rng.uniform(0.08, 0.3)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    sh, sw = small.shape[:2]
    y0, x0 = rng.integers(0, max(1, sh // 2)), rng.integers(0, max(1, sw // 2))
    part = small[y0 : y0 + sh // 2, x0 : x0 + sw // 2]
    large = cv2.resize(part, (w, h), interpolation=cv2.INTER_LINEAR)
    blurred = np.asarray(cv2.GaussianBlur(large, (0, 0), rng.uniform(2, 8)), np.uint8)
    close_up(blurred, rng)
    return blurred


def _crowd(w: int, h: int, rng: np.random.Generator, venue: SceneryVenue) -> ImageArray:
    """Spectators or a building, with or without people before them."""
    stand = venue.stands[int(rng.integers(len(venue.stands)))].numpy()
    k = int(rng.integers(24, 160))
    y0, x0 = rng.integers(0, textures.TILE - k, 2)
    part = stand[y0 : y0 + k, x0 : x0 + k].astype(np.uint8)
    image = np.asarray(cv2.resize(part, (w, h), interpolation=cv2.INTER_LINEAR), np.uint8)
    return _maybe_people(image, rng)


def _studio(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Flat colours, noise and shapes: a studio, a caption, a test picture."""
    h, w = image.shape[:2]
    image[:] = rng.integers(0, 256, 3)
    if rng.random() < 0.6:
        cells = (int(rng.integers(2, 12)), int(rng.integers(2, 12)), 3)
        small = rng.integers(0, 256, cells, dtype=np.uint8)
        noise = cv2.resize(small, (w, h), interpolation=int(rng.integers(0, 3)))
        image = np.asarray(cv2.addWeighted(image, 0.3, noise, 0.7, 0), np.uint8)
    for _ in range(int(rng.integers(0, 12))):
        p = rng.uniform(-0.2, 1.2, (4, 2)) * [w, h]
        line(image, p[0], p[1], random_colour(rng), rng.uniform(0.5, 9))
    return _maybe_people(image, rng)


def _bare_turf(w: int, h: int, rng: np.random.Generator, venue: SceneryVenue) -> ImageArray:
    """Turf alone, as a camera sees it that looks down: no line, no answer."""
    tone = GRASS_BGR[rng.integers(len(GRASS_BGR))] * rng.uniform(0.7, 1.2)
    noise = venue.noise[int(rng.integers(4))].numpy()
    crop = cv2.resize(noise[:h, :w], (w, h))
    image = np.clip(tone * (1 + 0.1 * crop[..., None]), 0, 255).astype(np.uint8)
    return _maybe_people(image, rng)


def _maybe_people(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    if rng.random() < 0.6:
        close_up(image, rng)
    return image


def _other_sport(
    w: int, h: int, rng: np.random.Generator, venue: SceneryVenue, others: list[OtherField]
) -> ImageArray:
    """Another sport's field, on any surface."""
    other = others[int(rng.integers(len(others)))]
    cams = _camera_beside(other, rng, w / h)
    rays = cast(cams, w, h)
    ground = torch.from_numpy(rng.integers(30, 230, (1, 1, 1, 3))).float()
    noise = tile(venue.noise[1], rays.x * 6, rays.y * 6)
    picture = (ground * (1 + 0.08 * noise)).expand(1, h, w, 3)
    ink = torch.from_numpy(rng.integers(0, 256, (1, 1, 1, 3))).float()
    width_m = torch.tensor([rng.uniform(0.05, 0.12)])
    picture = picture + line_coverage(other.maps, rays, width_m)[..., None] * (ink - picture)
    picture = surroundings(rng, venue, picture, cams, rays, other.field)
    return picture[0].clamp(0, 255).to(torch.uint8).numpy().copy()


def _camera_beside(other: OtherField, rng: np.random.Generator, aspect: float) -> Cameras:
    """One camera beside a court or rink, 4 to 14 m up."""
    field = other.field
    away = (
        field.length_m / 2 + rng.uniform(5, 20)
        if other.from_the_end
        else field.width_m / 2 + rng.uniform(5, 25)
    )
    centre = np.array([[rng.normal(0, 4), -away, rng.uniform(4, 14)]])

    def prior(rng: np.random.Generator, n: int, field: Field) -> tuple[Array, Array, Array]:
        xy = rng.uniform(-0.4, 0.4, (n, 2)) * [field.length_m, field.width_m]
        return np.repeat(centre, n, 0), np.c_[xy, np.zeros(n)], rng.uniform(0.8, 2.5, n)

    return draw(rng, 1, field, aspect=aspect, mix=((1.0, prior),))
