"""Moving-camera shots of procedural 3-D scenes, drawn by pybullet's software renderer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import UsageError
from edge.types import ImageArray

FAMILIES = {
    "train": ("street", "toys", "yard", "lab", "gallery", "animals"),
    "validation": ("kitchen",),
    "test": ("robots", "temple", "desk"),
}
"""Families of scenes by split: other objects, grounds and light in each."""
_OBJECTS: dict[str, tuple[tuple[str, float], ...]] = {
    "street": (("racecar/racecar.urdf", 3.0), ("husky/husky.urdf", 1.2), ("block.urdf", 9.0),
               ("sphere2.urdf", 0.5)),
    "toys": (("lego/lego.urdf", 8.0), ("duck_vhacd.urdf", 6.0), ("soccerball.urdf", 0.8),
             ("jenga/jenga.urdf", 6.0), ("teddy_large.urdf", 1.0)),
    "yard": (("domino/domino.urdf", 9.0), ("bicycle/bike.urdf", 1.0), ("cube.urdf", 0.6)),
    "lab": (("kuka_iiwa/model.urdf", 1.0), ("table/table.urdf", 1.0), ("tray/tray.urdf", 1.5)),
    "gallery": (("random", 7.0),),
    "animals": (("laikago/laikago.urdf", 1.4), ("a1/a1.urdf", 1.8), ("teddy_large.urdf", 0.8)),
    "kitchen": (("table_square/table_square.urdf", 1.0), ("objects/mug.urdf", 6.0),
                ("random_hi", 6.0)),
    "robots": (("r2d2.urdf", 1.0), ("franka_panda/panda.urdf", 1.2), ("humanoid/humanoid.urdf",
               0.25), ("mini_cheetah/mini_cheetah.urdf", 2.0)),
    "temple": (("samurai.urdf", 0.06), ("sphere2red.urdf", 0.6), ("aliengo/aliengo.urdf", 1.2)),
    "desk": (("kiva_shelf/model.sdf", 0.7), ("random_hi", 7.0), ("cube_small.urdf", 8.0)),
}  # fmt: skip
RATE_HZ, LENGTH_S = 2.5, 8.0


def shot(seed: int, family: str, size: tuple[int, int] = (320, 180)) -> Iterator[ImageArray]:
    """(h, w, 3) RGB pictures at `RATE_HZ` of one scene of a family; UsageError without pybullet."""
    try:
        import pybullet  # noqa: PLC0415
        import pybullet_data  # noqa: PLC0415
    except ImportError:
        raise UsageError("3-D scenes need pybullet: pip install pybullet") from None
    rng = np.random.default_rng((seed, *family.encode()))
    world = pybullet.connect(pybullet.DIRECT)
    try:
        data = Path(pybullet_data.getDataPath())
        _build(pybullet, world, rng, family, data)
        yield from _film(pybullet, world, rng, size)
    finally:
        pybullet.disconnect(world)


def dull(shot: Sequence[ImageArray]) -> bool:
    """That a shot shows next to nothing, as of a bare floor."""
    return float(np.mean([image.mean(2).std() for image in shot[::5]])) < 19


def _build(bullet: Any, world: int, rng: np.random.Generator, family: str, data: Path) -> None:
    ground = bullet.createVisualShape(
        bullet.GEOM_BOX, halfExtents=[60, 60, 0.05],
        rgbaColor=_paint(rng), physicsClientId=world,
    )  # fmt: skip
    bullet.createMultiBody(0, -1, ground, [0, 0, -0.05], physicsClientId=world)
    for _ in range(int(rng.integers(5, 12))):  # walls and boxes behind
        half = rng.uniform([0.2, 0.2, 0.4], [2.5, 2.5, 4.0])
        box = bullet.createVisualShape(
            bullet.GEOM_BOX, halfExtents=half.tolist(),
            rgbaColor=_paint(rng), physicsClientId=world,
        )  # fmt: skip
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(6, 16)
        bullet.createMultiBody(
            0, -1, box, [far * np.cos(angle), far * np.sin(angle), float(half[2])],
            physicsClientId=world,
        )  # fmt: skip
    for _ in range(int(rng.integers(3, 7))):
        name, scale = _OBJECTS[family][rng.integers(len(_OBJECTS[family]))]
        if name.startswith("random"):
            number = int(rng.integers(0, 500)) + (500 if name.endswith("hi") else 0)
            name = f"random_urdfs/{number:03d}/{number:03d}.urdf"
        path = data / name
        if path.suffix != ".urdf" or not path.is_file():
            continue
        spot = [*rng.uniform(-2, 2, 2), float(rng.uniform(0.1, 0.6))]
        turn = bullet.getQuaternionFromEuler([0, 0, float(rng.uniform(0, 6.28))])
        try:
            bullet.loadURDF(
                str(path), spot, turn, globalScaling=scale * float(rng.uniform(0.7, 1.4)),
                useFixedBase=True, physicsClientId=world,
            )  # fmt: skip
        except bullet.error:
            continue


def _paint(rng: np.random.Generator) -> list[float]:
    """A colour, mostly a muted one."""
    colour = rng.uniform(0.1, 0.85, 3)
    grey = colour.mean()
    return [*(grey + (colour - grey) * rng.uniform(0.1, 0.8)), 1]


def _film(
    bullet: Any, world: int, rng: np.random.Generator, size: tuple[int, int]
) -> Iterator[ImageArray]:
    count = int(RATE_HZ * LENGTH_S)
    turn, lift = rng.uniform(-50, 50), rng.uniform(-15, 15)
    far, near = rng.uniform(2.0, 6.0), rng.uniform(0.7, 1.3)
    yaw, pitch = rng.uniform(0, 360), rng.uniform(-35, -6)
    target = [*rng.uniform(-0.8, 0.8, 2), float(rng.uniform(0.3, 0.9))]
    fov = float(rng.uniform(35, 65))
    light = rng.uniform([-6, -6, 3], [6, 6, 9]).tolist()
    sky = np.array([rng.uniform(80, 220), rng.uniform(90, 210), rng.uniform(110, 240)])
    fade = np.linspace(1.0, rng.uniform(0.3, 0.9), size[1])[:, None, None]
    seen = bullet.computeProjectionMatrixFOV(fov, size[0] / size[1], 0.1, 60)
    for k in range(count):
        part = k / count
        view = bullet.computeViewMatrixFromYawPitchRoll(
            target, far * near**part, yaw + turn * part, pitch + lift * part, 0, 2
        )
        got = bullet.getCameraImage(
            *size, view, seen, lightDirection=light, shadow=0,
            renderer=bullet.ER_TINY_RENDERER, physicsClientId=world,
        )  # fmt: skip
        image = np.asarray(got[2], np.uint8).reshape(size[1], size[0], 4)[:, :, :3]
        depth = np.asarray(got[3], np.float32).reshape(size[1], size[0], 1)
        made = np.where(depth >= 0.99999, sky * fade, image)
        yield made.astype(np.uint8)
