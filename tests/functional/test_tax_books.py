"""Which fills `bot tax --year` takes: of a bot that went from paper to real money, back and to
real money again, of stores of versions before, of a person's corrections, of damaged documents.
"""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from functions import wiring
from scripts.cli import main
from shared.core.types import BookName
from shared.stores.ports import DocumentStore, Write
from tests.support.live_world import CAPITAL
from tests.support.mode_stories import Life, life_on

YEAR = "2023"
Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("books")


@pytest.fixture(scope="module")
def life(home: Path) -> Iterator[Life]:
    documents = wiring.documents_at(f"sqlite://{home}/state", "a test")
    with life_on(documents) as lived:
        yield lived
    documents.close()


@pytest.fixture
def ask(life: Life, home: Path, monkeypatch, capsys) -> Ask:
    url = f"http://127.0.0.1:{life.world.port}"
    environ = {
        "BOT_HOME": str(home),
        "BOT_STATE": f"sqlite://{home}/state",
        "BOT_PROFILE": "loose",
        "BOT_ACCOUNT": "margin",
        "BOT_SIDES": "both",
        "BOT_CAPITAL_JPY": str(CAPITAL),
        "BOT_CLOCK": url,
        "BOT_EXCHANGE__PUBLIC_URL": url,
        "BOT_EXCHANGE__PRIVATE_URL": url,
    }

    def run(*words: str, mode: str = "live", **more: str) -> tuple[int, Any]:
        for name, value in {**environ, **more}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("BOT_MODE", mode)
        monkeypatch.setenv("BOT_STAGE", mode)
        code = main(["tax", "--year", YEAR, *words])
        printed = capsys.readouterr()
        if code in {0, 3} and "--json" in words:
            return code, json.loads(printed.out)
        return code, " ".join((printed.out + printed.err).split())

    return run


def changed(documents: DocumentStore, path: str, **more: Any) -> dict[str, Any]:
    """Write a document with other fields (None: without them); what it was."""
    stored = documents.get(path)
    assert stored is not None
    data = {
        name: value
        for name, value in {**stored.data, **more}.items()
        if value is not None or name not in more
    }
    documents.commit([Write(kind="put", path=path, data=data)])
    return dict(stored.data)


def put_back(documents: DocumentStore, path: str, data: dict[str, Any]) -> None:
    documents.commit([Write(kind="put", path=path, data=data)])


def books_of(life: Life, mode: str) -> list[BookName]:
    return sorted(
        {report.book for report in life.reports if report.mode == mode},
        key=lambda book: book.opened_at,
    )


def test_the_real_books_are_taken_together_and_those_on_paper_apart(life: Life, ask: Ask) -> None:
    code, real = ask("--json")
    told = {
        (fill.execution_id, fill.sequence)
        for book in books_of(life, "live")
        for fill in life.fills[book]
    }
    assert code == 0, real["book_differences"]
    assert len(real["books"]) == len({row["book"] for row in real["rows"]}) == 2
    assert {row["execution"] for row in real["rows"]} == {number for number, _ in told}
    assert len(told) >= 30
    profit = sum(
        (trade.net_jpy for (book, _), trade in life.trades.items() if book.mode == "live"),
        Decimal(0),
    )
    for method in ("moving", "total"):
        assert Decimal(real["totals"][method]["profit"]["jpy"]) == profit
    code, paper = ask("--json", "--book", "paper")
    assert code == 0, paper["book_differences"]
    assert (paper["kind"], paper["is_taxable"], paper["books"]) == ("paper", False, ["paper"])
    assert len(paper["rows"]) == len(life.fills[BookName()]) >= 16
    on_paper = sum(
        (trade.net_jpy for (book, _), trade in life.trades.items() if book.mode == "paper"),
        Decimal(0),
    )
    assert Decimal(paper["totals"]["moving"]["profit"]["jpy"]) == on_paper


def test_who_is_back_on_paper_still_sees_the_real_year_first(life: Life, ask: Ask) -> None:
    code, text = ask(mode="paper")
    assert code == 0
    assert "live since" in text
    assert "taxable" not in text


