"""From everything that happened to the numbers that sum it up."""

from collections.abc import Sequence

import numpy as np

from shared.core.calendar import YEAR_MS
from shared.core.sentences import say
from shared.replay.types import Replayed
from shared.results.performance import attribution
from shared.results.performance.costs import exposure, mean_units, trading_costs
from shared.results.performance.drawdown import drawdowns
from shared.results.performance.hold import buy_and_hold
from shared.results.performance.positions import book_of, position_statistics
from shared.results.performance.returns import measure_returns, month_returns
from shared.results.performance.series import equity_of
from shared.results.performance.significance import significance
from shared.results.performance.types import Performance

SEED = 7
_BASIS_SENTENCES = 9


def measure(
    replayed: Replayed, *, trials: int = 1, trial_sharpes: Sequence[float] = (), seed: int = SEED
) -> Performance:
    """Sum up a replay.

    >>> from shared.core.types import Timeframe
    >>> from shared.replay import Inputs, replay
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.turn.pipeline import stages
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> inputs = Inputs(
    ...     candles=candles,
    ...     stages=stages(candles, bundle=None, settings=load_settings({})),
    ...     settings=load_settings({}),
    ...     start_at=start + 7 * day,
    ...     end_at=start + 8 * day,
    ... )
    >>> performance = measure(replay(inputs))
    >>> performance.returns.total, performance.positions.count, performance.start_equity_jpy
    (0.0, 0, Decimal('1000000.0000'))

    Args:
        replayed: What happened.
        trials: How many variants were ever scored on this data, this one included.
        trial_sharpes: Their annualised Sharpes, as `Returns.sharpe` tells them, as far as known.
        seed: Of the bootstrap: the same replay and seed give the same numbers.

    Raises:
        BadData: Where the curve contradicts itself or the account, or a number is NaN.
    """
    start_at, end_at = replayed.start_at, replayed.end_at
    series, book = equity_of(replayed), book_of(replayed)
    returns, daily = measure_returns(series, start_at=start_at, end_at=end_at)
    nets = np.array([one.net_units for one in book.closed], dtype=np.float64)
    held_at_end = bool(len(replayed.curve.lots)) and int(replayed.curve.lots[-1]) != 0
    return Performance(
        start_at=start_at,
        end_at=end_at,
        years=(end_at - start_at) / YEAR_MS,
        resolution=replayed.resolution,
        start_equity_jpy=replayed.start_equity_jpy,
        end_equity_jpy=replayed.end_equity_jpy,
        returns=returns,
        drawdown=drawdowns(series, annual_return=returns.annual),
        positions=position_statistics(book, held_at_end=held_at_end),
        costs=trading_costs(replayed, book, series),
        exposure=exposure(replayed, mean_equity_units=mean_units(series)),
        by_side=attribution.by_side(book),
        by_reason=attribution.by_reason(book),
        by_strategy=attribution.by_strategy(book),
        months=month_returns(series, book.closed, start_at=start_at, end_at=end_at),
        hold=buy_and_hold(replayed, total=returns.total, daily=daily),
        significance=significance(
            daily, nets, trials=trials, trial_sharpes=trial_sharpes, seed=seed
        ),
        basis=tuple(say(f"rules.basis.{number}") for number in range(1, _BASIS_SENTENCES + 1)),
    )
