"""What a segments bundle says of itself, and the bundle on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from edge.bundles.bundle import digest
from edge.bundles.manifest import MANIFEST, Digest, FileName, VersionText
from edge.errors import BundleError
from edge.paths import shipped_segments_bundle
from edge.segments.crf import Crf
from edge.segments.decode import SegmentRules
from edge.segments.types import Label
from edge.segments.verify import Verifier

LABELS = tuple(label.text for label in Label)


class _ManifestModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SegmentsFile(_ManifestModel):
    """One file of the bundle."""

    name: FileName
    graph: Literal["cnn", "head"] = Field(
        description="`cnn`: pictures or sound patches to features; `head`: features to emissions."
    )
    precision: Literal["fp32", "int8"]
    sha256: Digest
    size: int = Field(gt=0, description="Bytes.")


class CrfParameters(_ManifestModel):
    """Scores, natural logarithms, in the order of the labels."""

    transitions: tuple[tuple[float, ...], ...] = Field(description="From the row to the column.")
    start: tuple[float, ...]
    end: tuple[float, ...]
    temperature: float = Field(
        1.0, gt=0, description="Emissions and scores are divided by it: calibrated probabilities."
    )
    moves: bool = Field(
        False, description="Whether the head says what the transitions gain at each step."
    )

    @property
    def crf(self) -> Crf:
        """The chain, calibrated."""
        t = self.temperature
        return Crf.of(
            [[x / t for x in row] for row in self.transitions],
            [x / t for x in self.start],
            [x / t for x in self.end],
        )


class RuleParameters(_ManifestModel):
    """What a segment must be to be marked, see `edge.segments.decode.SegmentRules`."""

    threshold: float = Field(ge=0, le=1)
    most: int = Field(1, ge=1)
    shortest_s: int = Field(ge=1)
    longest_s: int | None = Field(None, ge=1)
    ends: float = Field(0.0, ge=0, lt=1)


class VerifierParameters(_ManifestModel):
    """See `edge.segments.verify.Verifier`: what is pooled of k columns of the head's evidence."""

    weights: tuple[float, ...] = Field(min_length=3)
    bias: float

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.weights) % 3:
            raise ValueError(f"{len(self.weights)} weights are not three for a column")
        return self

    @property
    def columns(self) -> int:
        """Of evidence."""
        return len(self.weights) // 3

    @property
    def verifier(self) -> Verifier:
        """The regression."""
        return Verifier(np.array(self.weights), self.bias)


class SegmentsManifest(_ManifestModel):
    """A segments bundle's `manifest.json`."""

    format: Literal[1] = 1
    kind: Literal["segments"] = "segments"
    name: FileName
    version: VersionText
    labels: tuple[str, ...] = LABELS
    files: tuple[SegmentsFile, ...]
    crf: CrfParameters
    rules: dict[Literal["intro", "recap"], RuleParameters]
    verifiers: dict[Literal["intro", "recap"], VerifierParameters] = Field(
        default_factory=dict,
        description="Where there is one, a segment's probability is its; else the CRF's.",
    )
    training: dict[str, Any] = Field(default_factory=dict, description="Seeds, data, versions.")
    measured: dict[str, Any] = Field(
        default_factory=dict, description="Figures on synthetic held-out programmes."
    )
    licence: str = "Apache-2.0"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.labels != LABELS:
            raise ValueError(f"labels: {self.labels} are not {LABELS}")
        graphs = {file.graph for file in self.files}
        if graphs != {"cnn", "head"}:
            raise ValueError("files: a bundle has a cnn and a head")
        _ = self.crf.crf  # raises for shapes that do not fit
        if len(self.crf.start) != len(LABELS):
            raise ValueError(f"crf: {len(self.crf.start)} labels, not {len(LABELS)}")
        return self

    def to_json(self) -> str:
        """Return the text of `manifest.json`."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"

    def decode_rules(self) -> Mapping[Label, SegmentRules]:
        """What segments must be, by label."""
        return {
            Label[name.upper()]: SegmentRules(
                r.threshold, r.most, r.shortest_s, r.longest_s, r.ends
            )
            for name, r in self.rules.items()
        }

    def verifiers_by_label(self) -> Mapping[Label, Verifier]:
        """What tells segments' probabilities, for the labels that have it."""
        return {Label[name.upper()]: v.verifier for name, v in self.verifiers.items()}


@dataclass(frozen=True, slots=True)
class SegmentsBundle:
    """A folder with a valid manifest whose files are what it says."""

    path: Path
    manifest: SegmentsManifest

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.manifest.name} {self.manifest.version}"

    def with_thresholds(self, thresholds: Mapping[Label, float]) -> SegmentsBundle:
        """The same bundle that marks from other probabilities on; those not named stay."""
        by_name = {label.text: threshold for label, threshold in thresholds.items()}
        rules = {
            name: rule.model_copy(update={"threshold": by_name.get(name, rule.threshold)})
            for name, rule in self.manifest.rules.items()
        }
        return replace(self, manifest=self.manifest.model_copy(update={"rules": rules}))

    def file(self, graph: str, precision: str | None = None) -> Path:
        """Path of a graph, INT8 where there is a choice; BundleError when there is none such."""
        found = [
            f for f in self.manifest.files if f.graph == graph and precision in {None, f.precision}
        ]
        if not found:
            raise BundleError(f"{self.path}: no {precision} {graph} in {self.label}")
        return self.path / min(found, key=lambda f: f.precision != "int8").name


def load_segments_bundle(path: Path | str | None = None) -> SegmentsBundle:
    """Load and check a bundle's folder, the one that ships unless told.

    Raises BundleError when it is missing, damaged, or of another kind or format.
    """
    folder = shipped_segments_bundle() if path is None else Path(path)
    where = folder / MANIFEST
    try:
        manifest = SegmentsManifest.model_validate_json(where.read_bytes())
    except FileNotFoundError as error:
        raise BundleError(
            f"{folder}: no segments bundle here (there is no {MANIFEST}); reinstall it, or name "
            "another"
        ) from error
    except OSError as error:
        raise BundleError(f"{where}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BundleError(f"{where}: {at}: {first['msg']}; reinstall the bundle") from error
    for file in manifest.files:
        _check(folder, file)
    return SegmentsBundle(folder, manifest)


def _check(folder: Path, file: SegmentsFile) -> None:
    path = folder / file.name
    try:
        right = path.stat().st_size == file.size and digest(path) == file.sha256
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
    if not right:
        raise BundleError(f"{path}: is not what the manifest says; reinstall the bundle")
