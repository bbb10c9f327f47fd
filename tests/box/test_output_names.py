"""What a service writes beside what its former runs wrote; the time of an overlay's frames."""

from __future__ import annotations

import dataclasses
import re
import threading
from pathlib import Path

import pytest

from edge.box.box import Options, run_box
from edge.box.monitoring.run_summary import Accounts
from edge.box.outputs.opening import OutputPaths
from edge.box.outputs.overlay import OverlaySink
from edge.capture import open_source
from edge.config import Config, with_changes
from edge.errors import UsageError
from edge.fields import load_field
from tests.box.conftest import NetworkMaker
from tests.box.parts import GOOD, ScriptedRegistrar, make_frame, write_video

pytestmark = [pytest.mark.process, pytest.mark.slow]

TIME = r"\d{8}T\d{6}Z(-\d+)?"


def run_once(config: Config, options: Options, accounts: Accounts | None = None) -> None:
    run_box(
        config,
        options,
        stop=threading.Event(),
        make_network=NetworkMaker(ScriptedRegistrar()),
        accounts=accounts,
    )


def test_a_service_that_starts_again_keeps_its_former_outputs(tmp_path: Path):
    film = write_video(tmp_path / "film.mp4", frames=3)
    outputs = {"jsonl": tmp_path / "h.jsonl", "overlay": tmp_path / "o.mp4"}
    config = with_changes(
        Config(), {"broker": "embedded:0", "source": str(film), "output": outputs}
    )
    for starts in (1, 2, 3):
        before = {p: p.read_bytes() for p in tmp_path.iterdir()}
        run_once(config, Options())
        assert before.items() <= {p: p.read_bytes() for p in tmp_path.iterdir()}.items()
        names = sorted(p.name for p in tmp_path.iterdir())
        assert [n for n in names if re.fullmatch(rf"h(-{TIME})?\.jsonl", n)] == names[
            1 : 1 + starts
        ]
        assert [n for n in names if re.fullmatch(rf"o(-{TIME})?\.mp4", n)] == names[1 + starts :]


def test_a_folder_of_pictures_gets_a_folder_for_each_further_start(tmp_path: Path):
    film = write_video(tmp_path / "film.mp4", frames=3)
    config = with_changes(
        Config(),
        {"broker": "embedded:0", "source": str(film), "output.overlay": tmp_path / "drawn"},
    )
    run_once(config, Options())
    run_once(config, Options())
    folders = {str(p.parent.relative_to(tmp_path)) for p in tmp_path.rglob("contact_sheet.jpg")}
    assert "drawn" in folders
    assert [f for f in folders if re.fullmatch(f"drawn/{TIME}", f)] == list(folders - {"drawn"})
    assert all((tmp_path / folder / "000000.jpg").exists() for folder in folders)
    assert len(folders) == 2


def test_with_overwrite_the_configured_names_are_replaced(tmp_path: Path):
    film = write_video(tmp_path / "film.mp4", frames=3)
    config = with_changes(
        Config(),
        {"broker": "embedded:0", "source": str(film), "output.jsonl": tmp_path / "h.jsonl"},
    )
    for _ in range(2):
        run_once(config, Options(outputs=OutputPaths(overwrite=True)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["film.mp4", "h.jsonl"]


def test_stages_that_are_built_anew_write_beside_those_before(tmp_path: Path):
    film = write_video(tmp_path / "film.mp4", frames=3)
    config = with_changes(Config(), {"broker": "embedded:0", "source": str(film)})
    options, accounts = Options(outputs=OutputPaths(out=tmp_path / "h.jsonl")), Accounts()
    run_once(config, options, accounts)
    run_once(config, options, accounts)
    assert len(list(tmp_path.glob("h*.jsonl"))) == 2
    with pytest.raises(UsageError, match=r"h\.jsonl: exists"):
        run_once(config, options)  # another command


@pytest.mark.parametrize("key", ["engine.bundle", "publish.spool.path", "source"])
def test_what_the_configuration_reads_is_no_output(tmp_path: Path, key: str):
    film = write_video(tmp_path / "film.mp4", frames=3)
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "manifest.json"
    file.write_bytes(film.read_bytes())
    named = file.parent if key == "engine.bundle" else file
    base = {"broker": "embedded:0", "source": str(film)}
    config = with_changes(Config(), base | {key: str(named) if key == "source" else named})
    with pytest.raises(UsageError, match="read"):
        run_once(config, Options(outputs=OutputPaths(out=file, overwrite=True)))
    with pytest.raises(UsageError, match="read"):
        run_once(
            with_changes(config, {"output.jsonl": file}),
            Options(outputs=OutputPaths(overwrite=True)),
        )
    assert file.read_bytes() == film.read_bytes()


CLOCKS = [
    ([0, 0.04, 0.08], [0, 0.04, 0.08]),
    ([100, 100.04, 100.12], [0, 0.04, 0.12]),  # a variable frame rate
    ([100, 100.04, 5000, 5000.04], [0, 0.04, 0.08, 0.12]),  # joined recordings
    ([50, 50.04, 0, 0.04], [0, 0.04, 0.08, 0.12]),  # stamps that start anew
    ([0, 0.04, 3600.0, 3600.1], [0, 0.04, 0.08, 0.18]),  # a camera that was away
    ([95443.7, 0.02, 0.06], [0, 0.04, 0.08]),  # MPEG-TS' counter ran over
    ([None, None, None], [0, 0.04, 0.08]),
]


@pytest.mark.parametrize(("stamps", "times"), CLOCKS)
def test_the_times_of_an_overlay_are_sane(
    tmp_path: Path, stamps: list[float | None], times: list[float]
):
    sink = OverlaySink(tmp_path / "o.mp4", load_field("soccer"), fps=25.0)
    for index, stamp in enumerate(stamps):
        sink.write(dataclasses.replace(make_frame(index), pts_s=stamp), GOOD)
    sink.close()
    with open_source(tmp_path / "o.mp4") as source:
        assert [frame.pts_s for frame in source] == pytest.approx(times, abs=0.011)
