"""From cached programmes to a bundle, with a network too small and trained too short to be good."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from edge.engines import EngineOptions, load_named
from edge.errors import UsageError
from edge.segments.crf import Crf, log_partition
from edge.segments.features import LOW, LOW_PICTURE, assemble
from edge.segments.manifest import load_segments_bundle
from edge.segments.types import Emissions, Label, Segment
from edge.segments.verify import Verifier
from models.segments import backbone, cache, evaluate, export, rendered_cache, scoring
from models.segments import train as training
from models.segments.augment import SOUND_LEVELS, held, key_frames, louder, noisy, shown_at
from models.segments.crf_loss import CrfLikelihood
from models.segments.dataset import collate, fit, load, paths, silent_low
from models.segments.judge import LEAST, calibrate
from models.segments.network import Head, HeadMean, Leaps, Shape, compared
from models.segments.trunk import Trunk
from models.segments.verifier import evidence_of

SHAPE = Shape(hidden=6, visual=5, sound=4)


def programme(seed: int) -> dict[str, object]:
    """Arrays of one programme as the cache has them."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(40, 60))
    start = int(rng.integers(5, 15))
    spans = np.array([[Label.INTRO, start, start + 12]], float)
    inside = np.zeros(count, bool)
    inside[start : start + 12] = True
    features = rng.standard_normal((2, count, 1280)).astype(np.float32)
    features[:, inside, :20] += 3
    looks = rng.random((count, 3)).astype(np.float32)
    small = rng.integers(0, 255, (count, 18, 32), dtype=np.uint8)
    cuts_s = np.sort(rng.uniform(0, count, 9))
    mel = rng.uniform(-12, 0, (count, 64, 100)).astype(np.float32)
    track = assemble(features[0], looks, small, np.arange(count) + 0.5, features[1], mel)
    return {
        "visual": features[0].astype(np.float16),
        "sound": features[1].astype(np.float16),
        "low": track.low,
        "measures": looks,
        "thumbs": small,
        "cut_visual": rng.standard_normal((9, 1280)).astype(np.float16),
        "cut_measures": rng.random((9, 3)).astype(np.float32),
        "cut_thumbs": rng.integers(0, 255, (9, 18, 32), dtype=np.uint8),
        "mel": cache.to_bytes(mel),
        "spans": spans,
        "cuts_s": cuts_s,
        "series": f"series-{seed // 4}",
        "recipe": json.dumps({"seed": seed}),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cache")
    for job in rendered_cache.jobs({"train": 6, "validation": 3, "test": 3}):
        rendered_cache.write(path / job.name, programme(job.seed + 100 * len(job.split)))
    return path


@pytest.fixture(scope="module")
def reductions(folder: Path):
    return fit(paths(folder, "train"), (12, 8))


@pytest.fixture(scope="module")
def head(reductions) -> Head:
    torch.manual_seed(0)
    made = Head(SHAPE, (12, 8)).eval()
    made.low_mean, made.low_scale = reductions.low_mean, reductions.low_scale
    return made


def test_jobs_mix_the_splits() -> None:
    made = rendered_cache.jobs({"train": 4, "test": 2})
    assert [job.split for job in made] == ["train", "train", "test", "train", "train", "test"] or {
        job.split for job in made[:3]
    } == {"train", "test"}
    assert len({job.name for job in made}) == 6


@pytest.mark.parametrize("seed", range(8))
def test_key_frames_ascend_and_begin_at_the_beginning(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = key_frames(rng, np.array([0.4, 7.3, 7.9, 31.2]), 40)
    assert times[0] <= 0.5
    assert np.all(np.diff(times) > 0)
    assert times[-1] < 40
    assert np.all(np.diff(times) <= 12)


def test_a_held_picture_is_the_last_taken() -> None:
    times = np.array([0.0, 3.2, 3.9, 8.0])
    assert held(times, 10).tolist() == [0, 0, 0, 1, 2, 2, 2, 2, 3, 3]


def test_the_picture_that_stands_for_a_time_is_the_nearest_of_its_shot() -> None:
    cuts = np.array([3.2, 3.9, 7.6])  # rows 10, 11 and 12
    times = np.array([0.0, 2.9, 3.1, 3.2, 3.45, 3.9, 4.2, 7.59, 7.6, 8.3, 9.9])
    assert shown_at(times, cuts, 10).tolist() == [0, 2, 2, 10, 3, 11, 4, 7, 12, 8, 9]
    assert shown_at(times[:3], np.empty(0), 3).tolist() == [0, 2, 2]


def test_noise_is_one_for_a_held_picture() -> None:
    visual = np.zeros((4, 5), np.float32)
    made = noisy(np.random.default_rng(0), visual, np.array([0, 0, 2, 3, 3]), 0.5)
    assert made.shape == (5, 5)
    assert made[0].any()
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).all()


def test_key_frames_give_the_rows_that_the_box_computes(folder: Path, reductions) -> None:
    path = paths(folder, "train")[0]
    item = load(path, reductions)
    times = np.array([0.0, 2.0, 6.7, 20.1])
    rows, low = item.with_keys(times)
    kept = np.load(path)
    taken = shown_at(times, item.cuts_s, len(item.labels))
    pictures = np.concatenate([kept["visual"], kept["cut_visual"]]).astype(np.float32)
    mel = cache.from_bytes(kept["mel"])
    track = assemble(
        pictures[taken],
        item.measures[taken],
        item.thumbs[taken],
        times,
        kept["sound"].astype(np.float32),
        mel,
    )
    np.testing.assert_array_equal(track.visual, pictures[rows])
    np.testing.assert_allclose(low, track.low, atol=0.02)


def test_the_mean_of_heads_is_exported_as_it_is_trained(
    head: Head, reductions, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    other = Head(SHAPE, (12, 8)).eval()
    other.low_mean, other.low_scale = head.low_mean, head.low_scale
    mean = HeadMean([head, other]).eval()
    assert head.crf is not None
    assert other.crf is not None
    with torch.no_grad():
        expected = (head.crf.transitions + other.crf.transitions) / 2
        torch.testing.assert_close(mean.crf.transitions.data, expected)
    export.export_head(mean, reductions, tmp_path / "head.onnx")
    rng = np.random.default_rng(3)
    visual, sound = rng.standard_normal((2, 1, 17, 1280)).astype(np.float32)
    low = rng.random((1, 17, LOW)).astype(np.float32)
    engine = load_named(tmp_path / "head.onnx", "onnxruntime", EngineOptions(threads=1))
    told = engine.run({"visual": visual, "sound": sound, "low": low})["emissions"]
    inside = [torch.from_numpy(x) for x in (visual, sound, low)]
    with torch.no_grad():
        reduced = reductions.visual(inside[0]), reductions.sound(inside[1])
        parts = [h(*reduced, inside[2]).emissions.numpy() for h in (head, other)]
    np.testing.assert_allclose(told, np.mean(parts, 0), atol=5e-3)  # weights are float16
    with pytest.raises(ValueError, match="one shape"):
        HeadMean([head, Head(Shape(hidden=6, visual=5, sound=4, crf=False), (12, 8))])


def test_a_guess_by_position_knows_no_programme(folder: Path, reductions) -> None:
    held_out = evaluate.Held.of(folder, "test", reductions, exact=False)
    told = evaluate.by_position(folder, held_out)
    assert 0 < told["intro R"] <= 1  # these programmes all have their intro early
    assert told["recap R"] != told["recap R"] or told["recap R"] == 0


def test_mel_in_bytes_is_half_a_step_off_at_most() -> None:
    mel = np.random.default_rng(0).uniform(-13.9, 8, (3, 64, 100)).astype(np.float32)
    assert np.abs(cache.from_bytes(cache.to_bytes(mel)) - mel).max() <= 0.0501


def test_loudness_moves_what_is_heard_and_leaves_silence(folder: Path, reductions) -> None:
    sample = load(paths(folder, "train")[0], reductions).sample()
    moved = louder(np.random.default_rng(1), sample)
    assert np.abs(moved.low[:, SOUND_LEVELS] - sample.low[:, SOUND_LEVELS]).max() > 0.01
    np.testing.assert_array_equal(moved.low[:, :LOW_PICTURE], sample.low[:, :LOW_PICTURE])
    quiet = sample.low.copy()
    quiet[:, LOW_PICTURE:] = silent_low()
    silent = type(sample)(sample.visual, sample.sound, quiet, sample.labels)
    np.testing.assert_array_equal(louder(np.random.default_rng(1), silent).low, quiet)


def test_the_loss_has_the_box_s_partition() -> None:
    torch.manual_seed(2)
    crf = CrfLikelihood(3).double().requires_grad_(False)
    crf.transitions += torch.randn(3, 3)
    emissions = torch.randn(1, 33, 3, dtype=torch.float64)
    head = Head(SHAPE, (12, 8))
    head.crf = crf
    every = torch.ones(1, 33, dtype=torch.bool)
    ours = crf.log_partition(emissions, every)
    chain = training.crf_of(head)
    assert chain is not None
    assert float(ours) == pytest.approx(log_partition(emissions[0].numpy(), chain), abs=1e-9)
    moves = torch.randn(1, 33, 3, 3, dtype=torch.float64)
    ours = crf.log_partition(emissions, every, moves)
    theirs = log_partition(emissions[0].numpy(), chain.moved(moves[0, 1:].numpy()))
    assert float(ours) == pytest.approx(theirs, abs=1e-9)
    every[0, 20:] = False  # what is padded counts for nothing
    theirs = log_partition(emissions[0, :20].numpy(), chain.moved(moves[0, 1:20].numpy()))
    ours = crf.log_partition(emissions, every, moves)
    assert float(ours) == pytest.approx(theirs, abs=1e-9)


def test_a_short_training_lowers_the_loss_and_is_restored(folder: Path, tmp_path: Path) -> None:
    data = training.read(folder)
    settings = training.SegmentsTrainingSettings(SHAPE, epochs=6, batch=3, rate=1e-2, shortest=20)
    told: list[str] = []
    made = training.train(data, settings, told.append)
    losses = [h["loss"] for h in made["history"]]
    assert losses[-1] < losses[0]
    training.save(tmp_path, "bilstm-crf-0", made, data.by)
    head, by, record = training.restore(tmp_path / "bilstm-crf-0.pt")
    assert record["data"] == {"train": 6, "validation": 3}
    torch.testing.assert_close(by.visual.basis, data.by.visual.basis)
    again = training.scores_of(head, data.validation, [None] * 3)
    assert all(np.isfinite(s.emissions).all() for s in again)
    moves = np.concatenate([s.moves for s in again if s.moves is not None])
    assert moves.shape[1:] == (3, 3)
    assert 0 < np.abs(moves).max() < np.inf  # they began as nothing


def test_programmes_without_text_are_trained_on_too(folder: Path, tmp_path: Path) -> None:
    for path in folder.glob("*.npz"):
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "erased").mkdir()
    rendered_cache.write(tmp_path / "erased" / "train-00000.npz", programme(900))
    rendered_cache.write(tmp_path / "erased" / "test-00000.npz", programme(901))  # a probe's
    both, first = training.read(tmp_path), training.read(tmp_path, limit=2)
    assert (len(both.train), len(first.train)) == (7, 2)
    torch.testing.assert_close(both.by.visual.basis, training.read(folder).by.visual.basis)


def test_the_programmes_of_series_with_slow_recaps_come_again(folder: Path, reductions) -> None:
    items = [load(path, reductions) for path in paths(folder, "train")]
    recap, content = Segment(Label.RECAP, 10.0, 30.0), Segment(Label.INTRO, 10.0, 30.0)
    for item, name in zip(items, ("slow", "slow", "quick", "none", "none", "quick"), strict=True):
        item.series, item.spans, item.cuts_s = name, (), np.array([5.0, 14.0, 19.0, 25.0, 33.0])
    items[0].spans = (recap,)  # four shots of 5 s; that series' other programme has no recap
    items[2].spans, items[2].cuts_s = (recap,), np.arange(10.0, 30.0, 2.0)
    items[3].spans = (content,)
    assert [i.name for i in training.with_long_shots(items)] == [i.name for i in items[:2]]
    assert training.with_long_shots(items, least_s=5.1) == []


def test_each_label_has_ends_of_its_own(folder: Path, reductions) -> None:
    """Here recaps run on where they are doubted, and intros are doubted where they are right."""
    items = [load(path, reductions) for path in paths(folder, "validation")]
    recap, intro = Segment(Label.RECAP, 10.0, 30.0), Segment(Label.INTRO, 36.0, 56.0)
    emissions = np.zeros((60, 3))
    emissions[:, Label.CONTENT] = 6
    for first, last, label, score in (
        (10, 28, Label.RECAP, 6.0), (28, 34, Label.RECAP, 1.0),
        (36, 38, Label.INTRO, 1.0), (38, 54, Label.INTRO, 6.0), (54, 56, Label.INTRO, 1.0),
    ):  # fmt: skip
        emissions[first:last] = 0
        emissions[first:last, label] = score
    for item in items:
        item.spans, item.labels = (recap, intro), scoring.seconds_of((recap, intro), 60)
    judged = [Emissions(emissions, np.empty((60, 0)))] * len(items)
    judge = calibrate(Crf.of(np.zeros((3, 3)), np.zeros(3), np.zeros(3)), {}, items, judged)
    found = judge.segments(judged[0])
    assert [(s.label, s.start_s, s.end_s) for s in found] == [
        (Label.RECAP, 10, 28), (Label.INTRO, 36, 56)
    ]  # fmt: skip
    assert judge.rules[Label.INTRO].ends < 0.57 < judge.rules[Label.RECAP].ends
    assert min(rule.threshold for rule in judge.rules.values()) >= LEAST


def test_no_head_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"x\.pt: no head"):
        training.restore(tmp_path / "x.pt")


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(
    ("memory", "moves"), [("none", False), ("lstm", True), ("bilstm", False), ("bilstm", True)]
)
def test_exported_head_is_the_trained_one(
    folder: Path, reductions, tmp_path: Path, engine: str, memory, moves
) -> None:
    torch.manual_seed(4)
    shape = Shape(memory=memory, hidden=6, visual=5, sound=4, moves=moves)
    head = Head(shape, (12, 8)).eval()
    if head.step is not None:
        torch.nn.init.normal_(head.step.weight)
    head.low_mean, head.low_scale = reductions.low_mean, reductions.low_scale
    export.export_head(head, reductions, tmp_path / "head.onnx")
    graph = load_named(tmp_path / "head.onnx", engine, EngineOptions(threads=1))
    for path in paths(folder, "test"):
        kept = np.load(path)
        feed = {k: kept[k].astype(np.float32)[None] for k in ("visual", "sound", "low")}
        told = graph.run(feed)
        given, seen = told["emissions"][0].copy(), told["evidence"][0].copy()
        item = load(path, reductions)
        batch = collate([item.sample()], 1)
        with torch.no_grad():
            wanted = head(batch.visual, batch.sound, batch.low)
        np.testing.assert_allclose(given, wanted.emissions[0].numpy(), atol=3e-3)  # float16
        assert ("moves" in told) is moves
        if moves:
            np.testing.assert_allclose(told["moves"][0], wanted.moves[0].numpy(), atol=3e-3)
            assert not told["moves"][0, 0].any()
        assert seen.shape == (len(given), 26)
        np.testing.assert_allclose(seen, evidence_of(item, None), atol=0.02)
    graph.close()


