"""The numbers on the page are those of the ticks, and the words are those of the header."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from scripts.output.report import MarketSource, TrainingNote, first_line, render
from scripts.output.report.outcome import build_ticked_run, mark_of
from scripts.output.report.rows import why_summary
from scripts.output.report.story import all_fills, all_trades, stories, why_nothing
from shared.core.money import ZERO, btc_from_lots
from shared.core.reasons import Reason
from shared.core.sentences import reason_then
from shared.core.sentences.figures import basis_points, jst_minute, percent, yen_alone
from shared.core.types import Action
from tests.support import made_reports as made

REPORTS = made.reports()


class Page(HTMLParser):
    """Texts, tables by id, and every address that the page would ask for."""

    def __init__(self, html):
        super().__init__()
        self.texts, self.tables, self.addresses, self.json = [], {}, [], None
        self._table = self._cell = self._script = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.addresses += [
            value
            for name, value in attrs.items()
            if name in {"src", "href", "action", "data", "srcset"}
        ]
        if tag == "table":
            self._table = self.tables.setdefault(attrs.get("id", ""), [])
        elif tag == "tr" and self._table is not None:
            self._table.append([])
        elif tag in {"td", "th"} and self._table is not None:
            self._table[-1].append("")
            self._cell = True
        self._script = attrs.get("id") if tag == "script" else "style" if tag == "style" else None

    def handle_endtag(self, tag):
        if tag in {"td", "th"}:
            self._cell = None
        elif tag == "table":
            self._table = None
        self._script = None

    def handle_data(self, data):
        if self._script == "drawn":
            self.json = json.loads(data)
        elif self._script is None:
            if self._cell and self._table:
                self._table[-1][-1] += data.strip()
            if data.strip():
                self.texts.append(data.strip())


def page_of(reports=REPORTS, **changes):
    return Page(render(reports, header=made.header(**changes), candles=made.candles()))


@pytest.fixture(scope="module")
def page():
    return page_of()


def test_the_first_line_of_the_page_states_the_planted_pattern_and_its_size(page):
    body = render(REPORTS, header=made.header()).split("<body>")[1]
    assert (
        re.sub("<[^>]+>", "", body)
        .strip()
        .startswith("This market is generated (seed 7) with a planted")
    )
    assert "6 bp of drift per 15m candle in trending regimes" in page.texts[1]
    assert (
        "The model was trained on the period before it, 2029-07-05 to 2030-01-01; it was not asked"
        " by the gate" in page.texts[1]
    )


def test_without_an_edge_the_first_line_says_that_nothing_is_planted():
    told = first_line(made.header(market=MarketSource(kind="generated", edge_bp=0.0, seed=3)))
    assert "without any planted pattern" in told
    assert "bp" not in told


def test_real_candles_are_named_with_their_period():
    header = made.header(market=MarketSource(kind="file", file="bitbank_2018.csv.gz"))
    assert first_line(header).startswith(
        "Real candles from bitbank_2018.csv.gz, 2030-01-01 to 2030-01-03 (JST)."
    )


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (-10, 0, "on the period before it"),
        (3, 90, "on a LATER period"),
        (-10, 1, "overlaps the period shown: its numbers mean nothing"),
    ],
)
def test_the_training_period_is_told_as_before_later_or_overlapping(start, end, words):
    day = 86_400_000
    training = TrainingNote(start_at=made.START + start * day, end_at=made.START + end * day)
    assert words in first_line(made.header(training=training))


def test_a_missing_model_is_told_with_its_cause():
    assert "No model: too little history." in first_line(
        made.header(training=TrainingNote(missing="too little history"))
    )


def test_the_cards_and_tables_show_what_the_run_came_to(page):
    run = build_ticked_run(REPORTS, made.header())
    performance, costs = run.performance, run.performance.costs
    texts = " | ".join(page.texts)
    trades = all_trades(REPORTS)
    assert performance.end_equity_jpy == REPORTS[-1].equity_jpy
    assert costs.net_jpy == sum((trade.net_jpy for trade in trades), ZERO)
    assert costs.net_jpy + costs.unrealised_jpy == performance.end_equity_jpy - made.CAPITAL
    assert f"to {yen_alone(performance.end_equity_jpy)}" in texts
    assert f"{yen_alone(performance.end_equity_jpy - made.CAPITAL, sign=True)} JPY" in texts
    paid = map(yen_alone, (costs.fees_jpy, costs.slippage_jpy, costs.interest_jpy))
    assert "fees {} · slippage {} · interest {}".format(*paid) in texts
    assert costs.slippage_jpy == Decimal(151)
    assert (performance.positions.count, performance.positions.wins) == (2, 1)
    assert percent(performance.drawdown.max_share) in texts
    assert percent(performance.hold.returns.total, sign=True) in texts
    assert "959 done · 1 degraded" in texts
    assert "410,000 JPY" in texts
    assert page.tables["costs"][-2][1] == yen_alone(costs.unrealised_jpy, sign=True)


def test_two_days_are_no_proof_of_skill(page):
    text = " ".join(page.texts)
    assert "2 positions closed in so few days: nothing tells skill from luck yet." in text
    for word in ("Deflated Sharpe", "Sharpe, a year", "Luck or skill", "probability of an edge"):
        assert word not in text, word


def test_buy_and_hold_begins_at_the_first_price_and_pays_one_fee():
    hold = build_ticked_run(REPORTS, made.header()).performance.hold
    first, last = made.price_at(made.START), made.price_at(REPORTS[-1].scheduled_at)
    assert hold.price == first
    assert hold.returns.total == pytest.approx(last / first - 1 - 0.001, abs=2e-4)


def test_the_drawdown_is_measured_from_the_peak_so_far_at_every_tick():
    performance = build_ticked_run(REPORTS, made.header()).performance
    deepest, peak = ZERO, made.CAPITAL
    for report in REPORTS:
        peak = max(peak, report.equity_jpy)
        deepest = max(deepest, 1 - report.equity_jpy / peak)
    assert performance.drawdown.max_share == pytest.approx(float(deepest))
    assert deepest > 0.002


def test_every_decision_that_led_to_an_order_is_one_row(page):
    _head, *rows = page.tables["decisions"]
    assert len(rows) == 4
    assert [row[0] for row in rows] == [
        jst_minute(made.START + tick * made.STEP) for tick in (100, 300, 500, 800)
    ]
    told = [row[8] for row in rows]
    entry, stopped = (
        made.price_at(made.START + 100 * made.STEP),
        made.price_at(made.START + 300 * made.STEP),
    )
    assert told[0] == f"filled at {entry:,d}; target reached at {entry + 120_000:,d}"
    assert told[1] == f"filled at {stopped:,d}; stopped at {stopped - 120_500:,d}"
    assert told[2] == "not filled, expired, 2 attempts"
    assert told[3].endswith("; still open")
    assert [row[5] for row in rows] == [str(btc_from_lots(lots)) for lots in (200, 150, 100, 120)]
    assert [row[9] for row in rows[:2]] == [
        yen_alone(trade.net_jpy, sign=True).replace("-", "−") for trade in all_trades(REPORTS)
    ]
    assert all(row[2] == "▲▲·▼▲▲" and row[4] == "+21.0 bp" for row in rows)


def test_times_are_jst_with_utc_in_the_title():
    html = render(REPORTS, header=made.header())
    assert '<td class="time" title="2030-01-01T05:00:00Z">2030-01-01 14:00</td>' in html


def test_the_reasons_add_up_to_the_ticks_that_entered_nothing(page):
    why = why_nothing(REPORTS)
    entered = sum(
        report.decision is not None and report.decision.action is Action.ENTER for report in REPORTS
    )
    assert sum(row.ticks for row in why) == len(REPORTS) - entered
    counted = {row[0]: row for row in page.tables["denials"][1:]}
    assert set(counted) == {"no_consensus", "edge_below_cost", "nothing_new"}
    for row in why:
        assert counted[row.reason.value][5] == f"{row.ticks:,d}"
        assert counted[row.reason.value][1] == reason_then(row.reason)


def test_every_candle_without_an_entry_counts_once_and_the_rows_add_up_to_what_the_sentence_says():
    """Five ticks look at a candle: what it was denied for, and then nothing new; a first denial may
    give way to another.
    """
    again = [
        replace(one, decision=replace(one.decision, reason=Reason.NOTHING_NEW))
        for one in REPORTS
        if one.decision
    ]
    told = sorted([*REPORTS, *again], key=lambda one: one.received_at)
    why = why_nothing(told)
    decided = {one.decision.as_of for one in told if one.decision}
    entered = {
        one.decision.as_of for one in told if one.decision and one.decision.action is Action.ENTER
    }
    assert len(entered) >= 2
    assert sum(row.candles for row in why) == len(decided - entered) > 20
    said = re.search(r"Of ([\d,]+) candles without an entry", why_summary(why, made.header()))
    assert said is not None
    assert int(said.group(1).replace(",", "")) == sum(row.candles for row in why)


def test_a_drawdown_stands_below_zero():
    html = render(REPORTS, header=made.header())
    assert re.search(r"Max drawdown.{0,120}[-−]\d", re.sub(r"<[^>]+>|\s+", " ", html))


def test_the_best_refused_edge_is_shown():
    edge = next(row for row in why_nothing(REPORTS) if row.reason is Reason.EDGE_BELOW_COST)
    assert edge.best_edge_rate == max(
        r.decision.edge_rate for r in REPORTS if r.decision and r.decision.action is Action.DENY
    )


def test_a_run_without_entries_says_why_in_its_heading_and_in_words():
    quiet = [
        report
        for report in REPORTS
        if report.decision is None or report.decision.action is not Action.ENTER
    ]
    bare = [
        replace(report, fills=(), trades=(), positions=(), equity_jpy=made.CAPITAL)
        for report in quiet
    ]
    html = render(bare, header=made.header(market=MarketSource(kind="generated", seed=1)))
    assert "No decision led to an order." in html
    assert "<h2>Why nothing was entered</h2>" in html
    assert (
        "nothing to learn, so a model that tells the truth finds no trade worth its costs" in html
    )


def test_the_page_asks_nothing_from_any_network(page):
    assert page.addresses == ["data:,"]
    html = render(REPORTS, header=made.header())
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org/2000/svg)", html)
    assert "default-src 'none'" in html


def test_the_drawn_data_are_every_tick_and_the_positions(page):
    run = build_ticked_run(REPORTS, made.header())
    at = [report.scheduled_at for report in REPORTS]
    assert run.replayed.curve.at.tolist() == at
    known = [int(report.equity_jpy * 10_000) for report in REPORTS]
    assert run.replayed.curve.equity_units.tolist() == known
    drawn = page.json["positions"]
    assert drawn["count"] == 3
    assert set(drawn["reasons"]) == {"target reached", "stopped", "still open"}
    for one, tick in zip(run.positions, (100, 300, 800), strict=True):
        assert one.entered.stop_price == made.price_at(made.START + tick * made.STEP) - 120_000
    assert [one.entered.filled_lots for one in run.positions] == [200, 150, 120]
    assert [one.attempt for one in run.replayed.entries if not one.filled_lots] == [1, 2]


def test_markup_in_names_is_text():
    html = render(
        REPORTS, header=made.header(profile="<script>alert(1)</script>", model="</script><b>x")
    )
    assert "<script>alert" not in html
    assert "</script><b>" not in html


def test_a_report_of_no_ticks_can_be_made():
    html = render(
        [], header=made.header(stopped_early="Stopped by hand after 0.00 simulated days.")
    )
    assert "Stopped by hand after 0.00 simulated days." in html


def test_duplicates_of_fills_and_trades_count_once():
    assert len(all_fills([*REPORTS, *REPORTS])) == len(all_fills(REPORTS)) == 5
    assert len(all_trades([*REPORTS, *REPORTS])) == len(all_trades(REPORTS)) == 2


def test_an_order_that_we_refused_ourselves_led_nowhere():
    report = REPORTS[100]
    denied = replace(report.orders[0], outcome="denied", reason=Reason.DEADLINE_NEAR, order_id=None)
    alone = replace(report, orders=(denied,), fills=())
    assert stories([alone]) == []
    assert why_nothing([alone])[0].reason is Reason.DEADLINE_NEAR


def test_a_position_closed_in_parts_is_one_round_trip():
    trade = all_trades(REPORTS)[0]
    part = replace(trade, lots=80, ends_position=False, closed_at=trade.closed_at - 60_000)
    rest = replace(trade, sequence=2, lots=120)
    last = next(report for report in REPORTS if report.trades)
    whole = [*REPORTS[:180], replace(last, trades=(part, rest))]
    run = build_ticked_run(whole, made.header())
    assert run.performance.positions.count == 1
    assert run.positions[0].net_jpy == part.net_jpy + rest.net_jpy
    assert [story.position for story in run.stories] == run.positions


def test_every_reason_has_words():
    assert all("_" not in reason_then(reason) for reason in Reason)
    assert len({reason_then(reason) for reason in Reason}) == len(Reason)


def test_the_price_of_a_tick_is_the_signals_where_nothing_is_held():
    idle = replace(REPORTS[100], positions=(), mark_price=Decimal(1))
    assert mark_of(idle) == idle.signal.close
    held = replace(REPORTS[100], mark_price=Decimal(5_000_000))
    assert mark_of(held) == held.mark_price


def test_a_tick_without_equity_or_price_leaves_no_hole_in_the_curve():
    broken = [
        REPORTS[0],
        replace(REPORTS[1], equity_jpy=None),
        replace(REPORTS[2], mark_price=None),
        REPORTS[3],
    ]
    curve = build_ticked_run(broken, made.header()).replayed.curve
    assert curve.at.tolist() == [REPORTS[row].scheduled_at for row in (0, 2, 3)]
    assert curve.close.tolist() == [
        made.price_at(made.START),
        made.price_at(made.START),
        made.price_at(made.START + 3 * made.STEP),
    ]


def test_next_to_nothing_has_no_sign_of_loss() -> None:
    assert [basis_points(rate) for rate in (-4e-6, 4e-6, -6e-6, None)] == [
        "+0.0 bp",
        "+0.0 bp",
        "-0.1 bp",
        "–",
    ]
