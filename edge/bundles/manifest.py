"""What `manifest.json` says about a bundle (pydantic: it comes from outside)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from edge.errors import BundleError

MANIFEST = "manifest.json"
FORMAT = 1
"""Version of the manifest's own format; a newer one is refused."""
MOST_MANIFEST_BYTES = 1_000_000
_MOST_FILES = 100
"""Graphs of a bundle, and as many golden frames."""
_MOST_DEPTH = 20
_MOST_VALUES = 50_000
"""Nesting and values of a manifest's JSON: some thousand times what a real one has."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""A plain file name: no folder, so that a manifest can name nothing outside its bundle."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
VersionText = Annotated[
    str, Field(pattern=r"^\d{1,9}(\.\d{1,9}){0,3}([.+-]?[A-Za-z0-9.]+)?$", max_length=64)
]
Precision = Literal["fp32", "int8"]


class _BundleModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageInput(_BundleModel):
    """The picture that the encoder takes: uint8, (1, height, width, 3)."""

    height: int = Field(gt=0, le=4320)
    width: int = Field(gt=0, le=8192)
    colour: Literal["BGR", "RGB"] = "BGR"
    normalization: str = Field("inside the graph", description="Where pixel values are scaled.")


class Output(_BundleModel):
    """One output of a graph, (1, channels, height / stride, width / stride) float32."""

    graph: str
    channels: int = Field(gt=0)
    stride: int = Field(gt=0)


class ManifestGrid(_BundleModel):
    """The uniform grid of keypoints over the field, row-major from (-x, -y)."""

    columns: int = Field(gt=1)
    rows: int = Field(gt=1)


class ModelFile(_BundleModel):
    """One file of the bundle."""

    name: FileName
    graph: str = Field(description="`encoder` or `dense`.")
    precision: Precision
    engines: tuple[str, ...] = Field(description="Engines that read it, e.g. onnxruntime.")
    sha256: Digest
    size: int = Field(gt=0, description="Bytes.")


class GoldenFrame(_BundleModel):
    """A picture with a known answer, for the self-test before a bundle is switched in."""

    name: FileName
    sha256: Digest
    size: int = Field(gt=0, description="Bytes.")
    field_from_image: tuple[float, ...] | None = Field(
        None,
        min_length=9,
        max_length=9,
        description="True homography, row-major; null: there is no field to find.",
    )
    tolerance: float = Field(
        0.02, gt=0, le=1, description="Mean reprojection error allowed, of the picture's height."
    )


class Quantization(_BundleModel):
    """How the INT8 files were made, to repeat it."""

    calibration_frames: int = Field(gt=0)
    calibration_seed: int
    method: str
    float_nodes: tuple[str, ...] = Field((), description="Layers kept in float.")
    versions: dict[str, str] = Field(default_factory=dict)


class Measurement(_BundleModel):
    """What the gate measured for one engine and precision."""

    engine: str
    precision: Precision
    threads: int = Field(gt=0)
    cpu: str
    versions: dict[str, str] = Field(default_factory=dict)
    encoder_ms: float = Field(ge=0, description="Median.")
    encoder_p95_ms: float = Field(ge=0)
    dense_ms: float | None = Field(None, ge=0, description="Median.")
    accuracy: dict[str, float] = Field(default_factory=dict)
    frames: int = Field(gt=0, description="Held-out views behind `accuracy`.")
    seed: int


class Signature(_BundleModel):
    """Ed25519 over the manifest without this field (and through its digests, over the files)."""

    algorithm: Literal["ed25519"] = "ed25519"
    key_id: str = Field(pattern=r"^[0-9a-f]{16}$", description="Start of the public key's sha256.")
    value: str = Field(description="Base64, 64 bytes.")


class Manifest(_BundleModel):
    """A bundle's `manifest.json`."""

    format: Literal[1] = 1
    name: FileName
    version: VersionText
    sport: str = Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")
    field: str = Field(description="Name of the field it was trained on (see edge.fields).")
    min_touchline: VersionText = "0.1.0"
    input: ImageInput
    outputs: dict[str, Output]
    grid: ManifestGrid
    decode: dict[str, float] = Field(
        default_factory=dict, description="Parameters of the keypoints' read-off and verification."
    )
    training: dict[str, Any] = Field(default_factory=dict, description="How it was trained.")
    licence: str = "Apache-2.0"
    files: tuple[ModelFile, ...] = Field((), max_length=_MOST_FILES)
    quantization: Quantization | None = None
    measured: tuple[Measurement, ...] = ()
    golden: tuple[GoldenFrame, ...] = Field((), max_length=_MOST_FILES)
    signature: Signature | None = None

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [file.name for file in self.members]
        twice = {name for name, count in Counter(names).items() if count > 1}
        if twice or MANIFEST in names:
            raise ValueError(f"files: {', '.join(sorted(twice) or [MANIFEST])} is listed wrongly")
        return self

    @property
    def members(self) -> tuple[ModelFile | GoldenFrame, ...]:
        """Every file of the bundle beside the manifest."""
        return (*self.files, *self.golden)

    def to_json(self) -> str:
        """Return the text of `manifest.json`."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"

    def signed_bytes(self) -> bytes:
        """Return what the signature covers: canonical JSON of everything but the signature.

        What has its default is left out, so that a field that comes later breaks no old signature.
        """
        content = self.model_dump(mode="json", exclude={"signature"}, exclude_defaults=True)
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def parse_manifest(text: str | bytes, where: str) -> Manifest:
    """Read a manifest's text; BundleError names `where` and the first thing that is wrong."""
    try:
        data = _loaded(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where}: not JSON ({error}); reinstall the bundle") from error
    if isinstance(data, dict) and isinstance(data.get("format"), int) and data["format"] > FORMAT:
        raise BundleError(
            f"{where}: bundle format {data['format']} is newer than {FORMAT}, which this reads; "
            f"install a newer touchline"
        )
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BundleError(f"{where}: {path}: {first['msg']}; reinstall the bundle") from error


def _loaded(text: str | bytes) -> Any:
    """Load JSON of a bounded size, depth and number of values; raises ValueError."""
    if len(text) > MOST_MANIFEST_BYTES:
        raise ValueError(f"more than {MOST_MANIFEST_BYTES} bytes")
    data = json.loads(text, parse_constant=_no_number)
    _check_extent(data)
    return data


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _check_extent(data: Any) -> None:
    """Raise ValueError for JSON that nests deeper or holds more than any manifest does."""
    level, count = [data], 0
    for _ in range(_MOST_DEPTH):
        count += len(level)
        if count > _MOST_VALUES:
            raise ValueError(f"more than {_MOST_VALUES} values")
        level = [value for item in level for value in _inside(item)]
        if not level:
            return
    raise ValueError(f"nested deeper than {_MOST_DEPTH} levels")


def _inside(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []
