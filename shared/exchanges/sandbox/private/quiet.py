"""How far the path can be passed over because nothing of the account can happen on it. Pure."""

import numpy as np

from shared.core.money import LOT_BTC
from shared.core.types import AccountKind, Order, OrderKind, Side
from shared.exchanges.paper.ledger import equity
from shared.exchanges.paper.settling import next_due
from shared.exchanges.sandbox.private.ordering import is_dormant
from shared.exchanges.sandbox.private.standing import Ground, Standing, funded_account
from shared.exchanges.sandbox.private.worth import maintenance_jpy, product_jpy
from shared.market.path import OFFSETS_MS

LOOK_AHEAD_ROWS = 1_440


def quiet_until(standing: Standing, ground: Ground, until: int) -> int:
    """The first row from the standing's own at which something can happen, or at which `until`
    lies; never more than `LOOK_AHEAD_ROWS` away where something is held or waits.
    """
    minutes, row = ground.minutes, standing.row
    last = max(row, int(minutes.opened_at.searchsorted(until - OFFSETS_MS[-1])))
    if standing.waiting or standing.margin.positions:
        last = min(last, row + LOOK_AHEAD_ROWS)
    due = [
        next_due(account, minutes, row, last)
        for account in (standing.spot, standing.margin)
        if account.orders
    ]
    return min(
        [last, *due, *_waiting_rows(standing, ground, last), _cut_row(standing, ground, last)]
    )


def _waiting_rows(standing: Standing, ground: Ground, last: int) -> list[int]:
    falls_to, rises_to = -np.inf, np.inf
    for order in standing.waiting:
        bounds = _bounds(standing, order)
        if bounds is None:
            return [standing.row]
        below, above = bounds
        falls_to, rises_to = max(falls_to, below), min(rises_to, above)
    return [_first_beyond(ground, standing.row, last, falls_to, rises_to)]


def _bounds(standing: Standing, order: Order) -> tuple[float, float] | None:
    """Between which prices, both excluded, an order waits on; None where it stirs at once."""
    record, intent = standing.orders[order.order_id], order.intent
    if is_dormant(record):
        rises = intent.is_buy == (record.type != "take_profit")
        level = float(intent.trigger_price or 0)
    elif intent.is_opening or standing.account_of(record.kind).lots(intent.side):
        return None
    elif intent.kind is OrderKind.STOP:
        rises, level = intent.is_buy, float(intent.trigger_price or 0)
    else:
        rises = not intent.is_buy
        level = float(intent.price or 0) + (1 if rises else -1)
    return (-np.inf, level) if rises else (level, np.inf)


def _cut_row(standing: Standing, ground: Ground, last: int) -> int:
    """The first row whose low or high the margin may not carry: it is worth what a straight line
    says, with the interest of the last of these rows.
    """
    settings, minutes, row = ground.settings, ground.minutes, standing.row
    if not standing.margin.positions or not settings.losscut_percentage or row >= last:
        return last
    at = int(minutes.opened_at[last - 1]) + minutes.timeframe.ms
    price = int(minutes.open[row])
    funded = funded_account(standing, AccountKind.MARGIN, price, settings.collateral_rate)
    coins = standing.spot.lots(Side.LONG) * settings.collateral_rate
    lots = coins + sum(held.lots * held.side.sign for held in funded.positions)
    least = maintenance_jpy(funded, product_jpy(funded.positions))
    spare = equity(funded, price, at) - least * settings.losscut_percentage / 100
    slope = float(lots * LOT_BTC)
    worst = np.minimum(
        (minutes.low[row:last] - price) * slope, (minutes.high[row:last] - price) * slope
    )
    (hits,) = (worst + float(spare) < 1.0).nonzero()
    return row + int(hits[0]) if len(hits) else last


def _first_beyond(ground: Ground, row: int, last: int, falls_to: float, rises_to: float) -> int:
    minutes = ground.minutes
    (hits,) = ((minutes.low[row:last] <= falls_to) | (minutes.high[row:last] >= rises_to)).nonzero()
    return row + int(hits[0]) if len(hits) else last
