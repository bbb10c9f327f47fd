"""scripts/prose.py: what it finds, what it leaves alone, and that the pages pass it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import prose

ROOT = Path(__file__).resolve().parents[2]
LONG = "The box " + "reads and writes " * 10 + "frames."


def found(text):
    return [(line, problem.split(":")[0]) for line, problem in prose.check(text)]


@pytest.mark.process
def test_the_pages_of_the_project_pass():
    done = subprocess.run(
        [sys.executable, "scripts/prose.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.process
def test_a_page_with_problems_fails_and_names_them(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\nShort.\n{LONG}\n")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "prose.py"), str(page)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith(f"{page}:3: a sentence of 33 words: The box reads")


@pytest.mark.parametrize(
    "text",
    [LONG, f"- An item.\n- {LONG}", f"| a | b |\n|---|---|\n| x | {LONG} |", f"Note: {LONG}"],
    ids=["paragraph", "item", "cell", "colon"],
)
def test_long_sentences_are_found_wherever_they_lie(text):
    assert [problem for _, problem in found(text)] == ["a sentence of 33 words"]


def test_a_sentence_over_several_lines_counts_as_a_whole():
    assert found("Short.\n\n" + LONG.replace(" and", "\nand"))[0] == (3, "a sentence of 33 words")


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{LONG}\n```",
        f"1. Do:\n   ```\n   {LONG}\n   ```",
        f"<!-- generated -->\n{LONG} A line that is none.\n<!-- end of generated -->",
        f"# {LONG}",
        "Set `" + "a very long span of code " * 9 + "` once.",
        "[A page](https://example/" + "a/" * 40 + ") has more.",
        "It runs `1 2 3 4 5 6 7 8`.",
        "Use MQTT 5, QoS 1 or a box with Python 3.10 to 3.13 and Debian 12.",
        "| a | 1 2 3 4 5 6 |",
    ],
)
def test_code_generated_parts_headings_and_versions_are_left_alone(text):
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Reject a line that is none.",
        "The camera is swapped by and by.",
        "The run begins anew.",
        "Health says how a box fares.",
        "It is skipped for want of time.",
        "How it came\nabout is in the log.",
        "| a | It stands in the unit. |",
    ],
)
def test_idioms_are_found(text):
    assert len(found(text)) == 1


def test_numbers_are_counted_over_the_page():
    words = "Word. " * 96
    assert found(f"{words} 1 2") == []
    assert found(f"{words} 1 2.5 30 %") == [
        (1, "3.0 numbers per 100 words; tables and results pages hold numbers")
    ]


def test_decisions_and_results_are_not_checked():
    checked = {str(p.relative_to(ROOT)) for p in prose.pages(ROOT)}
    assert {"README.md", "docs/README.md", "docs/reference/mqtt.md"} <= checked
    assert not [p for p in checked if "decisions" in p or "results" in p]
