"""`touchline uninstall`."""

from __future__ import annotations

from edge.cli.install import add_uninstall_parser as add_parser

__all__ = ["add_parser"]
