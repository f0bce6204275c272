"""`bot tax --year` of a bot that traded at a bitbank of its own: the store, the bot's book and
the exchange agree over real HTTP, and what is changed on either side is named by its number.
"""

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from functions import wiring
from scripts.cli import main
from shared.core.types import BookName
from shared.exchanges.bitbank.history import read_executions
from shared.exchanges.sandbox.private.settings import FAKE_KEY, FAKE_SECRET
from shared.stores.ports import Write
from tests.functional.test_going_live import posts
from tests.support.account_stories import T0, market
from tests.support.live_world import CAPITAL, LiveWorld, live_world
from tests.support.tick_stories import INTERVAL, Script

TICKS = 60
YEAR = "2023"

Ask = Callable[..., tuple[int, str]]


@dataclass
class Lived:
    """A bot that has traded for some hours."""

    live: LiveWorld
    environ: dict[str, str]

    @property
    def executed(self) -> dict[int, dict[str, Any]]:
        return {int(row["trade_id"]): row for row in self.live.truth()["trades"]}

    @property
    def fill_paths(self) -> list[str]:
        return [one.path for one in self.live.documents.query("fills", limit=10_000)]

    @property
    def trade_paths(self) -> list[str]:
        return [one.path for one in self.live.documents.query("trades", limit=10_000)]

    def data(self, path: str) -> dict[str, Any]:
        stored = self.live.documents.get(path)
        assert stored is not None
        return dict(stored.data)

    @contextmanager
    def without(self, path: str) -> Iterator[None]:
        before = self.data(path)
        self.live.documents.commit([Write(kind="delete", path=path)])
        try:
            yield
        finally:
            self.live.documents.commit([Write(kind="put", path=path, data=before)])

    @contextmanager
    def other(self, path: str, **more: Any) -> Iterator[None]:
        before = self.data(path)
        self.live.documents.commit([Write(kind="put", path=path, data={**before, **more})])
        try:
            yield
        finally:
            self.live.documents.commit([Write(kind="put", path=path, data=before)])


@pytest.fixture(scope="module", params=["margin", "spot"])
def lived(request, tmp_path_factory) -> Iterator[Lived]:
    home = tmp_path_factory.mktemp("taxed")
    documents = wiring.documents_at(f"sqlite://{home}/state", "a test")
    more = {"risk": {"max_hold_candles": 2}, "execution": {"entry_attempts": 2}}
    with live_world(
        market(random.Random(3), 460, day_off=0.0),
        account=request.param,
        script=Script(3),
        documents=documents,
        overrides=more,
    ) as world:
        for number in range(1, TICKS + 1):
            world.tick(T0 + number * INTERVAL)
        url = f"http://127.0.0.1:{world.port}"
        yield Lived(
            world,
            {
                "BOT_HOME": str(home),
                "BOT_STATE": f"sqlite://{home}/state",
                "BOT_PROFILE": "loose",
                "BOT_MODE": "live",
                "BOT_STAGE": "live",
                "BOT_ACCOUNT": request.param,
                "BOT_SIDES": "both" if request.param == "margin" else "long",
                "BOT_CAPITAL_JPY": str(CAPITAL),
                "BOT_CLOCK": url,
                "BOT_EXCHANGE__PUBLIC_URL": url,
                "BOT_EXCHANGE__PRIVATE_URL": url,
                "BITBANK_API_KEY": FAKE_KEY,
                "BITBANK_API_SECRET": FAKE_SECRET,
            },
        )
    documents.close()


@pytest.fixture
def ask(lived: Lived, monkeypatch, capsys) -> Ask:
    def run(*words: str, **environ: str) -> tuple[int, str]:
        for name, value in {**lived.environ, **environ}.items():
            monkeypatch.setenv(name, value)
        code = main(["tax", "--year", YEAR, *words])
        printed = capsys.readouterr()
        return code, printed.out or printed.err

    return run


def asked(ask: Ask, *words: str) -> tuple[int, dict[str, Any]]:
    code, text = ask("--json", *words)
    return code, json.loads(text)