def test_the_bundle_loads_where_the_box_looks(
    folder: Path, head: Head, reductions, tmp_path: Path
) -> None:
    cnn = tmp_path / "cnn"
    rng = np.random.default_rng(0)
    seen = backbone.BackboneMaterial(
        rng.uniform(-1, 1, (2, 3, 144, 256)).astype(np.float32),
        rng.uniform(-1, 1, (2, 3, 64, 100)).astype(np.float32),
    )
    torch.manual_seed(5)
    cnn.mkdir()
    backbone.export(Trunk(pretrained=False), cnn / backbone.FP32)
    backbone.write_int8(cnn / backbone.FP32, cnn / backbone.INT8, seen)
    sure = Verifier(np.full(78, 1e-3), 1 / 3)
    judge = export.judge_of(head, reductions, folder, {Label.INTRO: sure})
    out = tmp_path / "bundle"
    export.write_bundle(
        out, head, reductions, judge, cnn, version="0.0.1", training={}, measured={}
    )
    bundle = load_segments_bundle(out)
    np.testing.assert_allclose(bundle.manifest.crf.crf.transitions, judge.calibrated.transitions)
    again = bundle.manifest.verifiers_by_label()
    assert set(again) == {Label.INTRO}
    np.testing.assert_allclose(again[Label.INTRO].weights, sure.weights)
    assert sum(f.size for f in bundle.manifest.files) < 15e6
    graph = load_named(bundle.file("cnn"), "onnxruntime", EngineOptions(threads=1))
    for part in (seen.pictures, seen.patches[:1]):
        assert graph.run({"image": part})["features"].shape == (len(part), 1280)
    graph.close()


