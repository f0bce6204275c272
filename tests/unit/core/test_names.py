"""Names that become parts of paths are refused at their border, by name, wherever they
come from.
"""

import random

import pytest

from functions import wiring
from models.backtest.job import is_id
from shared.core import names
from shared.core import settings as configuration
from shared.core.errors import BadData, BadSettings
from shared.stores.documents import check_path
from shared.stores.keys import check_key

WRONG = (
    *(
        "",
        " ",
        ".",
        "..",
        "...",
        "a/b",
        "team/btc/main",
        "/",
        "a/",
        "/a",
        "a\\b",
        "a~b",
        "~",
        "a:b",
        "a.b",
        "a b",
        " a",
        "a ",
    ),
    *(
        "a\n",
        "\na",
        "a\x00b",
        "a\tb",
        "é",
        "ビット",
        "Alpha",
        "ALPHA",
        "-a",
        "_a",
        "__a__",
        "a" * 41,
        "x" * 2_000,
        "a%2fb",
    ),
    *(
        "a?b",
        "a#b",
        "a*b",
        "a'b",
        '"a"',
        "a;b",
        "a,b",
        "$HOME",
        "all",
        "current",
        "\ud800",
        "𝐚",
        "a\u200b",
    ),
)


@pytest.mark.parametrize("wrong", WRONG)
def test_an_id_that_would_hide_its_documents_is_refused_when_settings_are_read(wrong):
    for read in (
        lambda: wiring.settings_from({"BOT_ID": wrong}),
        lambda: configuration.load_settings({}, overrides={"id": wrong}),
        lambda: wiring.settings_from({}, overrides={"id": wrong}),
    ):
        with pytest.raises(BadSettings, match="the setting id was ") as refused:
            read()
        assert "BOT_ID" in refused.value.remedy
        assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "right", ["default", "beta", "a", "0", "trend-2", "my_bot", "2026", "a" * 40, "a--b"]
)
def test_a_plain_id_is_taken(right):
    assert wiring.settings_from({"BOT_ID": right}).id == right


def test_every_name_is_one_part_of_a_path_whatever_it_is_made_of():
    rng, taken = random.Random(3), 0
    letters = "abcxyz019-_ABC./~:\\\n\x00 é"
    for _ in range(20_000):
        text = "".join(
            rng.choices(letters[: rng.choice((10, 11, len(letters)))], k=rng.randint(0, 45))
        )
        if not names.is_name(text):
            continue
        taken += 1
        path = f"ticks/{text}~20260301T000000.000Z"
        assert check_path(path) == path
        assert check_key(f"bundles/{text}/manifest.json")
        assert path.split("/")[1].split("~") == [text, "20260301T000000.000Z"]
    assert taken >= 2_000


@pytest.mark.parametrize(
    "wrong", ["", ".", "..", "a/b", "../x", "a\n", "x" * 65, "é", None, 7, ["a"]]
)
def test_a_job_cannot_be_called_what_is_no_part_of_a_path(wrong):
    assert not is_id(wrong)


@pytest.mark.parametrize("wrong", ["..", "../x", "a//b", ".a", "a\\b", "a\x00"])
def test_a_bundle_cannot_be_called_what_leaves_its_folder(wrong):
    with pytest.raises(BadData):
        check_key(f"bundles/{wrong}/manifest.json")