def test_store_book_and_exchange_agree_of_every_execution(lived: Lived, ask: Ask) -> None:
    before = posts(lived.live)
    code, found = asked(ask, "--reconcile")
    assert (code, found["trouble"]) == (0, "")
    assert found["book_differences"] == found["exchange_differences"] == []
    assert found["book_is_known"]
    assert found["executions"] == len(found["rows"]) == len(lived.executed) >= 12
    assert {row["execution"] for row in found["rows"]} == set(lived.executed)
    assert sum(bool(row["realised"]) for row in found["rows"]) >= 6
    assert posts(lived.live) == before, "it only reads"


def test_the_profit_is_that_of_the_exchanges_own_rows(lived: Lived, ask: Ask) -> None:
    """By what the exchange says of each execution, and by nothing of ours."""
    _, found = asked(ask)
    totals, rows = found["totals"], list(lived.executed.values())
    if lived.environ["BOT_ACCOUNT"] == "margin":
        closed = [row for row in rows if row.get("profit_loss") is not None]
        gross = sum(Decimal(row["profit_loss"]) for row in closed)
        fees = sum(Decimal(row["fee_amount_quote"]) for row in closed)
        interest = sum(abs(Decimal(row["interest"])) for row in closed)
        for method in ("moving", "total"):
            told = {name: Decimal(one["jpy"]) for name, one in totals[method].items()}
            assert abs(told["gross"] - gross) < Decimal("0.01") * len(closed)
            assert abs(told["margin_fees"] - fees) < Decimal("0.01") * len(closed)
            assert told["interest"] == interest
            assert told["profit"] == told["gross"] - told["margin_fees"] - told["interest"]
        assert interest > 0
        assert len(closed) >= 6
        return
    bought = [row for row in rows if row["side"] == "buy"]
    sold = [row for row in rows if row["side"] == "sell"]
    paid, proceeds = (
        sum(Decimal(row["price"]) * Decimal(row["amount"]) for row in side)
        for side in (bought, sold)
    )
    fees = sum(Decimal(row["fee_amount_quote"]) for row in rows)
    left = sum(Decimal(row["amount"]) for row in bought) - sum(
        Decimal(row["amount"]) for row in sold
    )
    for method in ("moving", "total"):
        told = {name: Decimal(one["jpy"]) for name, one in totals[method].items()}
        assert told["profit"] == proceeds - paid - fees + told["closing"]
        assert Decimal(totals[method]["closing"]["lots"]) / 10_000 == left
    assert min(len(bought), len(sold)) >= 6


def test_a_fill_that_the_store_lacks_is_named_by_both_sides(lived: Lived, ask: Ask) -> None:
    path = lived.fill_paths[-1]
    number, sequence = lived.data(path)["execution_id"], lived.data(path)["sequence"]
    with lived.without(path):
        code, found = asked(ask, "--reconcile")
        _, text = ask("--reconcile")
    assert code == 3
    books = {(one["what"], one["number"]) for one in found["book_differences"]}
    assert ("missing_fill", f"#{sequence}") in books
    (difference,) = found["exchange_differences"]
    assert (difference["what"], difference["number"]) == ("not_stored", str(number))
    assert f"execution {number} is not in the store" in text


def test_an_execution_that_the_exchange_does_not_tell_is_named(lived: Lived, ask: Ask) -> None:
    path = lived.fill_paths[3]
    book = BookName.of(lived.data(path))
    planted = f"fills/default~{book.prefix}77"
    data = {**lived.data(path), "execution_id": 77, "sequence": 9_999}
    lived.live.documents.commit([Write(kind="put", path=planted, data=data)])
    try:
        code, found = asked(ask, "--reconcile")
    finally:
        lived.live.documents.commit([Write(kind="delete", path=planted)])
    assert code == 3
    (difference,) = found["exchange_differences"]
    assert (difference["what"], difference["number"]) == ("not_told", "77")


