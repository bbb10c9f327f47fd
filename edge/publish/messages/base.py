"""The parts that every message is made of."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from edge.redaction import redact

Nanoseconds = Annotated[int, Field(ge=0, le=2**63 - 1, json_schema_extra={"x-unit": "ns"})]
FreeText = Annotated[str, AfterValidator(redact)]
"""Words for people, which may quote an error of the system or of a peer: without secrets."""
Session = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class MessagePart(BaseModel):
    """A part of a message."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", allow_inf_nan=False, populate_by_name=True
    )


class Document(MessagePart):
    """What goes over a topic, whoever sends it."""

    SCHEMA: ClassVar[str]

    schema_: str = Field(alias="schema", description="Name and version of this message's schema.")

    def payload(self) -> bytes:
        """Return the message as UTF-8 JSON."""
        return self.model_dump_json(by_alias=True).encode()


class Message(Document):
    """What every message of a box starts with."""

    session: Session = Field(description="Names one run of the box; a restart draws a new one.")
    seq: int = Field(
        ge=0,
        le=2**63 - 1,
        description="Counts the topic's messages within the session; a gap is a drop.",
    )
