"""What is left of a month."""

from dataclasses import replace
from decimal import Decimal

from shared.core.calendar import DAY_MS
from shared.core.money import ZERO, jpy
from shared.results.targets.figure import Reached, TargetFigure, TargetName, judge_figure

LEAST_JPY = Decimal(2_000)
MONTH_DAYS = 30
NEEDED_DAYS = 7


def judge_profit(
    change_jpy: Decimal | None, *, length_ms: int, monthly_cost_jpy: Decimal | None
) -> TargetFigure:
    """Profit: yen a month above cost; at least 2,000.

    The change of equity in the period (what was realised and what is held at the mark, after fees
    and interest), scaled to 30 days, less what the cloud costs in a month. Another capital is no
    profit: who calls begins after it was last set. Where the costs are not known the number is told
    without them, and only a profit that is too small already is judged. Below 7 days it is not
    judged.

    >>> figure = judge_profit(
    ...     Decimal(700), length_ms=7 * DAY_MS, monthly_cost_jpy=Decimal(500)
    ... )
    >>> figure.value, figure.reached.value  # 100 a day: 3,000 a month
    (Decimal('2500.0000'), 'met')

    Args:
        change_jpy: End less start; None where no equity is known.
        length_ms: From the one to the other.
        monthly_cost_jpy: None where it is not known.
    """
    month = None
    if change_jpy is not None and length_ms > 0:
        month = jpy(change_jpy * MONTH_DAYS * DAY_MS / length_ms)
    value = None if month is None else month - (monthly_cost_jpy or ZERO)
    figure = judge_figure(
        TargetName.PROFIT,
        value,
        limit=LEAST_JPY,
        is_least=True,
        samples=length_ms // DAY_MS,
        needed=NEEDED_DAYS,
        parts={
            "change_jpy": change_jpy,
            "month_jpy": month,
            "monthly_cost_jpy": monthly_cost_jpy,
            "days": length_ms / DAY_MS,
        },
    )
    if monthly_cost_jpy is None and figure.reached is Reached.MET:
        return replace(figure, reached=Reached.UNKNOWN)
    return figure
