"""The exceptions of Touchline, drawn as a tree.

    TouchlineError              raised on purpose; `str()` is one line for a person
    ├── UsageError              a wrong call or option (exit code 2)
    │   └── ConfigError         a configuration file or message that does not validate
    ├── SourceError             a video source that cannot be opened or read
    ├── EngineError             an inference engine that cannot load or run a graph
    ├── BundleError             a model bundle that is missing, damaged or of another format
    ├── BrokerError             an MQTT broker that cannot be reached or that refuses
    ├── InstallError            a system that a box cannot be installed on or removed from
    └── ProtocolError           bytes from a camera or the network that are not as they should be

A frame that cannot be registered is no error: it is a `Registration`
with `state: lost` and a reason.
Each message says what was wrong, where, and what to do about it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

SourceCause: TypeAlias = Literal[
    "unreachable", "denied", "unplugged", "silent", "closed", "undecodable", "frozen"
]
"""Why a live source gives nothing.

It cannot be opened; it refuses the user; the device is gone; nothing comes though the link stands;
the link broke or the camera ended the stream; what comes cannot be decoded; one and the same
picture is repeated.
"""


class TouchlineError(Exception):
    """Base of every error that this package raises on purpose."""


class UsageError(TouchlineError):
    """A wrong call or option; the command line exits with 2."""


class ConfigError(UsageError):
    """A configuration that does not validate."""


class SourceError(TouchlineError):
    """A video source that cannot be opened or read; `cause` is what it is counted under."""

    def __init__(self, message: str, cause: SourceCause = "unreachable") -> None:
        super().__init__(message)
        self.cause: SourceCause = cause


class StoppedEarlyError(SourceError):
    """Nothing failed: the run was told to stop before its source was open."""


class EngineError(TouchlineError):
    """An inference engine that cannot load or run a graph."""


class BundleError(TouchlineError):
    """A model bundle that is missing, damaged or of another format."""


class InstallError(TouchlineError):
    """A system that a box cannot be installed on or removed from."""


class BrokerError(TouchlineError):
    """An MQTT broker that cannot be reached or that refuses."""


class ProtocolError(TouchlineError):
    """Bytes from a camera or the network that are not what they should be."""
