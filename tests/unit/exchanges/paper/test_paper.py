"""The paper exchange over a store: skipped ticks, lost races, broken documents, and
nothing twice.
"""

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.core.errors import BadData, Conflict, StoreBroken, Unavailable
from shared.core.reasons import Reason
from shared.core.types import Accepted, AccountKind, Counted, PairRules, Rejected, Side, Unknown
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.exchange import PaperExchange, decode_account, encode_account

DAY = 24 * 60


class Minutes:
    """Candles on demand, as the market feed gives them, with a count and a switch."""

    def __init__(self, candles):
        self.candles = candles
        self.asked: list[tuple[int, int]] = []
        self.down = False

    def __call__(self, start_ms, end_ms):
        if self.down:
            raise Unavailable("the public host did not answer")
        self.asked.append((start_ms, end_ms))
        opened = self.candles.opened_at
        return self.candles.rows(int((opened < start_ms).sum()), int((opened < end_ms).sum()))


def exchange(world, shelf, rows=(), **overrides):
    minutes = Minutes(world.minutes(rows))
    settings = world.settings(**overrides)
    return PaperExchange(shelf, minutes, settings), minutes


def entered(
    world,
    paper,
    price=1_000_000,
    *,
    stop=990_000,
    target=1_010_000,
    at=0,
    expires=100_000,
    lots=100,
):
    intent = world.entry(
        price,
        lots,
        stop_price=stop,
        target_price=target,
        expires_at=world.t0 + at + expires,
        id=f"{at}.entry.1",
    )
    outcome = paper.submit(
        intent, book=world.book(price + 10), rules=PairRules(), now_ms=world.t0 + at
    )
    assert isinstance(outcome, Accepted), outcome
    return outcome.order


def test_the_first_look_opens_the_account_with_the_capital_and_writes_nothing(world, shelf):
    paper, minutes = exchange(world, shelf)
    held = paper.reconcile(world.t0 + 5_000_000)
    assert (held.cash_jpy, held.equity_jpy, held.positions, held.orders) == (
        1_000_000,
        1_000_000,
        (),
        (),
    )
    assert held.available_jpy == 2_000_000
    assert shelf.saves == 0
    assert minutes.asked == []


def test_an_idle_account_costs_no_request_and_no_write(world, shelf):
    paper, minutes = exchange(world, shelf, [(1_000_000, 1_000_010, 980_000, 985_000)] * 5)
    entered(world, paper)
    paper.reconcile(world.t0 + 310_000)
    saves, asked = shelf.saves, len(minutes.asked)
    for tick in range(2, 50):
        assert paper.reconcile(world.t0 + tick * 180_000).positions == ()
    assert (shelf.saves, len(minutes.asked)) == (saves, asked)


def test_a_tick_settles_only_what_is_final(world, shelf):
    paper, _ = exchange(world, shelf, [(1_000_000, 1_000_000, 999_000, 1_000_000)] * 3)
    entered(world, paper)
    assert paper.reconcile(world.t0 + 69_999).positions == ()
    assert paper.reconcile(world.t0 + 70_000).positions[0].lots == 100


def random_market(world, seed, minutes):
    return world.walk(random.Random(seed), minutes, step=120)


@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_skipped_ticks_end_as_two_hundred_ticks(world, seed):
    """The same orders and 200 ticks of 180 s between: settled at each of them, or only
    by the last.
    """
    rows = random_market(world, seed, 610)
    ends = []
    for index in range(2):
        shelf = _shelf()
        paper, _minutes = exchange(world, shelf, rows)
        entered(world, paper, 999_990, stop=999_000, target=1_001_000)
        account = paper._load(world.t0)[0]
        audit = world.audit(account)
        if index == 0:
            for tick in range(1, 200):
                fresh, _minutes = exchange(world, shelf, rows)  # a new process each time
                now = world.t0 + tick * 180_000 + 2_000
                fresh.reconcile(now)
                before, account = account, fresh._load(now)[0]
                audit.settled(before, account, _minutes.candles)
            assert audit.counts["events"] == 199
        ends.append(paper.reconcile(world.t0 + 200 * 180_000 + 12_000))
    assert ends[0] == ends[1]
    assert ends[0].settled_until == world.t0 + 200 * 180_000


def _shelf():
    class Shelf:
        data, version = None, 0

        def load(self):
            return None if self.data is None else (self.data, self.version)

        def save(self, data, token):
            if (token or 0) != self.version:
                raise Conflict("late")
            self.data, self.version = data, self.version + 1
            return self.version

    return Shelf()


def test_the_skipped_ticks_saw_trades(world):
    """What the test above compares is worth comparing."""
    seen = 0
    for seed in range(10):
        paper, _ = exchange(world, _shelf(), random_market(world, seed, 610))
        entered(world, paper, 999_990, stop=999_000, target=1_001_000)
        held = paper.reconcile(world.t0 + 610 * world.minute + 10_000)
        seen += len(held.trades)
    assert seen >= 4


