"""The composition root: builds the stages from the configuration and owns the threads."""

from __future__ import annotations
