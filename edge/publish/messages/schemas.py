"""The generated files of the contract.

`python -m edge.publish.messages.schemas --write` or `--check`.

JSON Schemas of the configuration and of every message, the AsyncAPI document, and the generated
parts of docs/reference/mqtt.md and docs/reference/configuration.md, between `<!-- generated -->`
marks. A test runs `--check`: a change of a model without its files fails.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from edge.config import config_schema
from edge.config.reference import reference
from edge.publish.messages.asyncapi import asyncapi, file_name
from edge.publish.messages.base import Document
from edge.publish.messages.config import ConfigSigned
from edge.publish.messages.examples import TOPICS, TopicDoc
from edge.publish.messages.record import RegistrationRecord
from edge.publish.messages.registration import MESSAGES, schema_of
from edge.segments.document import ProgrammeFile

_MARKS = re.compile(r"(?s)(<!-- generated -->\n).*?(<!-- end of generated -->)")


def generated(root: Path) -> dict[Path, str]:
    """Return what each generated file of the checkout at `root` should hold."""
    schemas = root / "configs" / "schema"
    files = {schemas / "config.v1.schema.json": _json(config_schema())}
    files |= {schemas / file_name(message): _json(schema_of(message)) for message in MESSAGES}
    files[schemas / file_name(ConfigSigned)] = _json(schema_of(ConfigSigned))
    files[schemas / "programme.v1.schema.json"] = _json(schema_of(ProgrammeFile))
    files[schemas / "registration.v1.schema.json"] = _json(schema_of(RegistrationRecord))
    files[schemas / "asyncapi.yaml"] = _yaml(asyncapi())
    for name, text in (("mqtt.md", contract_reference()), ("configuration.md", reference())):
        path = root / "docs" / "reference" / name
        files[path] = _between_marks(path, text)
    return files


def contract_reference() -> str:
    """Return the contract topic by topic, with examples, as Markdown."""
    return "\n\n".join(_topic(doc) for doc in TOPICS) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the files of the checkout in the working folder."""
    if arguments not in (["--write"], ["--check"]):
        sys.stderr.write("usage: python -m edge.publish.messages.schemas --write | --check\n")
        return 2
    files = generated(Path.cwd())
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if arguments == ["--check"]:
        for path in stale:
            sys.stderr.write(f"{path}: not as the models say; run --write\n")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
        sys.stdout.write(f"{path}\n")
    return 0


def _json(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _yaml(data: Any) -> str:
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    return (
        "# Generated from edge/publish/messages:"
        " python -m edge.publish.messages.schemas --write\n" + text
    )


def _between_marks(path: Path, text: str) -> str:
    old = path.read_text()
    new, count = _MARKS.subn(lambda m: f"{m[1]}\n{text}\n{m[2]}", old)
    if count != 1:
        raise ValueError(f"{path}: {count} pairs of `<!-- generated -->` marks, not one")
    return new


def _topic(doc: TopicDoc) -> str:
    kept = "retained" if doc.retained else "not retained"
    way = "Read by the box. " if doc.to_box else ""
    facts = f"{way}QoS {doc.qos}, {kept}, expires: {doc.expiry}. Schema `{doc.message.SCHEMA}`"
    link = f"[{file_name(doc.message)}](../../configs/schema/{file_name(doc.message)})"
    examples = "\n\n".join(_example(message) for message in doc.examples)
    return f"### `{doc.topic}`\n\n{doc.description}\n\n{facts} ({link}).\n\n{examples}"


def _example(message: Document) -> str:
    text = json.dumps(message.model_dump(mode="json", by_alias=True), ensure_ascii=False)
    return f"```json\n{_wrapped(text)}\n```"


def _wrapped(text: str, width: int = 100) -> str:
    """Break a line of JSON after commas, so that it reads on a page."""
    lines = [""]
    for part in re.split(r"(?<=,) ", text):
        if lines[-1] and len(lines[-1]) + 1 + len(part) > width:
            lines.append(" " + part)
        else:
            lines[-1] += (" " if lines[-1] else "") + part
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
