"""A paper account in a small world, with and without a shelf to keep it on."""

import pytest

from tests.support.paper_world import Shelf, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()
