"""The command `touchline`: takes care of Ctrl-C, and only then loads the command line."""

from __future__ import annotations

from edge import early_signals


def main() -> int:
    """Run the command line and return its exit code."""
    early_signals.end_quietly()
    from edge.cli import main as command_line  # noqa: PLC0415 - it takes a tenth of a second

    return command_line()
