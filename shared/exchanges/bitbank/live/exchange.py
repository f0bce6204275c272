"""bitbank as the account of a bot: `orders.ports.Exchange` on the private REST.

It remembers nothing between ticks but the connection: what the bot knows of its account is the
ledger, which the state keeps.
"""

import random
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Self

from shared.core.clock import Clock
from shared.core.errors import BotError, LeaseLost, NotThere
from shared.core.frozen import copy_with
from shared.core.money import ZERO, jpy
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    Accepted,
    Book,
    Counted,
    Holdings,
    Issue,
    Ledger,
    OpenIntent,
    Order,
    OrderIntent,
    OrderKind,
    Outcome,
    PairRules,
    Rejected,
    Unknown,
)
from shared.exchanges.bitbank.account import AccountReader
from shared.exchanges.bitbank.bodies import order_body
from shared.exchanges.bitbank.codes import CancelFate
from shared.exchanges.bitbank.live.delays import OVERLAP_MS
from shared.exchanges.bitbank.live.reading import Reading, read_account
from shared.exchanges.bitbank.live.reckoning import Reckoned, reckon
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.bitbank.private_answers import LIVE, ExchangeOrder
from shared.exchanges.bitbank.recognition import differing_fields
from shared.exchanges.bitbank.sending import (
    AccountBefore,
    PreparedOrder,
    cancel_order,
    send_order,
)
from shared.exchanges.bitbank.signed import SignedRest
from shared.orders.own_book import (
    free_jpy,
    ledger_equity_jpy,
    open_ledger,
    rates_of,
    staged_capital_jpy,
)
from shared.orders.ports import Fence

READS_OF_A_FIRED_STOP = 3
BETWEEN_READS_MS = 2_500
READS_OF_A_CANCEL = 4
BETWEEN_CANCEL_READS_MS = 1_000
"""A cancel that was taken may be in process for a while; until it has ended the order may be
filled, and what it holds is not free. One that may not have arrived is better sent again."""
FIRED_LATELY_MS = 60_000
"""A stop that fired so lately and shows CANCELED_UNFILLED may show its fill a moment later."""