def test_the_digest_of_the_data_is_of_what_is_in_it(tmp_path: Path) -> None:
    for name, data in (("a.npz", b"one"), ("b.npz", b"two"), ("notes.txt", b"no data")):
        (tmp_path / name).write_bytes(data)
    first = export.data_digest(tmp_path)
    (tmp_path / "notes.txt").write_bytes(b"else")
    assert export.data_digest(tmp_path) == first
    (tmp_path / "b.npz").write_bytes(b"owt")  # of the same size
    assert export.data_digest(tmp_path) != first


def test_leaps_are_counted_around_each_second() -> None:
    scenes = torch.eye(88)[[8, 8, 9, 9, 9, 10, 10]].repeat_interleave(10, 0)[None] * 3
    made = Leaps()(scenes).detach()[0]
    assert made.shape == (70, 7)
    assert made[:, 0].nonzero().flatten().tolist() == [20, 50]
    near, wide = made[:, 1] * 11 / 5, made[:, 2] * 31 / 5
    assert near[[5, 20, 25, 26, 50]].tolist() == pytest.approx([0, 1, 1, 0, 1], abs=0.05)
    assert wide[[4, 20, 35, 65]].tolist() == pytest.approx([0, 1, 2, 1], abs=0.05)


def test_a_dialogue_returns_to_its_views_and_a_recap_goes_on() -> None:
    turns = torch.eye(88)[[8, 9, 8, 9, 10, 11, 12, 13]].repeat_interleave(3, 0)[None]
    turns = turns + 0.05 * torch.randn(turns.shape, generator=torch.Generator().manual_seed(0))
    step, returns = compared(turns)
    assert step[0].gt(0.5).nonzero().flatten().tolist() == [3, 6, 9, 12, 15, 18, 21]
    assert returns[0, 6:12, 0].min() > 0.7  # both views were there six seconds ago
    assert returns[0, 0:6, 1].min() > 0.7  # and will be again
    goes_on = returns[0, [14, 17, 20], 0]  # but for the same shot, three seconds long
    assert goes_on.min() > 0.7
    assert returns[0, [12, 15, 18, 21], 0].max() < 0.5
    held = torch.eye(88)[[8, 9, 10]].repeat_interleave(9, 0)[None]
    assert compared(held)[1].max() == -1  # a picture that is held is no return to it


