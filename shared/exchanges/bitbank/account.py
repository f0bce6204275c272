"""The account at bitbank as it is read: orders, executions, balances, positions, and what an order
is prepared from.

Every reading may be made again; only by `sending` is anything changed. POSTs are sent once, also
the one that reads (`orders_info`): what it does not bring is asked for by GET.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from shared.core.clock import Clock
from shared.core.deadline import bound_at
from shared.core.errors import BadData, BotError, NotThere
from shared.core.settings import ExchangeSettings
from shared.core.types import OrderIntent
from shared.exchanges.bitbank.balance_answers import Balances, balances_from
from shared.exchanges.bitbank.bodies import (
    MOST_IDS,
    SignedRequest,
    order_body,
    orders_info_request,
    query_request,
)
from shared.exchanges.bitbank.envelope import read_data
from shared.exchanges.bitbank.errors import is_worth_retry
from shared.exchanges.bitbank.margin_answers import (
    MarginAccount,
    MarginPositions,
    margin_account_from,
    positions_from,
)
from shared.exchanges.bitbank.private_answers import (
    ExchangeOrder,
    ExchangeTrade,
    OrdersById,
    TradePage,
    order_from,
    orders_by_id_from,
    resting_from,
    trade_page_from,
)
from shared.exchanges.bitbank.rereading import Rereading
from shared.exchanges.bitbank.sending import AccountBefore, PreparedOrder
from shared.exchanges.bitbank.signed import SignedRest

MOST_RESTING = 100
"""How many resting orders are asked for; bitbank takes 30 of a pair."""
PAGE = 100
MOST_PAGES = 50
OVERLAP_MS = 60_000
"""How much older than what is wanted the oldest trade of a page must be: whether executions of one
moment are listed in their order is not documented."""

Said = TypeVar("Said")


class AccountReader:
    """Reads one pair of one account. Not for threads."""

    def __init__(
        self,
        rest: SignedRest,
        settings: ExchangeSettings,
        clock: Clock,
        *,
        pair: str,
        is_margin: bool,
        jitter: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`jitter` draws from [0, 1) and spreads the back-off."""
        self._rest = rest
        self._clock = clock
        self._pair = pair
        self._is_margin = is_margin
        self._reread = Rereading(settings, jitter=jitter, sleep=sleep, monotonic=monotonic)
        self.newest_order_id = 0

    def read_balances(self) -> Balances:
        """What is held of yen and bitcoin."""
        return self._read(query_request("user/assets"), balances_from)

    def read_positions(self) -> MarginPositions:
        """Both sides of the pair on margin. A fill may show only seconds later."""
        return self._read(
            query_request("user/margin/positions"),
            lambda data: positions_from(data, pair=self._pair),
        )

    def read_margin(self) -> MarginAccount:
        """The margin account."""
        return self._read(
            query_request("user/margin/status"),
            lambda data: margin_account_from(data, pair=self._pair),
        )

    def read_resting(self) -> tuple[ExchangeOrder, ...]:
        """Resting orders by their ids. A stop that has not fired may be missing: ask for it by its
        id.
        """
        request = query_request("user/spot/active_orders", pair=self._pair, count=MOST_RESTING)
        orders = self._read(request, lambda data: resting_from(data, pair=self._pair))
        if len(orders) >= MOST_RESTING:
            raise BadData(f"active_orders: {len(orders)} rest, more than bitbank allows")
        self._see(order.order_id for order in orders)
        return orders

    def read_order(self, order_id: int) -> ExchangeOrder:
        """One order. Raises `NotThere` where there is none, or it ended over three months ago."""
        request = query_request("user/spot/order", pair=self._pair, order_id=order_id)
        return self._read(
            request, lambda data: order_from(data, pair=self._pair, order_id=order_id)
        )

    def read_orders(self, order_ids: Sequence[int]) -> OrdersById:
        """Orders by their ids, and which were not answered."""
        wanted = sorted(set(order_ids))
        found: list[ExchangeOrder] = []
        for start in range(0, len(wanted), MOST_IDS):
            found += self._orders_among(wanted[start : start + MOST_IDS])
        known = {order.order_id for order in found}
        return OrdersById(orders=tuple(found), missing=frozenset(wanted) - known)

    def read_trades(
        self, since_ms: int, *, until_ms: int | None = None, most_pages: int = MOST_PAGES
    ) -> tuple[ExchangeTrade, ...]:
        """All executions since an instant, and before `until_ms` where that is given, oldest first.

        The unit of `since` is not documented, and read as seconds an instant in milliseconds would
        hide every trade. So the newest are asked for without it, then older pages by `end`, until
        one reaches beyond the instant with an overlap, or brings nothing older: how many rows a
        page has is the exchange's to say. With `until_ms` the first page is asked for by `end`.
        `BadData` where a page as full as any brings nothing older, one is not told newest first, or
        the history is too long.
        """
        known: dict[int, ExchangeTrade] = {}
        end = {} if until_ms is None else {"end": until_ms + OVERLAP_MS}
        most = 0
        for _ in range(most_pages):
            page = self._page(end)
            fresh = [trade for trade in page.trades if trade.trade_id not in known]
            if any(known.get(trade.trade_id, trade) != trade for trade in page.trades):
                raise BadData("trade_history: an execution changed from page to page")
            known |= {trade.trade_id: trade for trade in fresh}
            most = max(most, page.rows)
            if not fresh:
                if page.rows >= PAGE or most == page.rows < len(known):
                    raise BadData("trade_history: an older page brought nothing older")
                break
            oldest_at = page.trades[0].executed_at
            if oldest_at < since_ms - OVERLAP_MS:
                break
            end = {"end": oldest_at + 1}
        else:
            raise BadData("trade_history: too many pages")
        self._see(trade.order_id for trade in known.values())
        kept = [
            trade
            for trade in known.values()
            if since_ms <= trade.executed_at and (until_ms is None or trade.executed_at < until_ms)
        ]
        return tuple(sorted(kept, key=lambda trade: (trade.executed_at, trade.trade_id)))

    def read_before_order(self) -> AccountBefore:
        """What an order is prepared from. The newest id is one of those that rest or were executed
        lately, or of an earlier reading.
        """
        self.read_resting()
        self._see(trade.order_id for trade in self._page({}).trades)
        return AccountBefore(
            read_at=self._clock.now_ms(),
            newest_order_id=self.newest_order_id,
            balances=self.read_balances(),
            positions=self.read_positions() if self._is_margin else None,
        )

    def prepare_order(
        self, intent: OrderIntent, *, before: AccountBefore | None = None, at_ms: int | None = None
    ) -> PreparedOrder:
        """The order as it will be sent, to be written down before it is.

        Its time is fixed here, after everything was read: `at_ms`, or now. Raises `BadData` for an
        intent that bitbank has no order for, and what a reading raises.
        """
        body = order_body(intent, pair=self._pair, is_margin=self._is_margin)
        known = self.read_before_order() if before is None else before
        return PreparedOrder(
            intent=intent,
            pair=self._pair,
            is_margin=self._is_margin,
            body=body,
            at_ms=self._clock.now_ms() if at_ms is None else at_ms,
            window_ms=self._rest.window_ms,
            before=known,
        )

    def _orders_among(self, order_ids: Sequence[int]) -> Sequence[ExchangeOrder]:
        """One request for all of them, sent once as every POST is; where that brings nothing they
        are asked for one by one, as often as other readings: without them nothing is known.
        """
        request = orders_info_request(order_ids, pair=self._pair)
        try:
            data = read_data(self._rest.carry(request), request.path)
            return orders_by_id_from(data, pair=self._pair, order_ids=order_ids).orders
        except BotError as error:
            if not is_worth_retry(error):
                raise
        found = []
        for number in order_ids:
            with suppress(NotThere):
                found.append(self.read_order(number))
        return found

    def _page(self, end: Mapping[str, int]) -> TradePage:
        request = query_request(
            "user/spot/trade_history", pair=self._pair, count=PAGE, order="desc", **end
        )
        return self._read(request, lambda data: trade_page_from(data, pair=self._pair))

    def _see(self, order_ids: Iterable[int]) -> None:
        self.newest_order_id = max(self.newest_order_id, *order_ids, 0)

    def _read(self, request: SignedRequest, parse: Callable[[Mapping[str, Any]], Said]) -> Said:
        return self._reread.read(
            lambda: parse(read_data(self._rest.carry(request), request.path)),
            deadline=bound_at(self._rest.deadline),
        )
