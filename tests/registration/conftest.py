"""Soccer's registrar, for every test of this folder."""

import pytest

from edge.fields import load_field
from edge.registration import FieldRegistrar
from tests.registration.scenes import soccer_bundle


@pytest.fixture(scope="module")
def registrar():
    """Soccer's, on one thread."""
    made = FieldRegistrar(soccer_bundle(), load_field("soccer"), engine="onnxruntime", threads=1)
    yield made
    made.close()


@pytest.fixture
def fresh(registrar):
    """The same, which has seen nothing."""
    registrar.reset()
    return registrar
