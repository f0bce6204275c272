"""The account of a replay: a value in memory that carries out what a turn plans.

It reaches no exchange and no store.

The rules are the paper account's own (`shared.exchanges.paper.account`). A path of 1m candles is
the resolution of record. On a path
of 15m candles an entry, which is in the market for a minute and a half, cannot be resolved; the
assumption there is pessimistic three times: it is filled only where the candle trades strictly
through its limit; for no more than our share of a minute and a half of the candle's volume; and at
what crossing costs at the candle's open (taker fee, half the spread, slippage). Its stop is live in
that candle, its target is not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.core.errors import BadData
from shared.core.frozen import copy_with
from shared.core.money import ZERO, jpy_units, notional_jpy
from shared.core.settings import Settings
from shared.core.types import (
    Accepted,
    Book,
    Candles,
    Counted,
    Holdings,
    OrderIntent,
    OrderKind,
    OrderRecord,
    Outcome,
    PairRules,
    Position,
    PositionPlan,
    Purpose,
    Side,
    Timeframe,
)
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.account import PaperAccount
from shared.exchanges.paper.fills import crossing_book, volume_lots
from shared.exchanges.paper.settling import next_due
from shared.market.path import book_at, price_at
from shared.orders.carry_out import record_of
from shared.orders.plan import Cancel, Step

UNCOUNTED = Counted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the account was from an instant on, until the next one.

    `last_price` is the mark as long as the path is silent.
    """

    from_at: int
    cash_units: int
    positions: tuple[Position, ...]
    last_price: int | None