def test_a_fill_of_a_version_before_has_the_kind_that_its_start_says_or_is_told(
    life: Life, ask: Ask
) -> None:
    documents = life.world.documents
    paths = [one.path for one in documents.query("fills", limit=10_000)]
    before = {path: changed(documents, path, account=None) for path in paths}
    try:
        _, margin = ask("--json")
        _, spot = ask("--json", BOT_ACCOUNT="spot", BOT_SIDES="long")
        _, text = ask()
    finally:
        for path, data in before.items():
            put_back(documents, path, data)
    first, last = (f"live-{book.opened_at}~" for book in books_of(life, "live"))
    earlier = sum(first in path for path in paths)
    assert earlier >= 8
    assert sum(last in path for path in paths) >= 8
    assert sum(row["kind_is_assumed"] for row in margin["rows"]) == earlier
    by_start = {row["act"] for row in margin["rows"] if not row["kind_is_assumed"]}
    assert by_start <= {"open_long", "close_long", "open_short", "close_short"}
    assumed = {row["act"] for row in spot["rows"] if row["kind_is_assumed"]}
    assert assumed <= {"buy", "sell"}
    assert f"{earlier} fills were stored without their kind of account" in text


def test_a_damaged_fill_or_trade_is_named_and_no_year_is_made_without_it(
    life: Life, ask: Ask
) -> None:
    documents = life.world.documents
    for collection, field, value in (
        ("fills", "price", "dear"),
        ("fills", "fee_jpy", "much"),
        ("trades", "interest_jpy", None),
    ):
        path = documents.query(collection, limit=10_000)[-1].path
        before = changed(documents, path, **{field: value})
        try:
            code, text = ask()
        finally:
            put_back(documents, path, before)
        assert code == 1
        assert f"{path} cannot be read" in text


def test_a_persons_correction_is_told_and_has_nothing_to_compare_with(life: Life, ask: Ask) -> None:
    documents = life.world.documents
    path = documents.query("fills", limit=10_000)[-1].path
    before = changed(documents, path, execution_id=None)
    try:
        code, found = ask("--json")
        _, text = ask()
    finally:
        put_back(documents, path, before)
    assert code == 0
    assert [row["name"] for row in found["rows"] if row["execution"] is None] == [
        f"#{before['sequence']}"
    ]
    assert "1 fills are a person's corrections" in text


def test_fills_of_another_bot_of_the_store_are_none_of_this_one(life: Life, ask: Ask) -> None:
    documents = life.world.documents
    stored = documents.query("fills", limit=10_000)[-1]
    for path in ("fills/other~live-7~1", "fills/default~x~live-7~1"):
        data = {**stored.data, "bot": "other" if "other" in path else "default~x"}
        documents.commit([Write(kind="put", path=path, data=data)])
    _, found = ask("--json")
    assert found["fills"] == len(documents.query("fills", limit=10_000)) - 2


def test_paper_fills_that_are_not_kept_any_more_are_said_to_be_gone(life: Life, ask: Ask) -> None:
    documents = life.world.documents
    stored = documents.get("paper/default")
    assert stored is not None
    before = changed(documents, "paper/default", fills=list(stored.data["fills"][3:]))
    try:
        code, text = ask("--book", "paper")
    finally:
        put_back(documents, "paper/default", before)
    assert code == 2
    assert "the first 3 are not kept any more" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--opening-btc", "1"), "give both --opening-btc and --opening-cost-jpy"),
        (("--opening-btc", "0.00001", "--opening-cost-jpy", "1"), "in steps of 0.0001 BTC"),
        (("--opening-btc", "-1", "--opening-cost-jpy", "1"), "a size above 0"),
        (("--opening-btc", "nan", "--opening-cost-jpy", "1"), "give a number"),
        (("--opening-btc", "much", "--opening-cost-jpy", "1"), "give a number"),
        (("--opening-btc", "1", "--opening-cost-jpy", "-1"), "give yen"),
        (("--csv", "/dev/null/x.csv"), "--csv"),
        (("--year", "1999"), "--year"),
    ],
)
def test_what_cannot_be_is_refused_with_a_remedy(
    ask: Ask, words: tuple[str, ...], says: str
) -> None:
    code, text = ask(*words)
    assert code == 2
    assert says in text


def test_coins_from_elsewhere_and_one_method_alone(ask: Ask) -> None:
    words = ("--opening-btc", "0.5", "--opening-cost-jpy", "1500000")
    code, found = ask("--json", "--method", "total", *words)
    assert code == 0
    assert list(found["totals"]) == ["total"]
    assert found["elsewhere"] == {"lots": 5_000, "cost_jpy": "1500000.0000"}
    assert found["totals"]["total"]["closing"] == {"jpy": "1500000.0000", "lots": 5_000}
    _, text = ask(*words, "--method", "moving")
    assert "from elsewhere, which had cost ¥1,500,000" in text
    assert "移動平均" in text