def test_a_head_without_a_chain_scores_no_steps(reductions, tmp_path: Path) -> None:
    head = Head(Shape(hidden=6, visual=5, sound=4, crf=False), (12, 8)).eval()
    assert head.step is None
    export.export_head(head, reductions, tmp_path / "head.onnx")
    graph = load_named(tmp_path / "head.onnx", "onnxruntime", EngineOptions(threads=1))
    assert set(graph.outputs) == {"emissions", "evidence"}
    graph.close()


def test_a_head_without_pictures_sees_no_leaps() -> None:
    assert Head(Shape(views="audio"), (12, 8)).leaps is None
    assert Head(Shape(leaps=False), (12, 8)).leaps is None


@pytest.mark.parametrize(
    ("shape", "hears"),
    [
        (Shape(), True),
        (Shape(views="audio"), True),
        (Shape(views="video"), False),
        (Shape(own_sound=True), False),
        (Shape(leaps=False), False),
    ],
)
def test_only_a_head_that_hears_the_shared_sound_knows_whether_it_goes_on(
    shape: Shape, hears: bool
) -> None:
    head = Head(shape, (88, 29)).eval()
    assert head.hears_on is hears
    if shape.own_sound:
        return
    visual, low = torch.zeros(1, 20, 88), torch.zeros(1, 20, LOW)
    sound = torch.zeros(1, 20, 29)
    sound[:, :, 7] = 1.0
    changed = sound.clone()
    changed[:, 10:, 7:9] = torch.tensor([0.0, 1.0])  # neither of the named components
    told = [head(visual, s, low).emissions for s in (sound, changed)]
    assert bool((told[0] != told[1]).any()) is hears


