from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge.box.batch import expand, register_all
from edge.fields import load_field
from tests.box.parts import GOOD, LOST, ScriptedRegistrar, write_video

SOCCER = load_field("soccer")


def picture(path: Path, shape: tuple[int, ...] = (36, 64, 3)) -> Path:
    assert cv2.imwrite(str(path), np.full(shape, 80, np.uint8))
    return path


def test_pictures_films_and_what_cannot_be_read_each_get_an_answer(tmp_path: Path):
    good = picture(tmp_path / "good.png")
    film = write_video(tmp_path / "film.mp4", frames=7)
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.mp4").write_bytes(b"")
    paths = [
        good,
        tmp_path / "text.jpg",
        tmp_path / "absent.png",
        film,
        tmp_path / "empty.mp4",
        good,
    ]
    answers = list(register_all(paths, ScriptedRegistrar([GOOD, LOST]), SOCCER, every=3))
    names = [a.name.removeprefix(f"{tmp_path}/") for a in answers]
    frames = ["film.mp4/0", "film.mp4/3", "film.mp4/6"]
    assert names == ["good.png", "text.jpg", "absent.png", *frames, "empty.mp4", "good.png"]
    assert [a.record.error is not None for a in answers] == [0, 1, 1, 0, 0, 0, 1, 0]
    for answer in answers:
        record = answer.record
        assert "\n" not in (record.error or "")
        assert (answer.image is None) == (record.error is not None)
        assert (record.field_from_image is None) == (record.state == "lost")
        assert record.image == answer.name
        assert record.image_size == (None if answer.image is None else answer.image.shape[1::-1])


def test_folders_are_expanded_in_natural_order(tmp_path: Path):
    for name in ("f10.png", "f2.png", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    found = list(expand([tmp_path, tmp_path / "empty", tmp_path / "single.png"]))
    assert [p.name for p in found] == ["f2.png", "f10.png", "empty", "single.png"]


def test_an_empty_folder_is_an_error_record(tmp_path: Path):
    (answer,) = register_all(expand([tmp_path]), ScriptedRegistrar(), SOCCER)
    assert "a folder without pictures" in (answer.record.error or "")


def test_odd_pictures_are_handled(tmp_path: Path):
    paths = [
        picture(tmp_path / "tiny.png", (16, 16, 3)),
        picture(tmp_path / "grey.png", (36, 64)),
        picture(tmp_path / "alpha.png", (36, 64, 4)),
        picture(tmp_path / "portrait.png", (128, 72, 3)),
    ]
    answers = list(register_all(paths, ScriptedRegistrar(), SOCCER))
    assert [a.record.state for a in answers] == ["verified"] * 4
    assert all(a.image is not None and a.image.shape[2] == 3 for a in answers)


def test_the_registrar_forgets_between_inputs(tmp_path: Path):
    class Counting(ScriptedRegistrar):
        resets = 0

        def reset(self) -> None:
            self.resets += 1

    registrar = Counting()
    list(register_all([picture(tmp_path / "a.png")] * 3, registrar, SOCCER))
    assert registrar.resets == 3
