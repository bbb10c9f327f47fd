from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch

from edge.bundles import load_bundle
from edge.errors import UsageError
from edge.registration import FieldRegistrar
from edge.types import Quality, Registration, RegistrationState, RejectionReason
from models.registration import calibration, evaluate, held_out, report
from models.registration.calibrate import candidates
from models.registration.looks.soccer import SoccerLook
from models.registration.maps import map_errors
from models.registration.metrics import NEAR, errors
from models.registration.scoring import bins, by_score, score_view, summary
from models.registration.views import ViewRenderer
from tests.models.parts import SOCCER, Oracle, PerfectGraphs, mapped

SOURCE = (320, 180)
LOST = Registration(RegistrationState.LOST, RejectionReason.NO_FIELD, quality=Quality(score=0.05))
SHIFT = np.array([[1, 0, 6.0], [0, 1, 0], [0, 0, 1]])


@pytest.fixture(scope="module")
def views():
    """Three views, with the cameras that took them."""
    batch = ViewRenderer(31, *SOURCE, mix=SoccerLook.broadcast, negatives=0.0, sizes=1).batch(3)
    rays = held_out.cast(batch.cameras, *SOURCE, step=8)
    return batch.cameras, [
        held_out.View(image, held_out.best_pinhole(batch, rays, i), batch.field_m)
        for i, image in enumerate(batch.image)
    ]


def verified(homography, score, expected_m):
    quality = Quality(score=score, expected_error_m=expected_m)
    return Registration(RegistrationState.VERIFIED, field_from_image=homography, quality=quality)


@pytest.fixture
def scored(views):
    """One right answer, one that is 6 m off, one refusal."""
    truths = [v.field_from_image for v in views[1]]
    oracle = Oracle(verified(truths[0], 0.95, 0.1), verified(SHIFT @ truths[1], 0.6, 4.0), LOST)
    return [score_view(oracle, view) for view in views[1]]


def test_the_truth_of_a_view_is_the_camera_that_took_it(views):
    cams, shown = views
    points = np.array([[x, y] for x in (-45.0, -30, -10, 10, 30, 45) for y in (-30.0, -10, 10, 30)])
    for i, view in enumerate(shown):
        pixels, depth = cams.project(i, np.c_[points, np.zeros(len(points))], *SOURCE)
        inside = (depth > 0) & (pixels >= 0).all(1) & (pixels < SOURCE).all(1)
        assert inside.any()
        # the radial term that a homography cannot have is a few pixels at most
        back = mapped(np.linalg.inv(view.field_from_image), points[inside])
        assert np.median(np.linalg.norm(back - pixels[inside], axis=1)) < 2.5


def test_held_out_views_come_from_the_seed_and_the_prior():
    one, again = (list(held_out.views(2, 5, size=(96, 64))) for _ in range(2))
    for a, b in zip(one, again, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.field_from_image, b.field_from_image)
    (none,) = held_out.views(1, 5, size=(96, 64), negatives=1.0)
    assert none.field_from_image is None


def test_answers_are_scored_against_the_truth(scored):
    right, wrong, refused = scored
    assert right.errors.iou_whole == pytest.approx(1)
    assert right.errors.right
    assert wrong.errors.projection_m == pytest.approx(6)
    assert not wrong.errors.right
    assert right.answered
    assert wrong.answered
    assert not refused.answered
    assert refused.errors.iou_part == 0


def test_each_view_stands_alone(views):
    oracle = Oracle(LOST, LOST)
    for view in views[1][:2]:
        score_view(oracle, view)
    assert oracle.resets == 2


def test_the_summary_counts_refusals_as_failures(scored):
    s = summary(scored)
    assert (s["frames"], s["answered"]) == (3, 2)
    assert s["right"] == pytest.approx(1 / 3)
    assert s["dense_share"] == 0
    assert s["ms_median"] > 0
    assert s["proj_m_median"] == pytest.approx(6)