TRUE = (Segment(Label.RECAP, 2.0, 12.0), Segment(Label.INTRO, 20.0, 30.0))


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (TRUE, {"intro F1": 1, "recap F1": 1, "intro F1@1": 1, "skipped s/h": 0}),
        ((), {"intro R": 0, "recap F1@5": 0, "skipped s/h": 0}),
        (
            (Segment(Label.INTRO, 18.0, 32.0),),
            {"intro P": 10 / 14, "intro F1@1": 0, "intro F1@3": 1, "skipped s/h": 360.0},
        ),
        ((Segment(Label.INTRO, 22.0, 29.0),), {"intro start bias s": 2, "intro end bias s": -1}),
        (
            (Segment(Label.RECAP, 32.0, 38.0),),
            {"recap P": 0, "skipped s/h": 540.0, "skipped by strangers s/h": 540.0},
        ),
    ],
)
def test_figures(found, wanted) -> None:
    given = scoring.figures([scoring.tally(TRUE, found, 40)])
    assert {key: given[key] for key in wanted} == pytest.approx(wanted)


def test_false_alarms_are_of_programmes_with_neither() -> None:
    alarm = (Segment(Label.INTRO, 1.0, 5.0),)
    given = scoring.figures([scoring.tally((), alarm, 40), scoring.tally((), (), 40)])
    assert given["false alarms"] == 0.5


def test_intervals_hold_the_figure_and_widen_with_fewer_series() -> None:
    rng = np.random.default_rng(0)
    tallies = [
        scoring.tally(TRUE, (Segment(Label.INTRO, 20.0, 30.0 + rng.integers(0, 9)),), 60)
        for _ in range(24)
    ]
    value = scoring.figures(tallies)["intro F1"]
    many = scoring.intervals(tallies, [str(i) for i in range(24)])["intro F1"]
    few = scoring.intervals(tallies, [str(i // 8) for i in range(24)])["intro F1"]
    assert many[0] <= value <= many[1]
    assert many[0] < many[1]
    assert few[0] <= value <= few[1]


def test_calibration_error_of_what_is_told_right_and_wrong() -> None:
    truth = np.arange(1000) % 10 == 0
    right, _ = scoring.calibration_error(np.full(1000, 0.1), truth)
    wrong, table = scoring.calibration_error(np.full(1000, 0.9), truth)
    assert right == pytest.approx(0, abs=1e-9)
    assert wrong == pytest.approx(0.8)
    assert table == [(pytest.approx(0.9), 0.1, 1000)]