class AccountInHand:
    """The clock and the hands of a turn, around one account and one path."""

    def __init__(
        self,
        account: PaperAccount,
        *,
        path: Candles,
        settings: Settings,
        rules: PairRules,
        traded: Callable[[PaperAccount], None],
    ) -> None:
        """Take an account as it is; `path` are the candles that it is settled from.

        `traded` is shown the account after every candle in which something traded: it keeps its
        last trades and fills only.
        """
        self.account = account
        self.now = account.settled_until
        self.counted = UNCOUNTED
        self.records: list[OrderRecord] = []
        self.snapshots: list[Snapshot] = []
        self._told: tuple[PaperAccount, Holdings] | None = None
        self._path = path
        self._settings = settings
        self._settle_ms = int(settings.tick.settle_seconds * 1000)
        self._rules = rules
        self._coarse = path.timeframe is not Timeframe.M1
        self._traded = traded

    # the clock

    def arrive(self, received_at: int, *, counted: Counted = UNCOUNTED) -> None:
        """A tick begins, whose state has `counted` so much."""
        self.now = received_at
        self.counted = counted
        self.records = []

    def now_ms(self) -> int:
        """The present instant of the replay."""
        return self.now

    def sleep_until(self, at_ms: int) -> None:
        """Time passes at once."""
        self.now = max(self.now, at_ms)

    # the account

    is_attended = False
    has_unfound_entry = False
    is_shutting_down = False

    @property
    def lost_stop_lots(self) -> Mapping[Side, int]:
        """No answer is lost."""
        return {}

    def reconcile(self, now_ms: int) -> Holdings:
        """Settle the account from the final candles of the path; what the state has `counted` need
        not be kept.
        """
        self.account = accounts.trim_account(self.account, self.counted)
        self.settle(accounts.full_minute(now_ms - self._settle_ms))
        return self.holdings(now_ms)

    def settle(self, until: int) -> None:
        """Walk the path up to `until`, taking a snapshot wherever something traded."""
        sequence = self.account.next_fill_sequence

        def walked(account: PaperAccount) -> None:
            nonlocal sequence
            if account.next_fill_sequence != sequence:
                sequence = account.next_fill_sequence
                self.snapshots.append(snapshot(account, account.settled_until))
                self._traded(account)

        self.account = accounts.settle_account(self.account, self._path, until, walked=walked)

    def due_row(self) -> int:
        """The first row of the path at which a resting order can trade or end; the path's length
        where there is none.
        """
        row = int(self._path.opened_at.searchsorted(self.account.settled_until, side="left"))
        return next_due(self.account, self._path, row, len(self._path))

    def holdings(self, now_ms: int) -> Holdings:
        """What is held now."""
        if self._told is None or self._told[0] is not self.account or self._told[1].as_of != now_ms:
            self._told = (
                self.account,
                accounts.holdings(self.account, self.account.last_price, now_ms),
            )
        return self._told[1]

    def book(self) -> Book | None:
        """The book around the path's price at this instant, None before the path begins."""
        try:
            price = price_at(self._path, self.now)
        except BadData:
            return None
        return book_at(price, spread_rate=self._settings.paper.spread_rate, as_of=self.now)

    def has_news(self) -> bool:
        """Nothing is attended."""
        return False

    # orders

    def send(
        self, step: Step, *, book: Book | None, rules: PairRules | None, plan: PositionPlan | None
    ) -> OrderRecord:
        """Place or cancel at once."""
        del plan
        before = self.account
        if isinstance(step, Cancel):
            self.account, outcome = accounts.cancel_order(before, step.order, now_ms=self.now)
        else:
            outcome = self._place_order(step.intent, book, rules or self._rules)
            self._take_snapshot(before, self.now)
        record = record_of(step, outcome)
        self.records.append(record)
        return record

    def _place_order(self, intent: OrderIntent, book: Book | None, rules: PairRules) -> Outcome:
        if self._coarse and intent.is_opening and intent.post_only:
            return self._place_coarsely(intent, book, rules)
        if self._coarse and intent.is_opening:
            return self._cross_coarsely(intent, book, rules)
        self.account, outcome = accounts.place_order(
            self.account, intent, book=book, now_ms=self.now, rules=rules
        )
        return outcome

    def _place_coarsely(self, intent: OrderIntent, book: Book | None, rules: PairRules) -> Outcome:
        """An entry on a path of long candles: see the module's text."""
        row = int(self._path.opened_at.searchsorted(self.now, side="right")) - 1
        ends_at = int(self._path.opened_at[row]) + self._path.timeframe.ms
        low, high = int(self._path.low[row]), int(self._path.high[row])
        lots = min(self._affordable(intent, book, rules), self._offered_lots(intent, row))
        if (
            self.now >= ends_at
            or lots < rules.min_lots
            or not intent.is_passed(low if intent.is_buy else high)
        ):
            after, outcome = accounts.place_order(
                self.account, intent, book=book, now_ms=self.now, rules=rules
            )
            if isinstance(outcome, Accepted):
                self.account = accounts.end_orders(after, (outcome.order,))
            return outcome
        crossing = copy_with(intent, kind=OrderKind.MARKET, price=None, post_only=False, lots=lots)
        taken = self._cross_coarsely(crossing, book, rules)
        if isinstance(taken, Accepted):
            self.account = accounts.defer_orders(self.account, Purpose.TARGET, until=ends_at - 1)
        return taken

    def _cross_coarsely(self, intent: OrderIntent, book: Book | None, rules: PairRules) -> Outcome:
        """An entry that crosses.

        However late in its candle, that is walked whole once it is known: the stop is live in it.
        """
        row = int(self._path.opened_at.searchsorted(self.now, side="right")) - 1
        filled, taken = accounts.place_order(
            self.account, intent, book=book, now_ms=self.now, rules=rules
        )
        if isinstance(taken, Accepted):
            self.account = copy_with(
                filled,
                settled_until=min(filled.settled_until, int(self._path.opened_at[max(row, 0)])),
            )
        return taken

    def _offered_lots(self, intent: OrderIntent, row: int) -> int:
        """What the candle gives to an order that lives for a part of it: our share of that part of
        its volume.
        """
        lives_ms = (
            self._path.timeframe.ms if intent.expires_at is None else intent.expires_at - self.now
        )
        part = min(1.0, lives_ms / self._path.timeframe.ms)
        return volume_lots(
            float(self._path.volume[row]) * part, self.account.terms.costs.volume_share
        )

    def _affordable(self, intent: OrderIntent, book: Book | None, rules: PairRules) -> int:
        """On spot an order that was sized at its limit is too large for its cash at what crossing
        costs.
        """
        if self.account.kind.has_debt or intent.price is None or book is None:
            return intent.lots
        costs = self.account.terms.costs
        price = crossing_book(book, buys=intent.is_buy, lots=intent.lots, costs=costs).price
        free = accounts.available_jpy(self.account, price, self.now)
        fits = free / (notional_jpy(price, 1) * (1 + max(ZERO, rules.taker_fee_rate)))
        return max(1, min(intent.lots, int(fits)))

    def _take_snapshot(self, before: PaperAccount, at: int) -> None:
        if self.account.next_fill_sequence != before.next_fill_sequence:
            self.snapshots.append(snapshot(self.account, at))


def snapshot(account: PaperAccount, from_at: int) -> Snapshot:
    """The account's part that its value depends on."""
    return Snapshot(
        from_at=from_at,
        cash_units=jpy_units(account.cash_jpy),
        positions=account.positions,
        last_price=account.last_price,
    )