@pytest.mark.parametrize(
    ("name", "field", "change"),
    [
        ("price", "price", lambda told: told + 1),
        ("lots", "lots", lambda told: told + 1),
        ("fee_jpy", "fee", lambda told: str(Decimal(told) + Decimal("0.0001"))),
        ("at", "time", lambda told: told + 1),
        ("order_id", "order", lambda told: told + 1),
        ("maker", "maker", lambda told: not told),
    ],
)
def test_what_differs_of_an_execution_is_named_with_both_values(
    lived: Lived, ask: Ask, name: str, field: str, change: Callable[[Any], Any]
) -> None:
    path = lived.fill_paths[0]
    number, before = lived.data(path)["execution_id"], lived.data(path)[name]
    with lived.other(path, **{name: change(before)}):
        code, found = asked(ask, "--reconcile")
    assert code == 3
    (difference,) = found["exchange_differences"]
    assert (difference["what"], difference["number"]) == ("other_execution", str(number))
    assert difference["field"] == field
    assert difference["stored"] != difference["found"]
    if name in {"price", "lots", "fee_jpy"}:
        assert found["book_differences"], "the book's money or positions notice it too"


def test_interest_that_differs_is_named_and_a_lost_trade_too(lived: Lived, ask: Ask) -> None:
    if lived.environ["BOT_ACCOUNT"] == "spot":
        return
    path = lived.trade_paths[0]
    interest = Decimal(lived.data(path)["interest_jpy"])
    with lived.other(path, interest_jpy=str(interest + 1)):
        code, found = asked(ask, "--reconcile")
    assert code == 3
    assert [one["field"] for one in found["exchange_differences"]] == ["interest"]
    assert [one["what"] for one in found["book_differences"]] == ["other_cash"]
    with lived.without(path):
        code, found = asked(ask)
    assert code == 3
    assert "missing_trade" in {one["what"] for one in found["book_differences"]}


def test_only_the_year_is_asked_for_and_all_of_it(lived: Lived) -> None:
    told = sorted(int(row["executed_at"]) for row in lived.executed.values())
    first, last = told[2], told[-3]
    found = read_executions(
        lived.live.settings,
        lived.live.clock,
        key=FAKE_KEY,
        secret=FAKE_SECRET,
        since_ms=first,
        until_ms=last,
    )
    assert [one.executed_at for one in found] == [at for at in told if first <= at < last]
    assert len(found) >= 8


def test_the_file_has_a_row_a_fill_and_the_totals_in_both_languages(
    lived: Lived, ask: Ask, tmp_path: Path
) -> None:
    _, found = asked(ask)
    headers = []
    for language, first, total in (
        ("en", "time_jst", "profit of the year"),
        ("ja", "日時(日本時間)", "年間実現損益"),
    ):
        place = tmp_path / f"{language}.csv"
        code, text = ask("--csv", str(place), "--csv-language", language)
        assert code == 0
        assert str(place) in text.replace("\n", "")
        raw = place.read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf")
        header, *rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
        headers.append(header)
        assert header[0] == first
        assert {len(row) for row in rows} == {len(header)}
        fills = [row for row in rows if row[0]]
        assert [row[0] for row in fills] == [
            one["at_jst"].removesuffix(" JST") for one in found["rows"]
        ]
        assert [row[8] for row in fills] == [one["name"] for one in found["rows"]]
        assert rows[-1][1] == total
        assert [rows[-1][14], rows[-1][17]] == [
            found["totals"][method]["profit"]["jpy"] for method in ("moving", "total")
        ]
    assert len(headers[0]) == len(headers[1]) == 18


def test_the_terminal_shows_it_in_eighty_columns(lived: Lived, ask: Ask) -> None:
    code, text = ask("--reconcile")
    assert code == 0
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    acts = Counter(line[12:23].strip() for line in lines if line[2:3] == "-" and line[8:9] == ":")
    assert sum(acts.values()) == len(lived.executed)
    assert "and the same as the store of each" in " ".join(lines)


def test_a_paper_bot_hears_that_nothing_is_taxable(lived: Lived, ask: Ask) -> None:
    code, text = ask("--book", "paper")
    assert code == 0
    assert "none of it is taxable" in text.replace("\n", " ")
    code, text = ask("--book", "paper", "--reconcile")
    assert code == 2
    code, text = ask("--reconcile", BOT_MODE="paper", BOT_STAGE="paper")
    assert code == 2
    assert "BOT_MODE was paper" in text
