"""`touchline camera …`.

The bridge's command, with a rendered match as the simulated camera's picture.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext

from edge.box.outputs.output_check import check_outputs
from edge.capture.rendered.match_camera import RenderedCamera
from edge.capture.rendered.scene import Scene
from edge.capture.writer import VideoWriter
from edge.cli.output import progress
from edge.cli.parser import Subparsers
from edge.errors import SourceError
from edge.fields import load_field
from edge.part_file import write_new
from edge.types import ImageArray
from firmware_bridge import cli
from firmware_bridge.codecs import freed
from firmware_bridge.model import CameraPose
from firmware_bridge.pose import homography_from_pose
from firmware_bridge.sim.ptz_camera import SimSettings, SimulatedCamera
from firmware_bridge.sim.video import PictureMaker

_TELEMETRY_HZ = 50
_PAN_REACH_DEG, _TILT_REACH_DEG = 30.0, (-16.0, -8.0)
"""How far the camera turns while it follows its ball.

The stands are drawn for views up to there.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    cli.add_parser(subparsers, pictures=_live, clip=_clip)


class _Match(Scene):
    """A match as the simulated camera sees it."""

    def __init__(self, settings: SimSettings) -> None:
        size = (settings.width_px, settings.height_px)
        self._wide_px = settings.focal_widths[0] * settings.width_px
        super().__init__(load_field("soccer"), size, np.random.default_rng(settings.seed))

    def picture(self, pose: CameraPose, dt_s: float) -> ImageArray:
        """Move the match on and paint what a camera with this pose sees, (height, width, 3) BGR."""
        self.step(dt_s)
        image = np.zeros((pose.height_px, pose.width_px, 3), np.uint8)
        self.draw(image, _rendered(pose))
        return image

    def _extremes(self) -> list[RenderedCamera]:
        """List the views at the ends of what the simulated camera does, two thirds of them near."""
        place = self.mount.position_m
        width, height = self._size
        focal = 2.0 * width
        turns = [(p, t) for p in (-_PAN_REACH_DEG, _PAN_REACH_DEG) for t in _TILT_REACH_DEG]
        wide = [
            RenderedCamera(place, p, 90 + t, 0.0, self._wide_px, width, height) for p, t in turns
        ]
        near = [RenderedCamera(place, p, 90 + t, 0.0, focal, width, height) for p, t in turns]
        return [*wide, *near, *near]


def _rendered(pose: CameraPose) -> RenderedCamera:
    """Return the renderer's camera, whose tilt counts from straight down."""
    return RenderedCamera(
        (pose.x_m, pose.y_m, pose.z_m),
        pose.pan_deg,
        90 + pose.tilt_deg,
        pose.roll_deg,
        pose.focal_px,
        pose.width_px,
        pose.height_px,
    )


def _placed(settings: SimSettings, match: _Match) -> SimSettings:
    """Return the settings with the camera where the match's main camera stands."""
    return replace(settings, position_m=match.mount.position_m)


def _live(settings: SimSettings, fps: float) -> tuple[SimSettings, PictureMaker]:
    match = _Match(settings)
    encoder = _encoder(settings, fps)

    def make(pose: CameraPose, number: int) -> bytes:
        frame = av.VideoFrame.from_ndarray(match.picture(pose, 1 / fps), format="bgr24")
        frame.pts = number
        return b"".join(bytes(packet) for packet in encoder.encode(frame))

    return _placed(settings, match), make


def _encoder(settings: SimSettings, fps: float) -> VideoCodecContext:
    """Open an H.264 encoder without delay, a key frame a second, parameter sets in each."""
    try:
        encoder = av.CodecContext.create("libx264", "w")
    except UnknownCodecError as error:
        raise SourceError("this FFmpeg has no libx264: use --no-video") from error
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = (
        settings.width_px,
        settings.height_px,
        "yuv420p",
    )
    encoder.time_base = 1 / Fraction(fps).limit_denominator(1001)
    encoder.gop_size = max(1, round(fps))
    encoder.options = {"tune": "zerolatency", "preset": "ultrafast", "crf": "21"}
    return encoder


def _clip(
    settings: SimSettings, path: Path, seconds: float, fps: float, *, overwrite: bool
) -> None:
    """Write a clip, and beside it what its pictures truly show and what the telemetry said."""
    beside = {name: path.with_suffix(f".{name}.jsonl") for name in ("truth", "freed")}
    check_outputs([path, *beside.values()], overwrite=overwrite)
    match = _Match(settings)
    camera = SimulatedCamera(_placed(settings, match))
    frames = round(seconds * fps)
    lag = camera.settings.lag_s
    truth = []
    with VideoWriter(path, fps=fps, overwrite=overwrite) as writer, progress() as bar:
        task = bar.add_task("rendering", total=frames, detail="")
        for index in range(frames):
            time_s = index / fps
            pose = camera.pose(time_s - lag)
            writer.write(match.picture(pose, 1 / fps), pts_s=time_s)
            matrix = [float(f"{v:.9g}") for v in homography_from_pose(pose).ravel()]
            truth.append(
                {"frame": index, "pts_s": time_s, "field_from_image": matrix, "pose": asdict(pose)}
            )
            bar.update(task, completed=index + 1)
        _write_lines(beside["truth"], truth, overwrite=overwrite)
        _write_lines(beside["freed"], _telemetry(camera, seconds), overwrite=overwrite)


def _telemetry(camera: SimulatedCamera, seconds: float) -> list[dict[str, object]]:
    """Return the FreeD packets that arrived during a clip, with their times in the clip's clock."""
    dice = random.Random(camera.settings.seed)  # noqa: S311 - noise, not secrets
    packets: list[dict[str, object]] = []
    for index in range(round(seconds * _TELEMETRY_HZ)):
        time_s = index / _TELEMETRY_HZ
        head, noise = camera.state(time_s), camera.settings.noise_deg
        pan, tilt = head.pan_deg + dice.gauss(0, noise), head.tilt_deg + dice.gauss(0, noise)
        position = freed.FreeDPosition(1, pan, tilt, zoom=round(head.zoom), focus=0x1000)
        if dice.random() >= camera.settings.loss:
            packets.append({"t_s": time_s, "packet": freed.encode_position(position).hex()})
    return packets


def _write_lines(path: Path, rows: list[dict[str, object]], *, overwrite: bool) -> None:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    write_new(path, data, overwrite=overwrite)
