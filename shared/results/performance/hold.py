"""Buy and hold beside a replay: the least that trading must beat."""

from decimal import Decimal

import numpy as np

from shared.core.errors import BadData
from shared.core.money import ZERO, jpy, notional_jpy, price_yen
from shared.core.types import FloatArray
from shared.replay.types import Replayed
from shared.results.performance.drawdown import drawdowns
from shared.results.performance.returns import measure_returns
from shared.results.performance.series import Series, units_of, yen_of_units
from shared.results.performance.types import BuyAndHold


def held_series(replayed: Replayed) -> tuple[Series, int, int | None, Decimal]:
    """Equity of buy and hold on the curve's own instants, and how many lots at which price for what
    fee.

    All the capital that whole lots take goes in at the first close and stays; what is left over
    stays money. No interest: coins that are paid for cost none. Until there is a price (the curve
    says 0), the capital waits. Raises `BadData` for a close that is not a whole positive number
    after that.
    """
    curve, capital = replayed.curve, units_of(replayed.start_equity_jpy)
    at, close = curve.at, curve.close
    if len(at) == 0 or at[0] > replayed.start_at:
        at, close = np.insert(at, 0, replayed.start_at), np.insert(close, 0, 0.0)
    units = np.full(len(at), capital, dtype=np.int64)
    priced = np.flatnonzero(close != 0.0)
    if not len(priced):
        return Series(at=at, units=units), 0, None, ZERO
    first = int(priced[0])
    known = close[first:]
    if not np.isfinite(known).all() or bool((known <= 0.0).any()):
        raise BadData("the equity curve holds a close that is not a positive number")
    price, rate = price_yen(float(known[0])), replayed.rules.taker_fee_rate
    lots = int(Decimal(capital) / (price * (1 + rate)))
    fee = jpy(notional_jpy(price, lots) * rate)
    # The fee falls into the first step, so that the series begins with the whole capital, as the
    # replay's own does.
    units[first + 1 :] += (np.round(known[1:]).astype(np.int64) - price) * lots - units_of(fee)
    return Series(at=at, units=units), lots, price, fee


def buy_and_hold(replayed: Replayed, *, total: float, daily: FloatArray | None) -> BuyAndHold:
    """Buy and hold over the replay's period, measured the same way; `total` and `daily` are the
    replay's returns.
    """
    series, lots, price, fee = held_series(replayed)
    returns, own = measure_returns(series, start_at=replayed.start_at, end_at=replayed.end_at)
    return BuyAndHold(
        lots=lots,
        price=price,
        fee_jpy=fee,
        end_equity_jpy=yen_of_units(int(series.units[-1])),
        returns=returns,
        drawdown=drawdowns(series, annual_return=returns.annual),
        excess=total - returns.total,
        correlation=_correlation(daily, own),
    )


def _correlation(one: FloatArray | None, other: FloatArray | None) -> float | None:
    if one is None or other is None or len(one) < 2 or np.ptp(one) == 0.0 or np.ptp(other) == 0.0:  # noqa: PLR2004
        return None
    return float(np.clip(np.corrcoef(one, other)[0, 1], -1.0, 1.0))
