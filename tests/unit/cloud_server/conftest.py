"""A project whose services are all enabled."""

from collections.abc import Iterator

import pytest

from tests.support.cloud.apis import projects
from tests.support.cloud.routes import APIS
from tests.support.cloud.server import Cloud, running


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with running() as cloud:
        for service in APIS:
            projects.enable(cloud.state, f"{service}.googleapis.com")
        yield cloud
