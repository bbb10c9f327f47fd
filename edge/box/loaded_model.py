"""The trained network of a sport, ready to answer, and what there is to say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from edge.box.protocols import FrameRegistrar
from edge.bundles import Bundle, find_bundle
from edge.config import Config
from edge.fields import Field, load_field


@dataclass(frozen=True, slots=True)
class Network:
    """A registrar and where it comes from."""

    registrar: FrameRegistrar
    field: Field
    bundle: Bundle | None
    engine: str
    precision: str
    apply: Callable[[Config], None] = lambda _config: None
    """Takes what of another configuration changes between two frames; any thread."""
    engine_reason: str | None = None
    """Why `engine: auto` took this engine; None where the configuration names one."""

    @property
    def label(self) -> str:
        """Return the bundle's name and version."""
        return self.bundle.label if self.bundle is not None else "none"


NetworkFactory: TypeAlias = Callable[[Config], Network]


def configured_field(config: Config) -> Field:
    """Return the field at this venue; raises UsageError for sizes that its rules do not allow."""
    return load_field(
        config.field_name, length_m=config.field.length_m, width_m=config.field.width_m
    )


def load_network(config: Config) -> Network:
    """Load the sport's bundle into the fastest engine, or the one configured.

    Raises BundleError where the sport has none, EngineError where the engine cannot run it.
    """
    return network_of(config, find_bundle(config.sport, config.engine.bundle))


def network_of(config: Config, bundle: Bundle) -> Network:
    """Load one bundle as the configuration has it; raises BundleError or EngineError."""
    from edge.registration import FieldRegistrar as NetworkRegistrar  # noqa: PLC0415 - engines load late

    field = configured_field(config)
    registrar = NetworkRegistrar(
        bundle,
        field,
        engine=config.engine.name,
        threads=config.engine.threads,
        refine=config.registration.refine,
        follow=config.registration.follow == "auto",
    )

    registrar.warm_up()

    def apply(changed: Config) -> None:
        registrar.policy.refines = changed.registration.refine
        registrar.policy.follows = changed.registration.follow == "auto"

    return Network(
        registrar,
        field,
        bundle,
        registrar.engine_name,
        registrar.precision,
        apply,
        registrar.why_engine,
    )