def test_bins_by_hand():
    found = bins(
        [0.05, 0.35, 0.40, 0.97, 1.0, 1.0],
        [np.inf, 0.01, 0.5, 0.001, 0.001, NEAR],
        [np.inf, 0.5, 9.0, 0.1, 0.3, 1.0],
        [np.nan, 1.0, 3.0, 0.2, 0.2, 0.2],
        [False, True, True, True, True, True],
    )
    assert [(b.low, b.high, b.count, b.refused) for b in found] == [
        (0.0, 0.1, 1, 1),
        (0.3, 0.5, 2, 0),
        (0.97, 1.0, 3, 0),
    ]
    assert found[0].right is None
    assert found[1].right == pytest.approx(0.5)
    assert found[1].score == pytest.approx(0.375)
    assert found[1].projection_m == pytest.approx(4.75)
    assert found[2].right == pytest.approx(2 / 3)
    assert found[2].expected_m == pytest.approx(0.2)


def test_bins_of_answers(scored):
    assert [(b.count, b.refused, b.right) for b in by_score(scored)] == [
        (1, 1, None),
        (1, 0, 0.0),
        (1, 0, 1.0),
    ]


def test_perfect_maps_have_no_error():
    batch = ViewRenderer(32, 128, 96, negatives=0.0, sizes=1, lens=0.0).batch(3)
    noise = torch.rand(3, 2, 24, 32, generator=torch.Generator().manual_seed(0))
    sign = torch.where(batch.field, 4.0, -4.0)[:, None]
    grid = torch.cat([batch.xy, noise, sign], 1)
    found = map_errors([(batch, grid, batch.distances)])
    assert found["metres"] == found["mask_error"] == found["line_error"] == 0
    assert found["reproj"] < 1e-3
    off = grid.clone()
    off[:, 0] += 2 * 2 / 105  # 2 m along the field
    off[:, 4] *= -1
    found = map_errors([(batch, off, (batch.distances - 0.1).clamp(0, 1))])
    assert found["metres"] == pytest.approx(2, abs=1e-3)
    assert found["mask_error"] == 1
    assert 0.05 < found["line_error"] <= 0.1 + 1e-6
    assert found["reproj"] > 0.01


@pytest.fixture(scope="module")
def perfect(bundle_folder, views):
    """A registrar whose network knows the first view."""
    registrar = FieldRegistrar(load_bundle(bundle_folder), SOCCER, engine="onnxruntime")
    graphs = PerfectGraphs(views[0].take(np.array([0])), SOURCE, registrar.size)
    registrar._graphs.encoder.run = graphs.run
    registrar._graphs.dense.run = graphs.run
    yield registrar
    registrar.close()


def test_a_perfect_network_registers_its_view(perfect, views):
    scored = score_view(perfect, views[1][0])
    assert scored.answered
    assert scored.errors.right


def test_candidates_are_right_and_wrong_ones(perfect, views):
    view = views[1][0]
    found = candidates(perfect, view, np.random.default_rng(0))
    assert len(found) >= 3
    reprojection = [
        errors(
            view.field_from_image,
            np.linalg.inv(c.image_from_field) @ seen.picture.net_from_source,
            *view.field_m,
            *SOURCE,
        ).reprojection
        for c, seen in found
    ]
    assert min(reprojection) < NEAR
    assert reprojection[0] < NEAR  # the keypoints' own
    assert max(reprojection) > min(reprojection)


def test_an_untrained_bundle_is_scored_from_end_to_end(bundle_folder):
    found = evaluate.evaluate_bundle(load_bundle(bundle_folder), n=2, refine="never")
    assert found["frames"] == 2
    assert found["right"] == 0
    assert {"iou_part_mean", "iou_whole_median", "reproj_median", "ms_median"} <= set(found)


