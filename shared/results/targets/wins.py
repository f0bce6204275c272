"""How many positions end with a profit."""

from collections.abc import Sequence

from shared.core.types import Trade
from shared.results.performance.positions import position_parts
from shared.results.performance.series import yen_of_units
from shared.results.targets.figure import TargetFigure, TargetName, judge_figure

LEAST_WINS = 0.55
NEEDED_POSITIONS = 30
"""With fewer, a coin that is thrown passes, or fails, too easily."""


def judge_wins(trades: Sequence[Trade], *, begin_at: int, end_at: int) -> TargetFigure:
    """Wins: of the positions that ended in the period, the share with a profit; at least 55 %.

    A position that is closed in parts counts once, when its last part is closed, by the sum of its
    parts after fees and interest (slippage is in the prices). One that ends at zero is no win.
    Below 30 positions the rate is told and not judged.

    >>> judge_wins([], begin_at=0, end_at=86_400_000).samples
    0

    Args:
        trades: Of one book, in order; earlier ones tell the first parts of positions.
        begin_at: Start of the period, ms UTC.
        end_at: Its end, exclusive.
    """
    ended = [
        parts for parts in position_parts(trades)[0] if begin_at <= parts[-1].closed_at < end_at
    ]
    nets = [sum(part.net_units for part in parts) for parts in ended]
    wins = sum(net > 0 for net in nets)
    return judge_figure(
        TargetName.WINS,
        wins / len(nets) if nets else None,
        limit=LEAST_WINS,
        is_least=True,
        samples=len(nets),
        needed=NEEDED_POSITIONS,
        parts={
            "wins": wins,
            "losses": sum(net < 0 for net in nets),
            "net_jpy": yen_of_units(sum(nets)),
        },
    )
