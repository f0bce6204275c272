"""How a probe ends, and what the next one begins with where it was killed: nothing of its own rests
or is held any more.

Orders whose answers were lost are looked for by their form. What is held is what its own orders
executed, and no more than is there: the exchange may show a fill some seconds late.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal

from shared.core.errors import BadData, BotError, Unavailable, UserError
from shared.core.money import LOT_BTC
from shared.core.types import Market, OrderKind, PairRules, Purpose
from shared.exchanges.bitbank.private_answers import LIVE, ExchangeOrder
from shared.exchanges.bitbank.probe.post import ARRIVES_MS, ProbePost
from shared.exchanges.bitbank.probe.sent import ProbeAnswer, ProbeOrder, probe_intent

ROUNDS = 40
BETWEEN_MS = 2_500
LAG_MS = 15_000
TOLD_LATE_MS = 40_000
"""An order whose answer was lost, and that no reading has shown so long after its window, never
arrived."""
GUESSED_IDS = 600
"""bitbank may not list a stop that has not fired: one whose number was lost is looked for among so
many numbers after the last that is known."""
BEYOND = Decimal("0.99")


class ProbeEnding:
    """Ends a probe flat."""

    def __init__(
        self,
        post: ProbePost,
        *,
        read_market: Callable[[], Market],
        others: Collection[int] = (),
    ) -> None:
        """`others`: orders that a tick may have placed to protect what the probe left behind."""
        self._post, self._read_market, self._others = post, read_market, tuple(others)
        self._guessed: set[int] = set()
        self.unseen: list[ProbeOrder] = []

    def end_flat(self) -> None:
        """Cancel and close until nothing is left. Raises `UserError` where that did not come true
        in time; the stop stays wherever the position does.
        """
        found = "something of the probe is still there"
        for _ in range(ROUNDS):
            try:
                if self._is_flat():
                    return
            except (Unavailable, BadData) as error:
                found = str(error)
            self._post.wait(BETWEEN_MS)
        raise UserError(
            f"the probe is not flat: {found}",
            remedy="run scripts/bot probe again, or close the position and cancel its orders at"
            " bitbank",
        )

    def _is_flat(self) -> bool:
        post = self._post
        self._find_lost()
        orders = post.read_own()
        opening = {one.order_id for one in post.sent if one.intent.is_opening}
        live = [order for order in orders.values() if order.status in LIVE]
        entries = [order for order in live if order.order_id in opening]
        if entries:
            self._cancel(entries)
            return False
        if any(one.is_lost for one in post.sent):
            return False
        own = sum(
            order.executed_lots * (1 if number in opening else -1)
            for number, order in orders.items()
        )
        there = self._there_lots()
        if own != there and post.clock.now_ms() - _last_at(orders) < LAG_MS:
            return False
        held = min(own, there)
        if held > 0:
            self._close(held, live)
            return False
        self._cancel(live)
        return not live

    def _there_lots(self) -> int:
        post = self._post
        if post.is_margin:
            return post.reader.read_positions().long.lots
        more = post.reader.read_balances().btc.onhand - post.base.btc
        return max(0, int(more / LOT_BTC))

    def _cancel(self, orders: Sequence[ExchangeOrder]) -> None:
        for order in orders:
            self._post.cancel(order.order_id)

    def _close(self, lots: int, live: Sequence[ExchangeOrder]) -> None:
        """Read the circuit mode, cancel what holds the quantity, and close; what is refused leaves
        the position with a stop.
        """
        post = self._post
        kind, price = OrderKind.MARKET, None
        try:
            market = self._read_market()
        except BotError:
            market = None
        if market is not None and market.book is not None and not _is_at_market(market.rules):
            kind, price = OrderKind.LIMIT, int(market.book.bid * BEYOND)
        self._cancel(live)
        for other in self._others:
            post.cancel(other)
        close = probe_intent(post.next_id(), kind, Purpose.CLOSE, lots, price=price)
        answer = post.place(close)
        if answer.order is None and answer.code is not None:
            self._protect(lots)

    def _protect(self, lots: int) -> None:
        prices = [one.intent.trigger_price for one in self._post.sent if one.intent.trigger_price]
        if prices:
            stop = probe_intent(
                self._post.next_id(),
                OrderKind.STOP,
                Purpose.STOP,
                lots,
                trigger_price=min(prices),
            )
            self._post.place(stop)

    def _find_lost(self) -> None:
        """Look for the orders whose answers were lost."""
        post = self._post
        lost = [one for one in post.sent if one.is_lost]
        if not lost:
            return
        known = {one.order_id for one in post.sent}
        found = {order.order_id: order for order in post.reader.read_resting()}
        told = post.reader.read_trades(min(one.at for one in post.sent) - LAG_MS)
        strange = sorted({one.order_id for one in told} - known - set(found))
        if strange:
            found |= {one.order_id: one for one in post.reader.read_orders(strange).orders}
        for one in lost:
            fresh = [order for number, order in found.items() if number not in known]
            may_be = one.may_be(fresh, is_margin=post.is_margin) or self._guess(one, known)
            if may_be:
                known.add(may_be[0].order_id)
                post.learn(one, ProbeAnswer(order=may_be[0]))
            elif post.clock.now_ms() > one.until + TOLD_LATE_MS:
                if one.intent.kind is OrderKind.STOP:
                    self.unseen.append(one)
                post.give_up(one)

    def _guess(self, one: ProbeOrder, known: Collection[int | None]) -> tuple[ExchangeOrder, ...]:
        """Look for a stop that bitbank may not list among the numbers after the last known."""
        post = self._post
        is_late = post.clock.now_ms() > one.until + ARRIVES_MS
        if one.intent.kind is not OrderKind.STOP or one.number in self._guessed or not is_late:
            return ()
        self._guessed.add(one.number)
        before = [other.order_id for other in post.sent[: one.number - 1] if other.order_id]
        first = max((*before, one.before.newest_order_id)) + 1
        for start in range(first, first + GUESSED_IDS, 30):
            asked = [number for number in range(start, start + 30) if number not in known]
            try:
                found = list(post.reader.read_orders(asked).orders)
            except BotError:
                return ()
            if may_be := one.may_be(found, is_margin=post.is_margin):
                return may_be
        return ()


def _is_at_market(rules: PairRules) -> bool:
    return rules.circuit_break_mode == "NONE" and rules.market_orders


def _last_at(orders: Mapping[int, ExchangeOrder]) -> int:
    """When one of them was last executed, as far as they say."""
    return max(
        (
            max(order.ordered_at, order.executed_at or 0, order.triggered_at or 0)
            for order in orders.values()
            if order.executed_lots
        ),
        default=0,
    )
