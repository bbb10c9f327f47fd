"""The messages of model updates: which bundle a box should use, which it uses, and why not."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from edge.publish.messages.base import Document, Message, MessagePart, Nanoseconds
from edge.publish.messages.config import ConfigProblem, Token

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ShortText = Annotated[str, Field(min_length=1, max_length=100)]


class ModelDesired(Document):
    """The bundle that a box should use: topic `model/desired`, retained, to the box."""

    SCHEMA: ClassVar[str] = "touchline.model_desired/1"

    schema_: Literal["touchline.model_desired/1"] = Field(
        "touchline.model_desired/1", alias="schema"
    )
    id: Token | None = Field(
        None, description="Any word of the sender's; the report names it, so that he knows his own."
    )
    name: ShortText = Field(description="The bundle's name.")
    version: ShortText = Field(description="Its version.")
    url: Annotated[str, Field(min_length=8, max_length=2000)] = Field(
        description="Where its archive is; the box's `updates` say which addresses it takes."
    )
    sha256: Sha256 = Field(description="Digest of the archive.")
    allow_downgrade: bool = Field(
        False,
        description="Whether it may be older than the bundle in use, where the box allows that.",
    )


class ModelStatus(str, Enum):
    """What becomes of the desired bundle."""

    FETCHING = "fetching"
    """Its archive is fetched."""
    TESTING = "testing"
    """A trusted key signed it; it is unpacked, loaded, and asked for its golden frames."""
    PROBATION = "probation"
    """It is in use, and is watched."""
    APPLIED = "applied"
    """It is in use, and did no worse than the one before. Without a desired one: nothing to do."""
    REJECTED = "rejected"
    """It was refused before it was used."""
    ROLLED_BACK = "rolled_back"
    """It was used and did worse; the one before is in use again."""


class ModelRef(MessagePart):
    """A bundle by name."""

    name: str
    version: str


class DesiredModel(ModelRef):
    """Which desired bundle a report is about."""

    sha256: str
    id: str | None = None


class ModelReported(Message):
    """The bundle in use, and what becomes of the desired one: topic `model/reported`."""

    SCHEMA: ClassVar[str] = "touchline.model_reported/1"

    schema_: Literal["touchline.model_reported/1"] = Field(
        "touchline.model_reported/1", alias="schema"
    )
    time_ns: Nanoseconds = Field(description="When this happened.")
    status: ModelStatus = Field(description="What becomes of the desired bundle.")
    desired: DesiredModel | None = Field(None, description="What `status` and `errors` are about.")
    active: ModelRef | None = Field(None, description="The bundle in use.")
    errors: list[ConfigProblem] = Field(default_factory=list, description="Why not, all of it.")


_SESSION = "5f0c1a9e77b2d304"
_TIME_NS = 1_785_000_000_040_000_000
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
DESIRED = ModelDesired(
    id="7c1e52a0",
    name="soccer",
    version="1.1.0",
    url="https://models.example/soccer-1.1.0.bundle",
    sha256=_SHA256,
)
_REF = DesiredModel(name="soccer", version="1.1.0", sha256=_SHA256, id="7c1e52a0")
APPLIED = ModelReported(
    session=_SESSION,
    seq=6,
    time_ns=_TIME_NS,
    status=ModelStatus.APPLIED,
    desired=_REF,
    active=ModelRef(name="soccer", version="1.1.0"),
)
ROLLED_BACK = ModelReported(
    session=_SESSION,
    seq=7,
    time_ns=_TIME_NS,
    status=ModelStatus.ROLLED_BACK,
    desired=_REF,
    active=ModelRef(name="soccer", version="1.0.0"),
    errors=[ConfigProblem(path="probation", message="43 % of 1500 frames are lost, 12 % before")],
)
