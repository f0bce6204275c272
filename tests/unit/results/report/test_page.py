"""What the page says: everything that was measured, nothing that was not, and no text that is taken
for code.
"""

import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from shared.core import settings as configuration
from shared.core.reasons import Reason
from shared.core.sentences.figures import decimals, length, percent, yen_alone
from shared.core.types import AccountKind, Timeframe
from shared.replay.result import COARSE
from shared.replay.types import Event
from shared.results import page as kit
from shared.results.performance import measure
from shared.results.report import html, render, tables
from shared.results.report.assumptions import fill_rules, setting_groups
from shared.results.report.headline import cards, entries_words, verdict
from shared.results.report.statistics import statistic_groups
from tests.support.made_replays import made_candles, made_replay

DAYS = 120
KIT = Path(kit.__file__).parent


class Page(HTMLParser):
    """Texts by element id, all addresses, and whether the tags match."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, text):
        super().__init__()
        self.stack, self.addresses, self.tags, self.shown = [], [], [], []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href", "action"}]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.stack):
            self.shown.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.shown))


def page_of(replayed, *, days=DAYS, trials=1, **more):
    return html(replayed, measure(replayed, trials=trials), candles=made_candles(days=days), **more)


@pytest.fixture(scope="module")
def replayed():
    return made_replay(days=DAYS, trades=60, held_at_end=True)


@pytest.fixture(scope="module")
def page(replayed):
    return page_of(replayed, title="spring", trials=12, settings=configuration.load_settings({}))


@pytest.fixture(scope="module")
def read(page):
    return Page(page)


def test_the_page_is_one_file_that_asks_for_nothing(page, read):
    assert read.addresses == ["data:,"]
    assert "default-src 'none'" in page
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert not re.search(
        r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts)\b", page
    )
    assert set(re.findall(r"https?://[^\"'\s]+", page)) == {"http://www.w3.org/2000/svg"}


def test_the_headline_tells_the_result_beside_doing_nothing(read, replayed):
    measured = measure(replayed, trials=12)
    for said in (
        "2030-01-01 09:00 – 2030-05-01 09:00 JST",
        "1m candles: of record",
        "2029-12-31-abc1234",
        "In 120 days the account",
        "12 variants were tried",
        f"fees {yen_alone(measured.costs.fees_jpy)} ",
        f"Calmar {decimals(measured.drawdown.calmar)}".replace("-", "−"),
        f"{measured.positions.wins} of {measured.positions.count} positions",
    ):
        assert said in read.text
    for figure in (
        percent(measured.returns.total, sign=True),
        percent(measured.hold.returns.total, sign=True),
    ):
        assert figure.replace("-", "−") in read.text


def test_what_must_be_said_is_said_first_and_loudly(replayed):
    note = "INSIDE TRAINING: the model learned from 96 of these candles."
    page = page_of(replace(replayed, notes=(note,)))
    assert page.index(note) < page.index("<main>")
    assert '<aside class="notes"' in page
    assert '<aside class="notes"' not in page_of(replace(replayed, notes=()))


def test_an_approximation_is_called_one(replayed):
    alarm = "INSIDE TRAINING: the model knows this period."
    page = page_of(replace(replayed, resolution=Timeframe.M15, notes=(COARSE, alarm)))
    assert f'<p class="">{alarm}</p><p class="mild">{COARSE}</p>' in page
    read = Page(page)
    assert "15m candles: conservative approximation" in read.text
    assert "Orders trade on 15-minute candles alone" in read.text


def test_hostile_text_is_shown_and_not_obeyed(replayed):
    hostile = (
        "</title></script><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7 * 7 }} {%"
        " raise %} '\""
    )
    event = Event(at=replayed.start_at, reason=Reason.LIMIT_COOLDOWN, detail=hostile)
    plain = Page(page_of(replayed))
    spoiled = replace(replayed, notes=(hostile,), profile=hostile, model=hostile, events=(event,))
    read = Page(page_of(spoiled, title=hostile))
    assert read.tags.count("script") == plain.tags.count("script") == 2
    assert "img" not in read.tags
    assert read.text.count("{{ 7 * 7 }} {% raise %}") == 6


def test_names_of_strategies_cannot_end_the_script(replayed):
    entries = tuple(replace(entry, agreeing={"</script><b>": 0.5}) for entry in replayed.entries)
    read = Page(page_of(replace(replayed, entries=entries)))
    assert read.tags.count("script") == 2
    assert "</script><b>" in read.text


def test_a_number_that_is_undefined_is_a_dash():
    read = Page(page_of(made_replay(days=1, trades=0), days=1))
    assert "profit factor –" in read.text
    assert "No position was closed, so there is nothing to judge." in read.text
    assert not re.search(r"\b(nan|inf|None)\b(?!\.)", read.text)
    assert (yen_alone(None), percent(None), decimals(None), length(None)) == ("–",) * 4
    assert (yen_alone(float("nan")), percent(float("inf")), decimals(float("nan"))) == ("–",) * 3
    assert decimals(float("inf")) == "∞"


def test_every_table_adds_up_to_the_whole(replayed):
    measured = measure(replayed)
    rows = {row.name: row.amount for row in tables.cost_rows(measured)}
    assert rows["Net of what was closed"] == yen_alone(measured.costs.net_jpy, sign=True)
    assert rows["Change of equity"] == yen_alone(
        measured.end_equity_jpy - measured.start_equity_jpy, sign=True
    )
    for heading, _first, shares in tables.attributions(measured):
        assert shares, heading
        assert max(share.share for share in shares) == 1.0


def test_the_months_of_a_year_compound(replayed):
    measured = measure(made_replay(days=400, trades=200))
    found = tables.year_rows(measured.months)
    assert [year.name for year in found] == ["2030", "2031"]
    assert all(year.months[0] for year in found)
    assert found[1].months[2] is None
    whole = 1.0
    for month in measured.months[:12]:
        whole *= 1.0 + month.total
    assert found[0].total.text == percent(whole - 1.0, sign=True)
    cells = [cell for year in found for cell in year.months if cell]
    assert max(cell.strength for cell in cells) == tables.FULL_HEAT
    assert {cell.tone for cell in cells} == {"good", "bad"}


def test_why_nothing_was_entered_has_the_most_frequent_reason_first(replayed):
    rows = tables.denials(
        {Reason.POSITION_OPEN: 5, Reason.NO_CONSENSUS: 15, Reason.LIMIT_COOLDOWN: 0}
    )
    assert [(row.code, row.candles, row.percent) for row in rows] == [
        ("no_consensus", "15", "75.0 %"),
        ("position_open", "5", "25.0 %"),
    ]
    assert tables.denials({}) == []


def test_many_events_are_cut_and_counted(replayed):
    told = tuple(
        Event(at=replayed.start_at + n, reason=Reason.LIMIT_COOLDOWN)
        for n in range(tables.MOST_EVENTS + 7)
    )
    read = Page(page_of(replace(replayed, events=told)))
    assert "And 7 more in result.json." in read.text
    assert "None." in Page(page_of(replace(replayed, events=()))).text


def test_the_fill_rules_name_the_rates(replayed):
    settings = configuration.load_settings({})
    told = " ".join(fill_rules(replayed, settings))
    for said in (
        "-0.02 % as maker, 0.1 % as taker",
        "half of a 0.01 % spread and 0.05 % slippage",
        "20 % of a one-minute",
        "0.04 % a day",
    ):
        assert said in told
    assert "the stop counts" in told
    assert "half the spread and the slippage" in " ".join(fill_rules(replayed, None))
    assert "there is no interest" in " ".join(
        fill_rules(replace(replayed, account=AccountKind.SPOT), settings)
    )


def test_all_settings_that_decide_are_listed():
    told = {
        group.name: dict(group.values) for group in setting_groups(configuration.load_settings({}))
    }
    assert told["risk"]["max_drawdown"] == "0.2"
    assert told["general"]["capital_jpy"] == "1,000,000"
    assert told["replay"]["maker_fee_rate"] == "–"
    assert set(told["strategy weights"]) == {
        "atr_based",
        "mochipoy_alert",
        "multi_timeframe",
        "fibonacci_retracement",
        "donchian_channel",
        "adx_trend",
        "trend",
    }
    assert setting_groups(None) == []


@pytest.mark.parametrize(
    ("total", "deflated", "said"),
    [
        (0.5, 0.97, "is 97.0 %."),
        (0.5, 0.4, "is 40.0 %: do not rely on it."),
        (-0.2, 0.1, "Nothing here speaks for an edge."),
        (0.5, None, "Too little to tell skill from luck."),
    ],
)
def test_the_verdict_says_how_much_of_it_can_be_luck(replayed, total, deflated, said):
    measured = measure(replayed, trials=4)
    judged = replace(
        measured,
        returns=replace(measured.returns, total=total),
        significance=replace(measured.significance, deflated=deflated),
    )
    earned, luck = verdict(judged)
    assert ("gained 50.00 %" if total > 0 else "lost 20.00 %") in earned
    assert luck.endswith(said)
    assert "4 variants were tried" in luck


def test_every_file_of_the_page_is_in_it(page):
    scripts = {path for path in render.FOLDER.iterdir() if path.suffix == ".js"}
    assert scripts == set(render.SCRIPTS)
    for path in (*scripts, KIT / "theme.js", KIT / "page.css"):
        assert path.read_text(encoding="utf-8").strip() in page


def test_a_year_with_a_thousand_positions_stays_below_a_megabyte():
    year = made_replay(days=365, trades=1000)
    measured = measure(year)
    assert measured.positions.count >= 950
    assert len(html(year, measured, candles=made_candles(days=365)).encode()) < 1_000_000


def test_equity_may_be_lost_whole():
    lost = replace(made_replay(days=DAYS), end_equity_jpy=Decimal("-5.0000"))
    lost.curve.equity_units[-1] = -50_000
    assert "NaN" not in Page(page_of(lost)).text


def test_a_replay_whose_entries_were_never_filled_says_so(replayed):
    bare = made_replay(days=1, trades=0)
    unfilled = replace(replayed.entries[0], filled_lots=0)
    read = Page(page_of(replace(bare, entries=(unfilled,) * 539), days=1))
    assert (
        "Entries: 539 placed, none filled: the price did not trade through their limits"
        in read.text
    )


@pytest.mark.parametrize(
    ("filled", "said"),
    [
        ((), "none placed"),
        (
            (0, 0),
            "2 placed, none filled: the price did not trade through their limits while they rested",
        ),
        ((10, 4, 0), "3 placed, 2 filled, 1 of them in part, 1 not filled"),
        ((10, 10), "2 placed, 2 filled, 0 not filled"),
    ],
)
def test_entries_are_told_in_numbers_that_add_up(replayed, filled, said):
    entries = [replace(replayed.entries[0], lots=10, filled_lots=lots) for lots in filled]
    assert entries_words(entries) == said


def test_every_drawdown_that_is_shown_stands_below_zero(replayed, page):
    measured = measure(replayed)
    assert measured.drawdown.max_share > 0
    assert measured.hold.drawdown.max_share > 0
    shown = [card.value for card in cards(measured) if card.name == "Max drawdown"]
    shown += [
        card.note.rpartition("drawdown ")[2]
        for card in cards(measured)
        if card.name == "Buy and hold"
    ]
    for group in statistic_groups(measured):
        shown += [
            text
            for line in group.lines
            if line.name == "Max drawdown"
            for text in (line.value, line.hold)
        ]
    assert len(shown) == 4
    assert all(text.startswith("-") for text in shown), shown
