"""What the limits remember between ticks: equity's peak, the day's start, the losing streak, the
cool-down. Pure.

Every update may be done twice: trades are counted by their sequence, equity only raises the peak or
begins a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.core.calendar import jst_day
from shared.core.frozen import copy_with
from shared.core.money import ZERO, jpy
from shared.core.settings import Settings
from shared.core.types import Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`position_net_jpy` adds up the parts of a position that is closed piece by piece: it wins or
    loses as a whole.

    >>> limits = Limits.first(equity_jpy=Decimal(1_000_000), now_ms=1_767_225_600_000)
    >>> limits.day, limits.after_equity(Decimal(1_050_000), 1_767_225_780_000).equity_peak_jpy
    ('2026-01-01', Decimal('1050000'))
    """

    equity_peak_jpy: Decimal
    day: str
    day_start_equity_jpy: Decimal
    losing_streak: int = 0
    cooldown_until: int = 0
    last_trade_sequence: int = 0
    position_net_jpy: Decimal = ZERO

    @classmethod
    def first(cls, *, equity_jpy: Decimal, now_ms: int) -> "Limits":
        """The limits of an account that is seen for the first time."""
        return cls(equity_peak_jpy=equity_jpy, day=jst_day(now_ms), day_start_equity_jpy=equity_jpy)

    def after_trades(self, trades: Sequence[Trade], now_ms: int, settings: Settings) -> "Limits":
        """Count the trades that are new: `max_losses` positions lost in a row begin a cool-down,
        and the count anew.

        The cool-down runs from the close of the last of them, however late a tick learns of it.
        Trades that claim to have closed after `now_ms` wait for their time.
        """
        limits = self
        fresh = {
            trade.sequence: trade
            for trade in trades
            if trade.sequence > self.last_trade_sequence and trade.closed_at <= now_ms
        }
        for sequence in sorted(fresh):
            limits = limits._after(fresh[sequence], settings)
        return limits

    def _after(self, trade: Trade, settings: Settings) -> "Limits":
        net = self.position_net_jpy + trade.net_jpy
        counted = copy_with(self, last_trade_sequence=trade.sequence, position_net_jpy=net)
        if not trade.ends_position:
            return counted
        streak = self.losing_streak + 1 if net < 0 else 0
        cooldown_until = self.cooldown_until
        if streak >= settings.risk.max_losses:
            streak = 0
            cooldown_until = max(
                cooldown_until, trade.closed_at + int(settings.risk.cooldown_seconds * 1000)
            )
        return copy_with(
            counted, losing_streak=streak, cooldown_until=cooldown_until, position_net_jpy=ZERO
        )

    def after_equity(self, equity_jpy: Decimal, now_ms: int) -> "Limits":
        """Raise the peak; on the first look of a JST day, take the equity as the day's start."""
        peak, day = max(self.equity_peak_jpy, equity_jpy), jst_day(now_ms)
        if day > self.day:
            return copy_with(self, equity_peak_jpy=peak, day=day, day_start_equity_jpy=equity_jpy)
        return copy_with(self, equity_peak_jpy=peak) if equity_jpy > self.equity_peak_jpy else self

    def restart_peak(self, equity_jpy: Decimal) -> "Limits":
        """After a person took the drawdown halt back: the peak begins at the present equity, every
        other limit stays.
        """
        return copy_with(self, equity_peak_jpy=equity_jpy)

    def restart_untraded(self, equity_jpy: Decimal) -> "Limits":
        """Of an account that never traded, so that peak and day's start are one: they are what it
        is given now.
        """
        if self.equity_peak_jpy != self.day_start_equity_jpy or self.equity_peak_jpy == equity_jpy:
            return self
        return copy_with(self, equity_peak_jpy=equity_jpy, day_start_equity_jpy=equity_jpy)

    def restage(self, *, before_jpy: Decimal, after_jpy: Decimal, equity_jpy: Decimal) -> "Limits":
        """After the stage of a real account changed its capital; `equity_jpy` is that of after.

        Going up, the falls from peak and day's start are kept in yen; going down, as shares. So no
        change of stage halts anything by itself, and none makes a fall undone.

        >>> limits = Limits.first(equity_jpy=Decimal(100_000), now_ms=1_767_225_600_000)
        >>> up = limits.restage(
        ...     before_jpy=Decimal(100_000), after_jpy=Decimal(500_000), equity_jpy=Decimal(490_000)
        ... )
        >>> up.equity_peak_jpy - Decimal(490_000)
        Decimal('10000.0000')
        >>> down = up.restage(
        ...     before_jpy=Decimal(500_000), after_jpy=Decimal(100_000), equity_jpy=Decimal(90_000)
        ... )
        >>> f"{up.drawdown(Decimal(490_000)):.6f}", f"{down.drawdown(Decimal(90_000)):.6f}"
        ('0.020000', '0.020000')
        """
        moved = after_jpy - before_jpy
        if not moved:
            return self
        if not moved.is_signed() or equity_jpy <= 0:
            peak, start = self.equity_peak_jpy + moved, self.day_start_equity_jpy + moved
        else:
            old_jpy = equity_jpy - moved
            peak = self.equity_peak_jpy * equity_jpy / old_jpy
            start = self.day_start_equity_jpy * equity_jpy / old_jpy
        return copy_with(self, equity_peak_jpy=jpy(peak), day_start_equity_jpy=jpy(start))

    def drawdown(self, equity_jpy: Decimal) -> Decimal:
        """How far the equity lies below its peak, as a share of the peak; never negative."""
        return fall(self.equity_peak_jpy, equity_jpy)


def fall(start_jpy: Decimal, now_jpy: Decimal) -> Decimal:
    """The loss since `start_jpy` as a share of it; 1 where the start was nothing already.

    >>> fall(Decimal(1_000_000), Decimal(950_000)), fall(Decimal(1_000_000), Decimal(1_100_000))
    (Decimal('0.05'), Decimal('0.0000'))
    """
    if start_jpy <= 0:
        return Decimal(1)
    return max(ZERO, (start_jpy - now_jpy) / start_jpy)