def test_dying_between_any_two_steps_changes_nothing(world):
    """Each step runs in a new process, some of them twice, some after a save that was lost."""
    rng, died, audited = random.Random(5), 0, 0
    for seed in range(20):
        rows = random_market(world, seed, 40)
        ends = []
        for crashes in (False, True):
            shelf, account = _shelf(), None
            for tick in range(13):
                paper, _minutes = exchange(world, shelf, rows)
                now = world.t0 + tick * 180_000 + 11_000
                if crashes and rng.random() < 0.3:
                    before = {"data": shelf.data, "version": shelf.version}
                    paper.reconcile(now)  # done, and the process died before it said so
                    if rng.random() < 0.5:
                        shelf.data, shelf.version = (
                            before["data"],
                            before["version"],
                        )  # or before it was stored
                    died += 1
                    paper, _ = exchange(world, shelf, rows)
                paper.reconcile(now)
                if tick == 0:
                    for _ in range(2 if crashes else 1):
                        entered(world, paper, 999_950, stop=999_000, target=1_001_000)
                    account = paper._load(now)[0]
                    audit = world.audit(account)
                before, account = account, paper._load(now)[0]
                audit.settled(before, account, _minutes.candles)
                audited += 1
            ends.append(paper.reconcile(now))
        assert ends[0] == ends[1]
    assert died > 30
    assert audited == 20 * 2 * 13


def test_a_lost_race_is_read_again_and_done_again(world, shelf):
    paper, minutes = exchange(world, shelf, [(1_000_000, 1_000_000, 999_000, 1_000_000)] * 3)
    entered(world, paper)
    shelf.lose = 3
    assert paper.reconcile(world.t0 + 130_000).positions[0].lots == 100
    assert len(minutes.asked) == 1
    shelf.lose = 2
    stop = next(
        order
        for order in paper.holdings(world.t0 + 130_000).orders
        if order.intent.purpose == "stop"
    )
    assert isinstance(paper.cancel(stop, now_ms=world.t0 + 130_000), Accepted)
    shelf.lose = 99
    with pytest.raises(Conflict):
        paper.reconcile(world.t0 + 190_000)
    outcome = paper.submit(
        world.entry(900_000, id="x"), book=world.book(1_000_000), now_ms=world.t0 + 131_000
    )
    assert isinstance(outcome, Rejected)


def test_a_store_that_does_not_answer_leaves_the_outcome_unknown(world, shelf):
    paper, _ = exchange(world, shelf)
    shelf.fail = Unavailable("no answer")
    outcome = paper.submit(world.entry(990_000), book=world.book(1_000_000), now_ms=world.t0)
    assert isinstance(outcome, Unknown)
    shelf.fail = None
    assert isinstance(
        paper.submit(world.entry(990_000), book=world.book(1_000_000), now_ms=world.t0), Accepted
    )


def test_a_store_that_breaks_while_an_order_is_written_leaves_the_outcome_unknown(
    world, shelf, monkeypatch
):
    paper, _ = exchange(world, shelf)
    save = shelf.save

    def write_and_break(*args, **kwargs):
        save(*args, **kwargs)
        raise StoreBroken("nobody is signed in", remedy="sign in")

    monkeypatch.setattr(shelf, "save", write_and_break)
    outcome = paper.submit(world.entry(990_000), book=world.book(1_000_000), now_ms=world.t0)
    assert isinstance(outcome, Unknown)
    assert outcome.context["why"] == "nobody is signed in"
    monkeypatch.setattr(shelf, "save", save)
    assert len(paper.holdings(world.t0).orders) == 1


def test_without_minutes_the_account_stays_as_it_was(world, shelf):
    paper, minutes = exchange(world, shelf, [(1_000_000, 1_000_000, 999_000, 1_000_000)] * 3)
    entered(world, paper)
    stored = shelf.data
    minutes.down = True
    with pytest.raises(Unavailable):
        paper.reconcile(world.t0 + 130_000)
    assert shelf.data is stored
    minutes.down = False
    assert paper.reconcile(world.t0 + 130_000).positions


def test_a_resubmitted_intent_is_the_same_order(world, shelf):
    paper, _ = exchange(world, shelf)
    first, second = (entered(world, paper) for _ in range(2))
    assert first == second
    assert len(paper.holdings(world.t0).orders) == 1
    assert shelf.saves == 1


def test_the_document_keeps_every_digit(world, shelf):
    paper, _ = exchange(world, shelf, [(1_000_000, 1_010_500, 999_000, 1_000_000, 0.0117)] * 5)
    entered(world, paper)
    paper.reconcile(world.t0 + 310_000)
    account = decode_account(shelf.data)
    assert account.fills
    assert account == decode_account(encode_account(account))
    assert encode_account(account) == shelf.data
    assert isinstance(shelf.data["cash_jpy"], str)


