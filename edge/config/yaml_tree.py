"""YAML to plain data, keeping the line of every key and item; bounded in size and depth. Pure.

Only what configuration needs is read: mappings with text keys, lists, and the scalars of YAML's
core schema (so that `no`, `on` and `12:30` stay text). Tags are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

MAX_BYTES = 256 * 1024
MAX_VALUES = 10_000
MAX_DEPTH = 32
_MOST_DIGITS = 400
"""Of a whole number: more is no setting, and takes long to print."""

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the top of the document."""

SCALARS: tuple[tuple[str, str, str], ...] = (
    ("null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$|^0o[0-7]+$|^0x[0-9a-fA-F]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
)


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a scalar's pattern as PyYAML's resolvers take it."""
    return re.compile(pattern)


def firsts(characters: str) -> list[str]:
    """Return what a scalar may start with, as PyYAML's resolvers take it: NUL is the empty one."""
    return [c if c != "\0" else "" for c in characters]


class YamlError(Exception):
    """A text that is no YAML, or more than a configuration needs; carries its line, from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class Tree:
    """A document: its data, and the line (from 1) on which each path stands."""

    data: Any
    lines: dict[Path, int] = field(default_factory=dict)
    empty: list[Path] = field(default_factory=list)
    """Keys after which nothing stands, or a comment."""

    def line_of(self, path: Path) -> int | None:
        """Return the line of `path`, or of its nearest ancestor that has one."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None


class _Composer(yaml.SafeLoader):
    """PyYAML's composer with the core schema's scalars in place of YAML 1.1's."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - PyYAML's own, filled below

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node; raises YamlError as soon as there are too many, or too deep."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        self._nodes += 1
        if self._nodes > 2 * MAX_VALUES:  # a key is a node as well
            raise YamlError(f"more than {MAX_VALUES} values", line)
        if self._depth > MAX_DEPTH:
            raise YamlError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.ScalarEvent) and event.anchor and not event.value:
            raise YamlError(_quotes("&"), line)  # nothing but an anchor
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


for _name, _pattern, _first in SCALARS:
    _Composer.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", compiled(_pattern), firsts(_first)
    )


def parse(text: str) -> Tree:
    """Read one YAML document; raises YamlError with the line and nothing else."""
    if len(text) > MAX_BYTES:
        raise YamlError(f"{len(text)} characters: a configuration has at most {MAX_BYTES}")
    try:
        node = yaml.compose(text, Loader=_Composer)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise YamlError(_in_words(error.problem or "not valid YAML"), line) from error
    except yaml.YAMLError as error:  # characters that YAML does not allow carry no mark
        raise YamlError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise YamlError(f"nested deeper than {MAX_DEPTH} levels") from error
    except (ValueError, OverflowError) as error:  # an escape beyond Unicode, \UFFFFFFFF
        raise YamlError(str(error)) from error
    tree = Tree(None, {(): 1})
    tree.data = _Builder(tree).build(node, ()) if node is not None else None
    return tree


_CANNOT_START = re.compile(r"found character '(.)' that cannot start any token")
_WORDS = (
    ("found undefined alias", "*"),
    ("could not determine a constructor", "!"),
    ("expected chomping or indentation", "| or >"),
    ("expected a comment or a line break", "| or >"),
)


_UNQUOTED = (
    "mapping values are not allowed",
    "expected <block end>",
    "expected ',' or",
    "expected ' '",
    "sequence entries are not allowed",
    "mapping keys are not allowed",
)


def _in_words(problem: str) -> str:
    """Say what PyYAML found, and the way out; nothing of a value, which may be a password."""
    start = _CANNOT_START.match(problem)
    if problem.startswith(r"found character '\t'"):
        return "a tab stands before a key or value: indent with spaces"
    if start is not None:
        return _quotes(start[1])
    for words, character in _WORDS:
        if problem.startswith(words):
            return _quotes(character)
    if "while scanning a quoted scalar" in problem or "unexpected end of stream" in problem:
        return "a quote is opened and not closed"
    if problem.startswith(_UNQUOTED):
        return f"{problem}; a value with a colon, brackets or quotes in it goes in quotes"
    return problem


def _quotes(character: str) -> str:
    return f"a value that starts with {character} means something else in YAML: put it in quotes"


class _Builder:
    """Walks the nodes; aliases are expanded, so the count of values bounds what they may do."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._values = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self._values += 1
        if self._values > MAX_VALUES:
            raise YamlError(f"more than {MAX_VALUES} values", line)
        if len(path) > MAX_DEPTH:
            raise YamlError(f"nested deeper than {MAX_DEPTH} levels", line)
        self._tree.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, line)
        raise YamlError(_tag(node), line)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlError("a key must be a word, not a list or a mapping", line)
            key = str(key_node.value)
            if key in data:
                raise YamlError(f"the key {key!r} stands here a second time", line)
            child = (*path, key)
            self._tree.lines[child] = line
            if isinstance(value_node, yaml.ScalarNode) and _is_nothing(value_node):
                self._tree.empty.append(child)
            data[key] = self.build(value_node, child)
        return data


def _is_nothing(node: yaml.ScalarNode) -> bool:
    return not node.value and node.style is None


def _tag(node: yaml.Node) -> str:
    """Refuse a tag; one that is none of YAML's own may be a password that starts with `!`."""
    known = str(node.tag).startswith("tag:yaml.org,2002:")
    return f"the tag {node.tag!r} is not allowed" if known else _quotes("!")


def _scalar(node: yaml.ScalarNode, line: int) -> Any:
    text = str(node.value)
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    try:
        if kind == "str":
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return {"true": True, "false": False}[text.lower()]
        if kind == "int" and len(text) <= _MOST_DIGITS:
            return int(text, 0 if text[:2] in {"0o", "0x"} else 10)
        if kind == "float":
            return float(text)
    except (ValueError, KeyError) as error:  # `!!int many`, or digits without end
        raise YamlError(f"{text[:40]!r} is no {kind}", line) from error
    if kind == "int":
        raise YamlError(f"a number of {len(text)} digits", line)
    raise YamlError(_tag(node), line)
