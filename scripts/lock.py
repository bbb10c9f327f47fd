"""Merges pip's reports, one a Python, into one constraints file: lock.py 3.10.json 3.11.json."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

HEAD = """\
# The versions of the run-time dependencies that an installation should take,
# extras of a box included. Written by scripts/lock.
# Use it with: pip install --constraint constraints.txt touchline
"""


def main(reports: list[Path]) -> None:
    """Print a line a package and version, with the Pythons that it is for unless that is all."""
    pinned: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    pythons = sorted((path.stem for path in reports), key=lambda v: int(v.partition(".")[2]))
    for python in pythons:
        report = json.loads(next(p for p in reports if p.stem == python).read_text("utf-8"))
        for item in report["install"]:
            name, version = item["metadata"]["name"], item["metadata"]["version"]
            if name != "touchline":
                pinned[name.lower().replace("_", "-")][version].append(python)
    print(HEAD, end="")
    for name in sorted(pinned):
        for version, where in pinned[name].items():
            marker = " or ".join(f'python_version == "{python}"' for python in where)
            print(f"{name}=={version}" + ("" if where == pythons else f" ; {marker}"))


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