def test_a_full_document_stays_small(world, shelf):
    import json

    _paper, _ = exchange(world, shelf)
    account = accounts.open_account(
        10_000_000,
        world.t0,
        kind=AccountKind.MARGIN,
        terms=accounts.account_terms(world.settings(), PairRules()),
    )
    for number in range(120):
        at = world.t0 + number
        entry = world.entry(
            None, 10, kind="market", post_only=False, id=f"2026-01-01T00:00:00Z.{number}.entry"
        )
        entry = replace(entry, kind=world.close().kind)
        account, _ = world.placed(account, entry, 15_000_000, at)
        account, _ = world.placed(
            account, world.close(10, id=f"2026-01-01T00:00:00Z.{number}.close"), 15_000_000, at
        )
        account = accounts.trim_account(account, Counted(trades=number + 1, fills=2 * number + 2))
    assert len(account.trades) == 50
    assert len(json.dumps(encode_account(account))) < 64 * 1024


@pytest.mark.parametrize(
    "damage",
    [
        {"cash_jpy": "a lot"},
        {"cash_jpy": "NaN"},
        {"schema": 99},
        {"settled_until": None},
        {"orders": [{}]},
        {"positions": [{"side": "long", "entries": []}]},
        {
            "positions": [
                {"side": "long", "entries": [{"at": 1, "price": 0, "lots": 1, "fee_jpy": "0"}]}
            ]
        },
    ],
)
def test_a_damaged_document_is_named_and_never_replaced(world, shelf, damage):
    paper, _ = exchange(world, shelf)
    entered(world, paper)
    shelf.data = {**shelf.data, **damage}
    stored = shelf.data
    with pytest.raises(BadData, match="paper account document"):
        paper.reconcile(world.t0 + 130_000)
    with pytest.raises(BadData, match="paper account document"):
        paper.submit(world.entry(990_000, id="other"), book=world.book(1_000_000), now_ms=world.t0)
    assert shelf.data is stored


def test_an_order_without_remaining_size_is_damage(world, shelf):
    paper, _ = exchange(world, shelf)
    entered(world, paper)
    shelf.data = {**shelf.data, "orders": [{**shelf.data["orders"][0], "remaining_lots": 0}]}
    with pytest.raises(BadData, match="remaining size"):
        paper.holdings(world.t0)


def test_an_account_at_rest_follows_the_settings_and_a_busy_one_waits(world, shelf):
    paper, _ = exchange(world, shelf)
    order = entered(world, paper)
    spot, _ = exchange(world, shelf, account=AccountKind.SPOT)
    assert spot.holdings(world.t0).available_jpy == 2_000_000 - 10_000
    paper.cancel(order, now_ms=world.t0 + 1)
    spot, minutes = exchange(world, shelf, [(1_000_000,) * 4], account=AccountKind.SPOT)
    spot.reconcile(world.t0 + 70_000)
    assert minutes.asked == [(world.t0, world.t0 + 60_000)]
    assert spot.holdings(world.t0 + 70_000).available_jpy == 1_000_000


def test_fees_follow_the_rules_of_the_newest_order(world, shelf):
    paper, _ = exchange(world, shelf, [(1_000_000, 1_000_000, 999_000, 1_000_000)] * 3)
    entered(world, paper)
    paper.reconcile(world.t0 + 130_000)
    dear = PairRules(taker_fee_rate=Decimal("0.01"))
    for order in paper.holdings(world.t0 + 130_000).orders:
        paper.cancel(order, now_ms=world.t0 + 130_000)
    close = world.close(reason=Reason.EXIT_TIME)
    outcome = paper.submit(close, book=world.book(1_000_000), rules=dear, now_ms=world.t0 + 130_000)
    assert outcome.fills[0].fee_jpy == Decimal("99.9499")  # 999,499 x 0.01 BTC x 1 %
    assert paper.holdings(world.t0 + 130_000).positions == ()


def test_a_short_is_held_and_closed_on_margin(world, shelf):
    paper, _ = exchange(
        world,
        shelf,
        [(1_000_000, 1_001_000, 1_000_000, 1_000_000), (1_000_000, 1_000_000, 985_000, 986_000)],
    )
    intent = world.entry(
        1_000_100,
        side=Side.SHORT,
        stop_price=1_020_000,
        target_price=990_000,
        expires_at=world.t0 + 100_000,
    )
    paper.submit(intent, book=world.book(1_000_000), rules=PairRules(), now_ms=world.t0)
    held = paper.reconcile(world.t0 + 130_000)
    assert [(trade.reason, trade.gross_jpy) for trade in held.trades] == [
        (Reason.EXIT_TARGET, Decimal(101))
    ]


def test_where_only_time_has_passed_the_account_is_written_once_an_hour(world, shelf):
    paper, _ = exchange(world, shelf, [(1_000_000, 1_000_000, 1_000_000, 1_000_000)] * 130)
    entered(world, paper, price=900_000, stop=890_000, target=910_000, expires=10 * 3_600_000)
    before, saves = shelf.saves, []
    for minute in range(1, 122):
        paper.reconcile(world.t0 + minute * world.minute + 10_000)
        saves.append(shelf.saves - before)
    assert saves == [0] * 59 + [1] * 60 + [2] * 2
