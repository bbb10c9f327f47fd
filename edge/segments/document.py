"""What is found in a file, as JSON for others: the form of `touchline segments --format json`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from edge.segments.analysis import Analysis
from edge.segments.chapters import named
from edge.segments.types import Label, Segment

Seconds = Annotated[float, Field(ge=0, json_schema_extra={"x-unit": "s"})]


class _DocumentModel(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", allow_inf_nan=False, populate_by_name=True
    )


class MarkedSegment(_DocumentModel):
    """A stretch of the programme that is marked."""

    label: Literal["intro", "recap"]
    start_s: Seconds = Field(description="From the programme's first picture.")
    end_s: Seconds
    probability: float = Field(
        ge=0, le=1, description="That it is a segment of this label; 1 from chapters."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_s <= self.start_s:
            raise ValueError(f"a segment from {self.start_s:g} to {self.end_s:g} s has no length")
        return self


class Programme(_DocumentModel):
    """A programme's labelled segments; what is not listed is content."""

    file: str = Field(description="The file, as it was named.")
    duration_s: Seconds
    source: Literal["model", "chapters"] = Field(
        description="`chapters`: the file's own chapters name them, no model was asked."
    )
    mode: Literal["keyframes", "exact"] = Field(
        "keyframes", description="`exact`: every picture was decoded."
    )
    window_s: Seconds | None = Field(
        None, description="How much of the beginning was looked at; null: all of it."
    )
    bundle: str = Field("", description="Name and version of the bundle; empty with chapters.")
    chapters: tuple[str, ...] = Field((), description="Names of the chapters that were used.")
    warnings: tuple[str, ...] = Field((), description="What was odd about the file, for people.")
    segments: tuple[MarkedSegment, ...] = Field((), description="In order of time.")

    def labelled(self) -> tuple[Segment, ...]:
        """The segments as the rest of the package has them."""
        return tuple(
            Segment(Label[s.label.upper()], s.start_s, s.end_s, s.probability)
            for s in self.segments
        )


class ProgrammeFile(Programme):
    """The whole of a JSON file."""

    SCHEMA: ClassVar[str] = "touchline.programme/1"

    schema_: Literal["touchline.programme/1"] = Field("touchline.programme/1", alias="schema")


def readable(path: str) -> str:
    """Return a file's name as text, whatever bytes are in it."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


def programme_of(analysis: Analysis) -> Programme:
    """Round an analysis to milliseconds and leave out what is for drawing."""
    used = analysis.chapters if analysis.source == "chapters" else ()
    return Programme(
        file=readable(analysis.path),
        duration_s=round(analysis.duration_s, 3),
        source=analysis.source,
        mode=analysis.mode,
        window_s=analysis.window_s,
        bundle=analysis.bundle,
        chapters=tuple(c.title for c in used if named(c.title) is not None),
        warnings=analysis.warnings,
        segments=tuple(
            MarkedSegment(
                label="intro" if s.label is Label.INTRO else "recap",
                start_s=round(s.start_s, 3),
                end_s=round(s.end_s, 3),
                probability=round(s.probability, 4),
            )
            for s in analysis.segments
            if s.label is not Label.CONTENT
        ),
    )
