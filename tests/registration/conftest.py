"""The registrar that ships, for every test of this folder."""

import pytest

from edge.bundles import find_bundle
from edge.fields import load_field
from edge.registration import FieldRegistrar


@pytest.fixture(scope="module")
def registrar():
    """Soccer's, on one thread."""
    made = FieldRegistrar(
        find_bundle("soccer"), load_field("soccer"), engine="onnxruntime", threads=1
    )
    yield made
    made.close()


@pytest.fixture
def fresh(registrar):
    """The same, which has seen nothing."""
    registrar.reset()
    return registrar
