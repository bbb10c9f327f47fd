"""The contract as an AsyncAPI 3.0 document, made from the message models. Pure.

Source: AsyncAPI 3.0.0 specification; MQTT bindings 0.2.0.
"""

from __future__ import annotations

from typing import Any

from edge.publish.messages.base import Document, Message
from edge.publish.messages.examples import TOPICS, TopicDoc
from edge.publish.messages.registration import MESSAGES

_PARAMETERS = {
    "prefix": "`publish.prefix` of the configuration; `touchline` unless set.",
    "site": "`site` of the configuration.",
    "device": "`device` of the configuration.",
    "cam": "`camera.id` of the configuration.",
    "job": "The programme: `--job`, or made of the file's name.",
}


def asyncapi() -> dict[str, Any]:
    """Return the document as plain data."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:touchline:mqtt:v1",
        "info": {
            "title": "Touchline",
            "version": "1.0.0",
            "description": "Homographies from image to playing field, from a box at a venue.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "box": {
                "host": "{box}:1883",
                "protocol": "mqtt",
                "protocolVersion": "5",
                "description": "The broker that comes with a box; MQTT 3.1.1 clients may come too.",
                "variables": {"box": {"description": "Its address.", "default": "127.0.0.1"}},
            }
        },
        "channels": {_name(doc): _channel(doc) for doc in TOPICS},
        "operations": {_action(doc) + _capital(_name(doc)): _operation(doc) for doc in TOPICS},
        "components": {"messages": {_title(message): _message(message) for message in MESSAGES}},
    }


def _name(doc: TopicDoc) -> str:
    first, *rest = doc.title.split()
    return first.lower() + "".join(word.capitalize() for word in rest)


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _title(message: type[Document]) -> str:
    return message.__name__


def _channel(doc: TopicDoc) -> dict[str, Any]:
    address = "{prefix}/v1/{site}/{device}/" + doc.topic
    return {
        "title": doc.title,
        "address": address,
        "description": doc.description,
        "messages": {_title(doc.message): {"$ref": f"#/components/messages/{_title(doc.message)}"}},
        "parameters": {
            name: {"description": text}
            for name, text in _PARAMETERS.items()
            if f"{{{name}}}" in address
        },
    }


def _action(doc: TopicDoc) -> str:
    """Return what the box does with the topic."""
    return "receive" if doc.to_box else "send"


def _operation(doc: TopicDoc) -> dict[str, Any]:
    return {
        "action": _action(doc),
        "channel": {"$ref": f"#/channels/{_name(doc)}"},
        "summary": f"Expires: {doc.expiry}.",
        "messages": [{"$ref": f"#/channels/{_name(doc)}/messages/{_title(doc.message)}"}],
        "bindings": {
            "mqtt": {"qos": doc.qos, "retain": doc.retained, "bindingVersion": "0.2.0"},
        },
    }


def _message(message: type[Document]) -> dict[str, Any]:
    examples = [
        {"payload": example.model_dump(mode="json", by_alias=True)}
        for doc in TOPICS
        if doc.message is message
        for example in doc.examples
    ]
    return {
        "name": message.SCHEMA,
        "title": _title(message),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "description": "MQTT 5 user properties.",
            "properties": _headers(message),
        },
        "payload": {
            "schemaFormat": "application/schema+json;version=2020-12",
            "schema": {"$ref": f"./{file_name(message)}"},
        },
        "examples": examples,
    }


def _headers(message: type[Document]) -> dict[str, Any]:
    headers: dict[str, Any] = {"schema": {"type": "string", "const": message.SCHEMA}}
    if issubclass(message, Message):
        headers["session"] = {"type": "string"}
        headers["seq"] = {"type": "string", "pattern": "^[0-9]+$"}
    return headers


def file_name(message: type[Document]) -> str:
    """Return the name of the file with a message's JSON Schema."""
    kind, version = message.SCHEMA.removeprefix("touchline.").split("/")
    return f"{kind}.v{version}.schema.json"
