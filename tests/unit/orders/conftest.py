"""Orders of a small world."""

import pytest

from tests.support.paper_world import World


@pytest.fixture
def world() -> World:
    return World()
