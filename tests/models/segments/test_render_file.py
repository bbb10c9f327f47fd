"""Real files of synthetic programmes: what is in them is what was planned."""

from __future__ import annotations

import json
from dataclasses import replace

import av
import numpy as np
import pytest

from models.segments import render_file
from models.segments.draw import Painter
from models.segments.episodes import plan


@pytest.fixture
def short(library, monkeypatch):
    """Programmes end after four seconds."""

    def shortened(seed, split, of):
        timeline, recipe = plan(seed, split, of)
        timeline.length_s = timeline.begin_s + 4
        return timeline, recipe

    monkeypatch.setattr(render_file, "plan", shortened)
    return library


@pytest.mark.parametrize("number", range(len(render_file.KINDS)))
def test_a_file_has_the_pictures_and_the_length_that_were_planned(short, tmp_path, number):
    kind = replace(render_file.KINDS[number], width=256, height=144)
    path = tmp_path / f"programme.{kind.end}"
    row = render_file.render(short, "test", 1, path, kind)
    assert json.loads(path.with_suffix(".json").read_text()) == json.loads(json.dumps(row))
    timeline, _ = plan(1, "test", short)
    painter = Painter(short, timeline, (256, 144), smooth=True)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert audio.codec_context.sample_rate == kind.rate_hz
        shown = {
            round(float(f.time), 2): f.to_ndarray(format="rgb24") for f in container.decode(video)
        }
    assert len(shown) == pytest.approx(4 * float(video.average_rate), abs=1)
    times = sorted(shown)
    for at in (0.5, 2.5, 3.5):
        nearest = min(times, key=lambda t: abs(t - at))
        wanted = painter.picture(nearest).astype(float)
        assert np.abs(shown[nearest] - wanted).mean() < 12
    with av.open(str(path)) as container:
        heard = sum(f.samples for f in container.decode(audio=0)) / kind.rate_hz
    assert heard == pytest.approx(4, abs=0.2)


def test_the_command_says_what_it_wrote_and_refuses_what_is_no_episode(short, tmp_path, capsys):
    render_file.main(
        [str(short.folder), "test:1", "--out", str(tmp_path / "a.mkv"), "--size", "256x144"]
    )
    assert capsys.readouterr().out.startswith("a.mkv: 4 s")
    with pytest.raises(SystemExit):
        render_file.main([str(short.folder), "tests:1", "--out", str(tmp_path / "b.mkv")])
    assert "write it as test:17" in capsys.readouterr().err
