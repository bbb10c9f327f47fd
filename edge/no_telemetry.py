"""Keeps the dependencies from reporting to their makers: the one place that says so.

Each package of this project applies it when it is imported, that is before any engine. Child
processes inherit the variables. The service's unit sets them as well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

VARIABLES: Mapping[str, str] = MappingProxyType({"ORT_DISABLE_TELEMETRY": "1"})
"""Environment variable -> value.

onnxruntime from 1.32 on reads its variable when it is imported. Without it, it writes a device id
and a database under the home folder and looks up the host that it reports to. Its function
`disable_telemetry_events` comes too late.
"""

MODULES = ("openvino_telemetry",)
"""Packages that exist to report. OpenVINO works without its own."""


def apply() -> None:
    """Set the variables and make an import of the modules fail; repeated calls change nothing."""
    os.environ.update(VARIABLES)
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]  # the import then raises ImportError
