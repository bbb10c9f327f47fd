"""What the build adds: the package's description, which is README.md without its relative links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = r"(?!https?://|mailto:|#)[^)\s]+"
_PICTURE = re.compile(rf"^!\[[^\]]*\]\({_RELATIVE}\)\n+(?:\*[^*\n]+\*\n+)?", re.MULTILINE)
"""A picture of the repository with the caption below it."""
_LINK = re.compile(rf"(?<!!)\[([^\]]*)\]\({_RELATIVE}\)")
_NOTE = "\nThe pages that this text names lie in `docs` of the repository.\n"


class DescriptionHook(MetadataHookInterface):
    """Sets `readme`, which is read where the repository's files are not."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the description to the project's metadata."""
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": description_of(readme)}


def description_of(readme: str) -> str:
    """Return a README without what leads to the repository's own files. Pure."""
    return _LINK.sub(r"\1", _PICTURE.sub("", readme)) + _NOTE