class BitbankExchange:
    """One pair of one account. Not for threads."""

    is_attended = True
    reader_kind: type[AccountReader] = AccountReader

    def __init__(
        self, rest: SignedRest, reader: AccountReader, settings: Settings, clock: Clock
    ) -> None:
        """Trade with `rest`, read with `reader`; connect to nothing yet."""
        self._rest, self._reader = rest, reader
        self._settings, self._clock = settings, clock
        self._kind = settings.account
        self._last: Reading | None = None
        self._rules: PairRules | None = None
        self._resting: Mapping[int, tuple[str, int]] | None = None

    @classmethod
    def open(
        cls,
        settings: Settings,
        clock: Clock,
        *,
        key: str,
        secret: str,
        limits: AccountPace | None = None,
    ) -> Self:
        """The account of this key; `limits` are one for all that asks for it in this process."""
        rest = SignedRest(
            settings.exchange,
            clock,
            key=key,
            secret=secret,
            limits=limits or AccountPace(monotonic=time.monotonic, sleep=time.sleep),
        )
        reader = cls.reader_kind(
            rest,
            settings.exchange,
            clock,
            pair=settings.pair,
            is_margin=settings.account.has_debt,
            jitter=random.random,
        )
        return cls(rest, reader, settings, clock)

    def __repr__(self) -> str:
        return f"BitbankExchange({self._settings.pair})"

    def reconcile(
        self,
        now_ms: int,
        *,
        counted: Counted | None = None,
        ledger: Ledger | None = None,
        intents: Sequence[OpenIntent] = (),
        fence: Fence | None = None,
    ) -> Holdings:
        """Read everything and reckon it up.

        A stop that has just fired and shows no fill is looked at three times.

        Raises `Unavailable` and `BadData` where the account could not be read whole.
        """
        del counted, fence
        before = ledger or open_ledger(staged_capital_jpy(self._settings), now_ms)
        if self._rules is not None:
            before = copy_with(before, rates=rates_of(self._rules))
        known = self._read(now_ms, before, intents)
        for _ in range(1, READS_OF_A_FIRED_STOP):
            if not _has_unfilled_stop(known, self._clock.now_ms()):
                break
            self._clock.sleep_until(self._clock.now_ms() + BETWEEN_READS_MS)
            again = self._read(self._clock.now_ms(), known.ledger, intents)
            told_once = (issue for issue in known.issues if not issue.forbids_entry)
            known = copy_with(
                again,
                fills=(*known.fills, *again.fills),
                trades=(*known.trades, *again.trades),
                issues=(*again.issues, *told_once),
            )
        return self._holdings(known, now_ms)

    def holdings(
        self,
        now_ms: int,
        *,
        ledger: Ledger | None = None,
        intents: Sequence[OpenIntent] = (),
    ) -> Holdings:
        """The same: what is held is asked, never guessed."""
        return self.reconcile(now_ms, ledger=ledger, intents=intents)

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self._rest.requests

    def has_news(self) -> bool:
        """Whether another order rests than at the last reading, or has executed more: one request
        instead of six.
        """
        if self._resting is None:
            return True
        resting = {order.order_id: order for order in self._reader.read_resting()}
        return _state_of(resting) != self._resting

    def submit(
        self,
        intent: OrderIntent,
        *,
        book: Book | None,
        rules: PairRules | None = None,
        now_ms: int,
        fence: Fence | None = None,
    ) -> Outcome:
        """Send one order, once, signed with `now_ms`.

        A post-only entry is read back: bitbank takes one that would cross, and cancels it.
        """
        del book
        self._rules = rules or self._rules
        if fence is not None and now_ms + self._rest.window_ms > fence.until:
            raise LeaseLost("the lease would end before the request's window; nothing was sent")
        prepared = PreparedOrder(
            intent=intent,
            pair=self._settings.pair,
            is_margin=self._kind.has_debt,
            body=order_body(intent, pair=self._settings.pair, is_margin=self._kind.has_debt),
            at_ms=now_ms,
            window_ms=self._rest.window_ms,
            before=self._before(now_ms),
        )
        self._resting = None
        result = send_order(self._rest, prepared)
        outcome = result.outcome
        if isinstance(outcome, Accepted) and intent.post_only and intent.is_opening:
            return self._read_back(outcome, result.order)
        return outcome

    def cancel(self, order: Order, *, now_ms: int, fence: Fence | None = None) -> Outcome:
        """Cancel one order, and read how it ended where the answer does not say: a few times where
        it was taken, for bitbank may work on it for a while.
        """
        if fence is not None and now_ms > fence.until:
            raise LeaseLost("the lease is over; nothing was cancelled")
        self._resting = None
        result = cancel_order(self._rest, order.order_id, pair=self._settings.pair, at_ms=now_ms)
        if result.fate is CancelFate.REFUSED:
            return Rejected(reason=Reason.CANCEL_REFUSED, context=result.context)
        told = result.order
        if result.fate is not CancelFate.CANCELED or told is None:
            try:
                most = 1 if result.fate is CancelFate.UNKNOWN else READS_OF_A_CANCEL
                told = self._read_cancelled(order.order_id, most=most)
            except NotThere as error:
                found = {"found": str(error)}
                return Rejected(reason=Reason.REJECTED_BY_EXCHANGE, context=found)
        if told is None:
            return Unknown(context=result.context or {"found": "the order could not be read"})
        if told.status in LIVE:
            return Unknown(context={"found": f"the order is still {told.status}"})
        return Accepted(order=_as_told(order, told))

    def examine_order(self, order_id: int, intent: OrderIntent) -> tuple[str, ...] | None:
        """In what the order of this number is not the one that was meant; None where there is
        none.

        Raises `Unavailable` where the exchange did not say.
        """
        read = self._reader.read_orders([order_id])
        for order in read.orders:
            if order.order_id == order_id:
                return differing_fields(order, intent, is_margin=self._kind.has_debt)
        return None

    def _read(self, now_ms: int, ledger: Ledger, intents: Sequence[OpenIntent]) -> Reckoned:
        tracked = {one.order.order_id for one in ledger.tracked}
        tracked |= {one.order_id for one in intents if one.order_id is not None}
        since = max(ledger.opened_at, ledger.read_at - OVERLAP_MS)
        earliest = min((one.at for one in intents), default=since)
        self._reader.newest_order_id = max(self._reader.newest_order_id, ledger.newest_order_id)
        reading = read_account(
            self._reader,
            now_ms=now_ms,
            tracked=tracked,
            since_ms=min(since, earliest),
            is_margin=self._kind.has_debt,
            has_lost=bool(intents or ledger.unseen),
            asks_margin=True,
        )
        self._last = reading
        self._resting = _state_of({number: reading.orders[number] for number in reading.resting})
        return reckon(reading, ledger=ledger, intents=intents, kind=self._kind)

    def _holdings(self, known: Reckoned, now_ms: int) -> Holdings:
        ledger, mark = known.ledger, known.ledger.mark_price
        worth = ledger_equity_jpy(ledger, mark, now_ms, kind=self._kind)
        entries = [order.intent for order in known.orders if order.intent.is_opening]
        free = free_jpy(ledger, known.positions, entries, worth, kind=self._kind)
        most = self._most_jpy(known)
        return Holdings(
            as_of=now_ms,
            cash_jpy=ledger.cash_jpy,
            equity_jpy=worth,
            available_jpy=min(free, most),
            mark_price=mark,
            positions=known.positions,
            orders=known.orders,
            trades=known.trades,
            fills=known.fills,
            untouched=ledger.next_fill_sequence == 1,
            ledger=ledger,
            fates=known.fates,
            strangers=known.strangers,
            issues=(*known.issues, *self._margin_issues()),
            there_lots=known.there_lots,
            most_jpy=most,
        )

    def _most_jpy(self, known: Reckoned) -> Decimal:
        reading = self._last
        if reading is None:
            raise AssertionError("holdings are of a reading")
        if not self._kind.has_debt:
            # whether what a buy locks includes a fee is not documented
            rates = known.ledger.rates or rates_of(PairRules())
            return jpy(reading.balances.jpy.free / (1 + max(ZERO, rates.taker_fee_rate)))
        if reading.margin is None:
            raise AssertionError("on margin the account is read")
        sides = [reading.margin.available_long_jpy]
        if self._settings.has_shorts:
            sides.append(reading.margin.available_short_jpy)
        return jpy(max(ZERO, min(sides)))

    def _margin_issues(self) -> tuple[Issue, ...]:
        margin = None if self._last is None else self._last.margin
        if margin is None or margin.status == "NORMAL":
            return ()
        context = {"status": margin.status, "percentage": str(margin.percentage)}
        return (Issue(reason=Reason.MARGIN_CALLED, forbids_entry=True, context=context),)

    def _before(self, now_ms: int) -> AccountBefore:
        reading = self._last
        if reading is None:
            return self._reader.read_before_order()
        return AccountBefore(
            read_at=now_ms,
            newest_order_id=self._reader.newest_order_id,
            balances=reading.balances,
            positions=reading.positions,
        )

    def _read_back(self, outcome: Accepted, told: ExchangeOrder | None) -> Outcome:
        order = outcome.order
        if told is None or told.status == "UNFILLED":
            told = self._look_at(order.order_id)
        if told is not None and told.status == "CANCELED_UNFILLED":
            context = {"order_id": str(order.order_id)}
            return Rejected(reason=Reason.POST_ONLY_WOULD_CROSS, context=context)
        return outcome if told is None else Accepted(order=_as_told(order, told))

    def _read_cancelled(self, order_id: int, *, most: int) -> ExchangeOrder | None:
        """The order once its cancel has ended, or as it is at last; None where it was not said.

        Raises `NotThere`.
        """
        for number in range(most):
            if number:
                self._clock.sleep_until(self._clock.now_ms() + BETWEEN_CANCEL_READS_MS)
            try:
                told = self._reader.read_order(order_id)
            except NotThere:
                raise
            except BotError:
                return None
            if told.status not in LIVE:
                break
        return told

    def _look_at(self, order_id: int) -> ExchangeOrder | None:
        try:
            return self._reader.read_order(order_id)
        except BotError:
            return None


def _state_of(resting: Mapping[int, ExchangeOrder]) -> dict[int, tuple[str, int]]:
    return {number: (order.status, order.executed_lots) for number, order in resting.items()}


def _as_told(order: Order, told: ExchangeOrder) -> Order:
    return copy_with(order, remaining_lots=max(0, order.intent.lots - told.executed_lots))


def _has_unfilled_stop(known: Reckoned, now_ms: int) -> bool:
    """Whether a stop has fired lately without a fill, and leaves something bare."""
    for position in known.positions:
        covered = sum(
            order.remaining_lots
            for order in known.orders
            if order.intent.side is position.side and order.intent.kind is OrderKind.STOP
        )
        fired = any(
            one.status == "CANCELED_UNFILLED"
            and one.triggered_at is not None
            and now_ms - one.triggered_at < FIRED_LATELY_MS
            and one.order.intent.side is position.side
            for one in known.ledger.tracked
        )
        if fired and covered < position.lots:
            return True
    return False
