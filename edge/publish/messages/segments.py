"""The labelled segments of a programme, as a message."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from edge.config.ids import Id
from edge.publish.messages.base import Message, Nanoseconds
from edge.segments.document import MarkedSegment, Programme

__all__ = ["MarkedSegment", "Programme", "Segments"]


class Segments(Message):
    """A programme's labelled segments: topic `segments/<job>`, retained."""

    SCHEMA: ClassVar[str] = "touchline.segments/1"

    schema_: Literal["touchline.segments/1"] = Field("touchline.segments/1", alias="schema")
    job: Id = Field(description="Names the programme, as the topic does.")
    time_ns: Nanoseconds = Field(description="When this was written.")
    programme: Programme
