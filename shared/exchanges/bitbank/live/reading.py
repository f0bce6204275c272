"""One whole reading of the account: what rests, what became of our orders, what was executed, what
is held.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from shared.exchanges.bitbank.account import AccountReader
from shared.exchanges.bitbank.balance_answers import Balances
from shared.exchanges.bitbank.margin_answers import MarginAccount, MarginPositions
from shared.exchanges.bitbank.private_answers import ExchangeOrder, ExchangeTrade


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What bitbank said, within a second or two.

    `orders` are those that rest and those that were asked for by their ids, `missing` those that
    were asked for and not answered. `positions` is None on spot, `margin` where it was not asked
    for.
    """

    read_at: int
    resting: frozenset[int]
    orders: Mapping[int, ExchangeOrder]
    missing: frozenset[int]
    executions: tuple[ExchangeTrade, ...]
    balances: Balances
    positions: MarginPositions | None
    newest_order_id: int
    margin: MarginAccount | None = field(default=None)


def read_account(
    reader: AccountReader,
    *,
    now_ms: int,
    tracked: Collection[int],
    since_ms: int,
    is_margin: bool,
    has_lost: bool,
    asks_margin: bool = False,
) -> Reading:
    """Read everything once; `tracked` orders that do not rest are asked for by their ids, and so,
    where an answer `has_lost` an order of ours, is what was executed and is not ours.

    Orders come before executions, and these before what is held: what an earlier answer shows a
    later one cannot lack, but for what bitbank itself tells late.
    """
    resting = {order.order_id: order for order in reader.read_resting()}
    wanted = [number for number in tracked if number not in resting]
    asked = reader.read_orders(wanted) if wanted else None
    orders = {**resting, **({} if asked is None else {one.order_id: one for one in asked.orders})}
    executions = reader.read_trades(since_ms)
    strange = {one.order_id for one in executions} - set(tracked) - set(orders)
    if has_lost and strange:
        orders |= {one.order_id: one for one in reader.read_orders(sorted(strange)).orders}
    positions = reader.read_positions() if is_margin else None
    balances = reader.read_balances()
    return Reading(
        read_at=now_ms,
        resting=frozenset(resting),
        orders=orders,
        missing=frozenset() if asked is None else asked.missing,
        executions=executions,
        balances=balances,
        positions=positions,
        newest_order_id=reader.newest_order_id,
        margin=reader.read_margin() if is_margin and asks_margin else None,
    )
