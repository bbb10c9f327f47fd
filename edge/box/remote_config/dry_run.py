"""Building the stages that a new configuration changes, before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from edge.box.loaded_model import Network, NetworkFactory
from edge.box.outputs.opening import OutputPaths
from edge.box.outputs.output_check import inputs_of
from edge.box.stages.pose import check_camera
from edge.box.stages.source_plan import plan_source
from edge.config import Config, EmbeddedBrokerConfig, Problem, V4l2Source, credentials
from edge.errors import TouchlineError
from edge.publish import endpoint_of

_PICTURE = (720, 1280)
_NETWORK = ("engine", "field", "registration", "sport")


@dataclass(slots=True)
class Built:
    """What came of it."""

    problems: list[Problem] = field(default_factory=list)
    network: Network | None = None
    """Ready to answer, where the change needs another; whoever takes it closes it."""


def dry_run(
    config: Config,
    changed: Iterable[str],
    make_network: NetworkFactory,
    source: str | None = None,
) -> Built:
    """Build what the changed settings concern; `source` is the command line's, if it names one.

    Never raises: whatever goes wrong is a problem at the section that it concerns.
    """
    sections = {path.split(".")[0] for path in changed}
    built = Built()
    if "broker" in sections:
        _try("broker", lambda: _broker(config), built)
    if "camera" in sections:
        _try("camera.link", lambda: check_camera(config), built)
    if "output" in sections:
        paths = OutputPaths().or_configured(config)
        _try("output", lambda: paths.check(inputs_of(config, source)), built)
    if "source" in sections and source is None and config.source is not None:
        _try("source", lambda: _source(config), built)
    if not built.problems and sections & set(_NETWORK):
        _try("engine", lambda: _network(config, make_network, built), built)
    return built


def _try(path: str, build: Callable[[], object], built: Built) -> None:
    try:
        build()
    except TouchlineError as error:
        built.problems.append(Problem(path, None, _line(error)))
    except Exception as error:  # noqa: BLE001 - a library's own; the box goes on as it was
        built.problems.append(Problem(path, None, f"{type(error).__name__}: {_line(error)}"))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _broker(config: Config) -> None:
    if isinstance(config.broker, EmbeddedBrokerConfig):
        credentials(config.broker)
    else:
        endpoint_of(config.broker).ssl_context()


def _source(config: Config) -> None:
    """Open the source and close it again; a device on this box may be in use by the box itself."""
    plan = plan_source(config, None)
    if not isinstance(config.source, V4l2Source):
        with closing(plan.open()):
            pass


def _network(config: Config, make_network: NetworkFactory, built: Built) -> None:
    """Make the network and show it a grey picture: what breaks on that would break in service."""
    network = make_network(config)
    try:
        network.registrar.register(np.full((*_PICTURE, 3), 96, np.uint8))
        network.registrar.reset()
    except BaseException:
        network.registrar.close()
        raise
    built.network = network