def test_forms_of_a_bundle_are_scored_on_the_same_views(bundle_folder):
    bundle = load_bundle(bundle_folder)
    forms = [("onnxruntime", "fp32"), ("openvino", "fp32")]
    first, second = evaluate.evaluate_forms(bundle, forms=forms, n=2)
    assert first["frames"] == second["frames"] == 2
    assert first["iou_whole_change"] == first["iou_whole_change_error"] == 0
    change = second["iou_whole_mean"] - first["iou_whole_mean"]
    assert second["iou_whole_change"] == pytest.approx(change)


def part_of(views, rows):
    cases = [report.Case(i, v, s) for i, (v, s) in enumerate(zip(views[1], rows, strict=True))]
    worst = sorted(cases, key=report.badness, reverse=True)
    return report.ReportPart("wide", {"raw": rows, "asked": rows}, "asked", worst)


def test_the_worst_are_wrong_answers_then_refusals(views, scored):
    assert [c.number for c in part_of(views, scored).worst] == [1, 2, 0]


def test_the_report_in_words(views, scored):
    text = report.text(part_of(views, scored))
    assert "prior wide, 3 views" in text
    assert "0.333" in text
    row = next(line for line in text.splitlines() if line.startswith("0.00-0.10"))
    assert row.split()[1:4] == ["1", "1", "-"]
    assert max(map(len, text.splitlines())) < 140


def test_the_report_in_files(views, scored, tmp_path):
    paths = report.write(tmp_path / "out", [part_of(views, scored)], bundle="soccer 1", seed=4)
    assert [p.name for p in paths] == ["evaluation.json", "evaluation.png", "worst-wide.jpg"]
    made = json.loads(paths[0].read_text(), parse_constant=pytest.fail)
    modes = made["parts"][0]["modes"]
    assert modes["asked"]["summary"]["frames"] == 3
    assert modes["asked"]["summary"]["proj_m_median"] == pytest.approx(6)
    assert made["parts"][0]["worst"][1]["reprojection"] is None
    assert cv2.imread(str(paths[1])).shape[0] > 300
    assert cv2.imread(str(paths[2])).shape[1] > 3 * 600


def test_the_gallery_draws_truth_and_answer(views, scored):
    part = part_of(views, scored)
    sheet = report.gallery([part.worst[0]])
    for colour in (report.TRUTH_BGR, report.ANSWER_BGR):
        assert (np.abs(sheet.astype(int) - colour).sum(-1) < 60).sum() > 50
    refused = report.gallery([part.worst[1]])
    assert (np.abs(refused.astype(int) - report.ANSWER_BGR).sum(-1) < 60).sum() < 50


def test_a_folder_that_is_a_file_is_named(views, scored, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file: cannot be written to"):
        report.write(tmp_path / "file", [part_of(views, scored)], bundle="b", seed=1)


def test_the_command_scores_every_mode_on_the_same_views(bundle_folder, tmp_path, capsys):
    evaluate.main([str(bundle_folder), "--views", "1", "--out", str(tmp_path)])
    said = capsys.readouterr().out
    for words in ("prior broadcast, 1 views", "prior wide, 1 views", *evaluate.MODES):
        assert words in said
    made = json.loads((tmp_path / "evaluation.json").read_text())
    assert [p["prior"] for p in made["parts"]] == ["broadcast", "wide"]
    assert all(set(p["modes"]) == set(evaluate.MODES) for p in made["parts"])


def test_the_command_names_a_missing_bundle(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        evaluate.main([str(tmp_path / "nowhere")])
    assert stopped.value.code == 1
    assert "nowhere" in capsys.readouterr().err


def test_calibration_pictures_are_seeded_and_counted():
    few, more, other = (
        list(calibration.frames("soccer", n, seed, size=(96, 64), sizes=1))
        for n, seed in ((2, 0), (3, 0), (2, 1))
    )
    assert [len(few), len(more), len(other)] == [2, 3, 2]
    for a, b, c in zip(few, more, other, strict=False):
        assert a.shape == (64, 96, 3)
        assert a.dtype == np.uint8
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()


def test_calibration_pictures_of_an_unknown_sport():
    with pytest.raises(UsageError, match="no views of 'chess'"):
        next(calibration.frames("chess", 1))
