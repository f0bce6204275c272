"""What every store of secrets must do. Adapters: `SECRET_STORES` of functions/wiring.py."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from functions.wiring import SECRET_STORES, secrets_for
from shared.core.errors import BadData, NotThere
from shared.core.masking import mask_secrets
from shared.stores.google.secrets import GoogleSecrets
from shared.stores.secrets import MOST_BYTES, Secret, SecretVersion
from tests.support import secret_manager

PLANTED = "planted-value-8472-never-to-be-seen"


@dataclass
class Case:
    open: Callable[[], Any]


@contextlib.contextmanager
def _made(scheme: str, tmp_path) -> Iterator[Case]:
    if scheme != "secretmanager":
        held = secrets_for(f"{scheme}://{tmp_path / 'deep' / 'secrets'}")
        is_shared = scheme == "memory"
        yield Case(
            open=lambda: (
                held if is_shared else secrets_for(f"{scheme}://{tmp_path / 'deep' / 'secrets'}")
            )
        )
        return
    opened: list[GoogleSecrets] = []
    with secret_manager.running() as manager:

        def open_():
            opened.append(GoogleSecrets("my-project", endpoint=manager.address))
            return opened[-1]

        yield Case(open=open_)
        for store in opened:
            store.close()


@pytest.fixture(params=sorted(SECRET_STORES))
def case(request, tmp_path) -> Iterator[Case]:
    with _made(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def secrets(case):
    return case.open()


def test_versions_are_numbered_from_1_and_the_newest_is_the_latest(secrets):
    assert [secrets.add("API_KEY", value) for value in ("k1-7fa0", "k2-7fa0", "k3-7fa0")] == [
        1,
        2,
        3,
    ]
    assert secrets.read_newest("API_KEY") == Secret(name="API_KEY", version=3, value="k3-7fa0")
    values = [secrets.read("API_KEY", number).value for number in (1, 2, 3)]
    assert values == ["k1-7fa0", "k2-7fa0", "k3-7fa0"]
    assert secrets.all_versions("API_KEY") == [
        SecretVersion(number=number, is_enabled=True) for number in (3, 2, 1)
    ]


def test_a_value_that_the_newest_version_holds_already_is_not_added_again(secrets):
    assert [secrets.add("a", value) for value in ("one", "one", "two", "one")] == [1, 1, 2, 3]
    secrets.disable("a", 3)
    assert secrets.add("a", "one") == 4
    assert len(secrets.all_versions("a")) == 4


def test_a_disabled_version_is_read_by_nobody_and_the_latest_is_not_an_older_one(secrets):
    for value in ("one", "two"):
        secrets.add("a", value)
    secrets.disable("a", 1)
    secrets.disable("a", 1)
    with pytest.raises(NotThere, match="version 1 of the secret a is disabled"):
        secrets.read("a", 1)
    assert secrets.read_newest("a").value == "two"
    secrets.disable("a", 2)
    with pytest.raises(NotThere, match="version 2 of the secret a is disabled"):
        secrets.read_newest("a")
    assert [version.is_enabled for version in secrets.all_versions("a")] == [False, False]
    assert secrets.add("a", "3-7fa0") == 3
    assert secrets.read_newest("a").value == "3-7fa0"


def test_what_is_not_there_is_named(secrets):
    for ask in (secrets.read_newest, secrets.all_versions):
        with pytest.raises(NotThere, match="the secret nobody does not exist"):
            ask("nobody")
    for ask in (secrets.read, secrets.disable):
        with pytest.raises(NotThere, match="nobody"):
            ask("nobody", 1)
    secrets.add("a", "one")
    for number in (0, 2, 99):
        for ask in (secrets.read, secrets.disable):
            with pytest.raises(NotThere, match=f"version {number} of the secret a does not exist"):
                ask("a", number)
    assert secrets.read_newest("a").value == "one"


@pytest.mark.parametrize("name", ["", "../a", "a/b", "1a", "a b", "a.b", "x" * 101, "ä"])
def test_a_name_that_cannot_be_one_is_refused_everywhere(secrets, name):
    for ask in (
        secrets.read_newest,
        secrets.all_versions,
        lambda bad: secrets.read(bad, 1),
        lambda bad: secrets.disable(bad, 1),
        lambda bad: secrets.add(bad, "v-7fa0"),
    ):
        with pytest.raises(BadData, match="a secret's name"):
            ask(name)


@pytest.mark.parametrize(
    "value", ["", PLANTED * (MOST_BYTES // len(PLANTED) + 1), f"{PLANTED}\ud800"]
)
def test_a_value_that_cannot_be_kept_is_refused_and_not_told(secrets, value):
    with pytest.raises(BadData) as told:
        secrets.add("a", value)
    assert PLANTED not in f"{told.value!r} {told.value.__cause__!r} {told.value.__context__!r}"
    with pytest.raises(NotThere):
        secrets.all_versions("a")


def test_any_text_comes_back_as_it_was(secrets):
    values = ["-----BEGIN\nline\r\nEND-----\n", " sp-7fa0 ", "日本語", "x" * MOST_BYTES, "\x00"]
    for number, value in enumerate(values, 1):
        assert secrets.add("a", value) == number
        assert secrets.read("a", number).value == value


def test_a_value_is_in_no_repr_and_masked_in_whatever_is_said_from_then_on(case):
    value = f"{PLANTED}-{id(case)}"
    case.open().add("a", value)
    assert value not in mask_secrets(f"the key was {value}.")
    secrets = case.open()
    read = secrets.read_newest("a")
    assert read.value == value
    assert value not in f"{read!r} {read} {secrets!r} {secrets.all_versions('a')}"


def test_of_4_who_add_at_once_each_gets_a_version_of_its_own(case):
    case.open().add("a", "b-7fa0")
    told: dict[int, str] = {}
    barrier = threading.Barrier(4)

    def add(number: int) -> None:
        store = case.open()
        barrier.wait()
        for turn in range(5):
            value = f"value {number} {turn}"
            told[store.add("a", value)] = value

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    secrets = case.open()
    assert sorted(told) == list(range(2, 22))
    assert {number: secrets.read("a", number).value for number in told} == told
