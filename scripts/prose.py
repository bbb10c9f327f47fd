"""Checks the prose of the documentation: python scripts/prose.py [PAGE...].

Reports long sentences, idioms that a reader of another language trips over, and pages with many
numbers. Numbers belong into results pages, history into decisions: neither is checked, nor are
generated parts and code. Exit status 1 with one `page:line: problem` a line, 0 for clean pages.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

LONGEST_SENTENCE = 28
"""Words of a sentence; a span of code or a formula is one word."""
MOST_NUMBERS = 3.0
"""Numbers per 100 words of a page, without tables, code and versions of products."""
SHORTEST_PAGE = 100
"""Words: a shorter page is measured as if it had so many."""

IDIOMS = {
    r"\b(?:that|which) (?:is|are) none\b": "say false, absent or no",
    r"\b(?:told|found|known) (?:by|from) (?:who|what|whom)\b": "name who or what",
    r"\bby and by\b": "say when",
    r"\banew\b": "say again",
    r"\b(?:borne|bears?|bore) out\b": "say confirmed",
    r"\bc(?:omes?|ame) about\b": "name the cause",
    r"\bfor want of\b": "say without",
    r"\bonce in a while\b": "say how often",
    r"\bevery now and then\b": "say how often",
    r"\bundone\b": "say deferred",
    r"\bwhere time is short\b": "say under load",
    r"\b(?:how \w+(?: \w+)? fares?|fares? (?:well|badly))\b": "say health or result",
    r"\bto a hair\b": "say exactly",
    r"\bof late\b": "say recently",
    r"\b(?:is|are) asked for\b": "say requested",
    r"\b(?:is|are|was) taken back\b": "say rolled back",
    r"\bstands? (?:there|here|beside|under|in (?:the|docs|its))\b": "say is or lies",
    r"\bthe one that\b": "repeat the noun",
    r"\b(?:him|her|it|them) who\b": "name who",
    r"\bno word of\b": "say does not mention",
    r"\bas it were\b": "leave it out",
    r"\bwhat is (?:left|old|new|late)\b": "use a noun",
}
"""Patterns of idioms, and what to write instead."""

_ROOT = Path(__file__).resolve().parents[1]
_UNCHECKED = {"decisions", "results"}
_GENERATED = re.compile(r"<!-- generated -->.*?<!-- end of generated -->", re.DOTALL)
_CODE = re.compile(r"^( *)```.*?^\1```$|^\$\$.*?\$\$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"!?\[((?:[^\]\[]|\[[^\]]*\])*)\]\([^)]*\)")
_SPAN = re.compile(r"`[^`]+`|\$[^$\n]+\$")
_ITEM = re.compile(r"^\s*(?:[-*]|\d+\.)\s+")
_END = re.compile(r"(?<=[.!?:])[\"*)]*\s+")
_NUMBER = re.compile(r"(?<![\w./-])\d[\d.,]*")
_VERSION = re.compile(
    r"(?<=\S )[A-Z]\w*[ -]v?\d[\d.]*(?: (?:to|or|and) \d[\d.]*)?|\b\w*[A-Z]{2,}\w* \d[\d.]*"
)


def main(arguments: Sequence[str]) -> int:
    """Check the pages named, or all of the repository."""
    problems = 0
    for path in [Path(a) for a in arguments] or pages(_ROOT):
        shown = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path
        for line, text in check(path.read_text(encoding="utf-8")):
            sys.stdout.write(f"{shown}:{line}: {text}\n")
            problems += 1
    return 1 if problems else 0


def pages(root: Path) -> list[Path]:
    """Return the pages that are checked below `root`."""
    docs = (p for p in root.glob("docs/**/*.md") if not _UNCHECKED & set(p.parts))
    return [root / "README.md", root / "CONTRIBUTING.md", root / "SECURITY.md", *sorted(docs)]


def check(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each problem of a page."""
    words = numbers = 0
    for line, block, in_table in _blocks(_without_code(text)):
        for sentence in _END.split(block):
            count = len(sentence.split())
            if count > LONGEST_SENTENCE:
                yield line, f"a sentence of {count} words: {sentence[:60]}…"
            for pattern, advice in IDIOMS.items():
                if found := re.search(pattern, sentence, re.IGNORECASE):
                    yield line, f"'{found[0]}': {advice}"
        if not in_table:
            words += len(block.split())
            numbers += len(_NUMBER.findall(_VERSION.sub("", block)))
    density = 100 * numbers / max(words, SHORTEST_PAGE)
    if density >= MOST_NUMBERS:
        yield 1, f"{density:.1f} numbers per 100 words; tables and results pages hold numbers"


def _without_code(text: str) -> str:
    """Return a page with generated parts, code and links' targets removed, its lines kept."""
    for pattern in (_GENERATED, _CODE, _COMMENT):
        text = pattern.sub(lambda m: "\n" * m[0].count("\n"), text)
    text = _LINK.sub(r"\1", text)
    return _SPAN.sub(lambda m: "code" + "\n" * m[0].count("\n"), text).replace("**", "")


def _blocks(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield paragraphs, list items and cells: first line, text, whether it is of a table."""
    held: list[str] = []
    start = 1
    for number, line in enumerate([*text.splitlines(), ""], 1):
        table, heading = line.startswith("|"), line.startswith("#")
        if held and (table or heading or not line.strip() or _ITEM.match(line)):
            yield start, " ".join(held), False
            held = []
        if table:
            yield from ((number, cell.strip(), True) for cell in line.split("|") if cell.strip())
        elif line.strip() and not heading:
            start = start if held else number
            held.append(_ITEM.sub("", line).strip())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
