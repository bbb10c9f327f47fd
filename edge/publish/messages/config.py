"""The messages of remote configuration: what a box should have, what it has, and why not."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from edge.config.ids import MAX_REVISION
from edge.publish.messages.base import Document, FreeText, Message, MessagePart, Nanoseconds

Revision = Annotated[int, Field(ge=1, le=MAX_REVISION, strict=True)]
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]


Address = Annotated[str, Field(pattern=r"^[a-z0-9_/-]{1,260}$")]


class ConfigDesired(Document):
    """The configuration that a box should have: topic `config/desired`, retained, to the box."""

    SCHEMA: ClassVar[str] = "touchline.config_desired/1"

    schema_: Literal["touchline.config_desired/1"] = Field(
        "touchline.config_desired/1", alias="schema"
    )
    revision: Revision = Field(
        description="Higher than any that the box has seen (`seen` in its report)."
    )
    id: Token | None = Field(
        None, description="Any word of the sender's; the report names it, so that he knows his own."
    )
    to: Address | None = Field(
        None,
        description=(
            "The box that is meant, `<prefix>/v1/<site>/<device>`; another box refuses it. A "
            "signed configuration must say it."
        ),
    )
    restart: Literal["now", "later"] = Field(
        "now",
        description=(
            "now: what does not change while frames are processed interrupts them for a moment; "
            "later: it waits for the next start of the box."
        ),
    )
    config: dict[str, Any] = Field(
        description=(
            "The whole configuration, as in the file; keys left out take their defaults. `***` "
            "stands for a secret that the box has at that place already."
        )
    )


class ConfigSigned(Document):
    """A desired configuration with a signature: topic `config/desired`, in place of a bare one."""

    SCHEMA: ClassVar[str] = "touchline.config_signed/1"

    schema_: Literal["touchline.config_signed/1"] = Field(
        "touchline.config_signed/1", alias="schema"
    )
    key_id: str = Field(
        pattern=r"^[0-9a-f]{16}$",
        description="First 16 hex digits of the sha256 of the public key's 32 bytes.",
    )
    signature: str = Field(
        pattern=r"^[A-Za-z0-9+/]{86}==$",
        description=(
            "Ed25519, base64: over the bytes `touchline.config_signed/1`, a zero byte, and "
            "`signed` in UTF-8."
        ),
    )
    signed: str = Field(
        description="JSON text of a `touchline.config_desired/1` document that says `to`."
    )


class ConfigStatus(str, Enum):
    """What became of the desired configuration."""

    APPLIED = "applied"
    """It is in force, and was found good."""
    REJECTED = "rejected"
    """It was refused before anything was touched."""
    ROLLED_BACK = "rolled_back"
    """It was tried and did not do; the configuration before is in force again."""
    PENDING_RESTART = "pending_restart"
    """It is good as far as can be said, and is tried at the next start of the box."""


class ConfigProblem(MessagePart):
    """One thing wrong with a configuration."""

    path: str = Field(
        description="Where, as `broker.port`; empty for the whole message or the box itself."
    )
    message: FreeText = Field(description="What was wrong and what was expected, one line.")
    line: int | None = Field(None, ge=1, description="Line of the box's own file, where it is that")


class DesiredRef(MessagePart):
    """Which desired configuration a report is about."""

    revision: int | None = Field(None, description="Its revision; null where it had none.")
    id: str | None = Field(None, description="Its sender's word for it.")


class ConfigReported(Message):
    """The configuration in force, and what became of the desired one: topic `config/reported`."""

    SCHEMA: ClassVar[str] = "touchline.config_reported/1"

    schema_: Literal["touchline.config_reported/1"] = Field(
        "touchline.config_reported/1", alias="schema"
    )
    time_ns: Nanoseconds = Field(description="When this was found.")
    status: ConfigStatus = Field(
        description=(
            "What became of the desired configuration; without one, of the box's own file: "
            "`rejected` where that is broken and the last good one is in force."
        )
    )
    revision: int = Field(ge=0, description="Revision of the configuration in force; 0: a file's.")
    seen: int = Field(ge=0, description="Highest revision that the box has seen.")
    desired: DesiredRef | None = Field(None, description="What `status` and `errors` are about.")
    errors: list[ConfigProblem] = Field(default_factory=list, description="Why not, all of it.")
    changed: list[str] = Field(
        default_factory=list, description="Keys in which the desired configuration differs."
    )
    config: dict[str, Any] = Field(
        description="The configuration in force, the command line's options in it, secrets as `***`"
    )


class ConfigSchema(Message):
    """The JSON Schema of the configuration, for forms: topic `config/schema`, retained."""

    SCHEMA: ClassVar[str] = "touchline.config_schema/1"

    schema_: Literal["touchline.config_schema/1"] = Field(
        "touchline.config_schema/1", alias="schema"
    )
    version: str = Field(description="Version of Touchline.")
    config: dict[str, Any] = Field(
        description="JSON Schema 2020-12 with `x-unit`, `x-change`, `x-restart` and `x-secret`."
    )
