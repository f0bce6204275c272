"""What an account was worth at many instants at once: exact integers in 0.0001 yen, equal to
`ledger.equity` at each. Pure.
"""

from collections.abc import Sequence

import numpy as np

from shared.core.calendar import DAY_MS
from shared.core.money import jpy, jpy_units
from shared.core.types import AccountKind, Candles, Entry, FloatArray, IntArray, Side
from shared.exchanges.paper.account import Terms
from shared.market.path import offsets_ms
from shared.replay.hands import Snapshot


def worth(
    snapshot: Snapshot,
    marks: IntArray,
    as_of: IntArray,
    *,
    kind: AccountKind,
    terms: Terms,
) -> IntArray:
    """Equity at the instants `as_of` at the prices `marks` (whole yen), while the account is as in
    `snapshot`.

    A yen of price times a lot of 0.0001 BTC is 0.0001 yen: nothing is rounded but fees and
    interest, as in the ledger.
    """
    value = np.full(len(marks), snapshot.cash_units, dtype=np.int64)
    for position in snapshot.positions:
        if not kind.has_debt:
            value += marks * position.lots
            continue
        value += (marks * position.lots - jpy_units(position.product_jpy)) * position.side.sign
        value -= jpy_units(position.fees_jpy)
        for entry in position.entries:
            value -= _interest(entry, position.side, as_of, terms)
    return value


def _interest(entry: Entry, side: Side, as_of: IntArray, terms: Terms) -> IntArray:
    """Interest that has accrued on one entry: each started period of 24 hours counts as a day."""
    day_rate = terms.long_interest_rate_day if side is Side.LONG else terms.short_interest_rate_day
    day = entry.product_jpy * day_rate
    days = np.maximum(0, as_of - entry.at) // DAY_MS + 1
    if not len(days):
        return days
    most = int(days.max())
    table = np.array([jpy_units(jpy(day * count)) for count in range(most + 1)], dtype=np.int64)
    interest: IntArray = table[days]
    return interest


def marks_at(path: Candles, instants: IntArray, snapshot: Snapshot) -> IntArray:
    """The last price of the path that a tick has settled by each instant; the snapshot's own while
    the path is silent.
    """
    rows = np.searchsorted(path.opened_at, instants - path.timeframe.ms, side="right") - 1
    own = snapshot.last_price
    marks = np.where(rows >= 0, path.close[np.maximum(rows, 0)], 0 if own is None else own).astype(
        np.int64
    )
    if own is not None:
        silent = (rows < 0) | (
            path.opened_at[np.maximum(rows, 0)] + path.timeframe.ms <= snapshot.from_at
        )
        marks = np.where(silent, own, marks)
    return marks


def prices_at(path: Candles, instants: IntArray) -> FloatArray:
    """The last price of the path at or before each instant (see `path.price_at`); 0 where the path
    begins later.
    """
    rows = np.searchsorted(path.opened_at, instants, side="right") - 1
    row = np.maximum(rows, 0)
    since = instants - path.opened_at[row]
    point = np.searchsorted(np.array(offsets_ms(path.timeframe)), since, side="right") - 1
    rises = path.high[row] - path.open[row] < path.open[row] - path.low[row]
    nearer = np.where(rises, path.high[row], path.low[row])
    other = np.where(rises, path.low[row], path.high[row])
    prices: FloatArray = np.choose(
        np.clip(point, 0, 3), [path.open[row], nearer, other, path.close[row]]
    )
    return np.where(rows >= 0, prices, 0.0)


def curve(
    snapshots: Sequence[Snapshot],
    instants: IntArray,
    path: Candles,
    *,
    kind: AccountKind,
    terms: Terms,
) -> tuple[IntArray, FloatArray, IntArray]:
    """Equity in 0.0001 yen, the path's last price (0: none yet), and the lots held (negative:
    short) at each of `instants`.

    Instants ascend.
    """
    begins = np.array([item.from_at for item in snapshots], dtype=np.int64)
    cuts = [*np.searchsorted(instants, begins, side="left").tolist(), len(instants)]
    equity = np.zeros(len(instants), dtype=np.int64)
    lots = np.zeros(len(instants), dtype=np.int64)
    for snapshot, first, stop in zip(snapshots, cuts[:-1], cuts[1:], strict=True):
        if stop <= first:
            continue
        if not snapshot.positions:
            equity[first:stop] = snapshot.cash_units
            continue
        part = instants[first:stop]
        equity[first:stop] = worth(
            snapshot, marks_at(path, part, snapshot), part, kind=kind, terms=terms
        )
        lots[first:stop] = sum(
            position.side.sign * position.lots for position in snapshot.positions
        )
    rows = np.searchsorted(path.opened_at, instants - path.timeframe.ms, side="right") - 1
    close = (
        np.where(rows >= 0, path.close[np.maximum(rows, 0)], 0.0)
        if len(path)
        else np.zeros(len(instants))
    )
    return equity, close, lots
