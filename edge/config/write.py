"""A configuration as YAML that reads back as the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from edge.config import yaml_tree
from edge.errors import ConfigError


class _Dumper(yaml.SafeDumper):
    """Quotes what any reader would take for something else than text: YAML 1.1's and the core's."""


for _name, _pattern, _first in yaml_tree.SCALARS:
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", yaml_tree.compiled(_pattern), yaml_tree.firsts(_first)
    )


def to_yaml(data: Mapping[str, Any], comment: str = "") -> str:
    """Return plain data as a configuration file's text, under a line of comment.

    Raises ConfigError for what would not read back as the same (or not at all).
    """
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    try:
        text = head + yaml.dump(
            dict(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
        )
        back = yaml_tree.parse(text).data
    except (yaml.YAMLError, yaml_tree.YamlError, RecursionError, ValueError) as error:
        raise ConfigError(f"cannot be written as YAML: {' '.join(str(error).split())}") from error
    if back != data:
        raise ConfigError("cannot be written as YAML: it would not read back as the same")
    return text
