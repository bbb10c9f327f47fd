"""From files into the library."""

from __future__ import annotations

import json
import wave
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

from models.segments import import_media, scenes, synth
from models.segments.data import table
from models.segments.library import Library, LibraryWriter, filled
from models.segments.sources import SPLITS, listed, material_split, media_split, split_of


def video(path: Path, colours: list[int], seconds: float = 2.0) -> None:
    """A file of plain shots, one after the other, at 25 pictures a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for colour in colours:
            for _ in range(int(25 * seconds)):
                picture = np.full((90, 160, 3), colour, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def sound(path: Path, seconds: float) -> None:
    t = np.arange(int(seconds * 44_100)) / 44_100
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 44_100, 0, "NONE", ""))
        file.writeframes((8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16).tobytes())


def test_a_media_folder_becomes_shots_and_sounds(tmp_path):
    video(tmp_path / "a.mp4", [20, 200, 90])
    sound(tmp_path / "b.wav", 3)
    sound(tmp_path / "c.wav", 3)
    common = {"source": "made", "licence": "CC0"}
    items = [
        {"file": "a.mp4", "kind": "video", "group": "sintel", **common},
        {"file": "b.wav", "kind": "music", "group": "tune", **common},
        {"file": "c.wav", "kind": "music", "group": "other", "source": "x", "licence": "CC-BY-NC"},
    ]
    (tmp_path / "index.json").write_text(json.dumps({"items": items}))
    said: list[str] = []
    with LibraryWriter(tmp_path / "library") as writer:
        import_media.media(writer, tmp_path, said.append)
    library = Library(tmp_path / "library")
    assert Counter(s.kind for s in library.sources) == {"clip": 3, "music": 1}
    assert said == ["c.wav: left out (CC-BY-NC)"]
    clips = library.of("clip", "test")["sintel"]
    levels = [int(library.picture(n, 0.5).mean()) for n in clips]
    assert levels == pytest.approx([20, 200, 90], abs=4)
    assert library.sources[clips[1]].count == pytest.approx(10, abs=1)
    music = next(i for i, s in enumerate(library.sources) if s.kind == "music")
    heard = library.sound(music)
    assert len(heard) == pytest.approx(48_000, abs=100)
    spectrum = np.abs(np.fft.rfft(heard[:16_000]))
    assert spectrum.argmax() == 440
    assert "clip\tsintel\ttest\tCC0\t3\t" in table(library)


@pytest.mark.parametrize(
    ("shape", "size"), [((90, 160), (320, 180)), ((200, 100), (320, 180)), ((50, 400), (480, 270))]
)
def test_a_picture_fills_the_frame_and_keeps_its_shape(shape, size):
    y, x = np.mgrid[: shape[0], : shape[1]]
    circle = ((y - shape[0] / 2) ** 2 + (x - shape[1] / 2) ** 2 < (min(shape) / 4) ** 2) * 255
    made = filled(np.repeat(circle[:, :, None], 3, 2).astype(np.uint8), size)
    assert made.shape == (size[1], size[0], 3)
    seen = np.argwhere(made[:, :, 0] > 128)
    high, wide = np.ptp(seen, axis=0) + 1
    assert abs(high - wide) <= 0.08 * high + 2


def test_a_clip_is_played_to_and_fro(library):
    number = next(i for i, s in enumerate(library.sources) if s.kind == "clip")
    there = [library.picture(number, k / 5) for k in range(39)]
    assert np.array_equal(there[19 + 4], there[19 - 4])
    assert np.array_equal(there[38], there[0])
    half = library.between(number, 0.1).astype(float)
    assert np.abs(half - (there[0].astype(float) + there[1]) / 2).max() <= 1


def test_every_listed_thing_has_one_split_and_no_split_is_empty():
    kept = listed()
    for kind in ("music", "speech"):
        splits = {p["split"] for p in kept["packages"] if p["kind"] == kind}
        assert splits == set(SPLITS) - {"far"}
    groups = [g for names in kept["media"].values() for g in names]
    assert len(groups) == len(set(groups))
    assert media_split("tears_of_steel") == "train"
    assert {split_of(name) for name in kept["fonts"]} == set(SPLITS) - {"far"}
    languages = [v for names in kept["voices"].values() for v in names]
    assert len(languages) == len(set(languages))
    assert material_split("far") == "test"


@pytest.mark.parametrize("timbre", [t for band in synth.BANDS.values() for t in band])
def test_a_synthetic_track_is_music_of_its_length_and_the_same_again(timbre):
    first, again = (synth.track(np.random.default_rng(3), timbre, 8.0) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.shape == (8 * 16_000,)
    assert np.abs(first).max() == pytest.approx(0.8, abs=1e-3)
    assert (np.abs(first.reshape(-1, 16_000)).max(1) > 0.01).mean() > 0.7


def test_a_bare_floor_is_dull():
    floor = [np.full((18, 32, 3), 90, np.uint8)] * 6
    checks = [np.indices((18, 32)).sum(0)[:, :, None].repeat(3, 2) % 2 * np.uint8(255)] * 6
    assert scenes.dull(floor)
    assert not scenes.dull(checks)


def test_a_gradient_is_no_place_and_a_photograph_is():
    ramp = np.linspace(0, 255, 960, dtype=np.uint8)[None, :, None].repeat(540, 0).repeat(3, 2)
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (60, 107, 3), np.uint8)
    assert import_media._is_flat(np.ascontiguousarray(ramp))
    assert not import_media._is_flat(small.repeat(9, 0).repeat(9, 1))


def test_packages_of_one_design_are_one_family():
    fonts = set(listed()["fonts"])
    for name, family in listed()["same_family"].items():
        assert {name, family} <= fonts
        assert family not in listed()["same_family"]


def test_families_of_scenes_have_objects_and_one_split():
    families = [f for names in scenes.FAMILIES.values() for f in names]
    assert len(families) == len(set(families))
    assert set(families) == set(scenes._OBJECTS)
