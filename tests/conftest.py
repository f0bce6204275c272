"""Shared by all tests: two sizes, and an environment free of the machine's own settings."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

from shared.core import masking
from tests.support import emulators

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# The default size takes the same seeded samples everywhere; --full looks for new ones.
hypothesis.settings.register_profile("seeded", derandomize=True, deadline=None)
hypothesis.settings.register_profile("searching", deadline=None, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", default=False, help="the sizes that issues name"
    )


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.load_profile("searching" if config.getoption("--full") else "seeded")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full"):
        return
    skip = pytest.mark.skip(reason="full: run with --full")
    for item in items:
        if "full" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--full"))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    for name in list(os.environ):
        if name.startswith(("BOT_", "BITBANK_", "DISCORD_")) and name != "BOT_REQUIRE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("BOT_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def secrets_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers as a secret, an ordinary word perhaps, is none to the next one."""
    monkeypatch.setattr(masking._SECRETS, "_spellings", masking._SECRETS._spellings)


@pytest.fixture(scope="session")
def firestore_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The run's Firestore emulator, `host:port`."""
    folder = emulators.run_folder(tmp_path_factory)
    with emulators.running(emulators.FIRESTORE, folder) as address:
        yield address


@pytest.fixture
def firestore_here(firestore_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What opens Firestore here and in child processes opens the emulator."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_address)
    return firestore_address
