"""What is held and owed, and what a bot remembers of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.core.types.ledger import Fate, Ledger, Stranger
from shared.core.types.market import Issue
from shared.core.types.orders import Fill, Order, Position, Side, Trade
from shared.core.types.signal import Goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What the exchange holds for us: the truth that every tick starts from.

    `trades` and `fills` are all that no saved state has counted and the most recent ones before,
    oldest first; `Trade.sequence` tells which are new. Paper only: `settled_until` is up to where
    the path has been walked, `opened_with_jpy` the capital that the account began with, and it is
    `untouched` as long as nothing was ever filled.

    A real exchange only: `ledger` is the bot's own book as it is now, which the state keeps;
    `fates` what is known of each intent that no saved state knew of (None: all are settled);
    `strangers` the orders of the pair that are not the bot's; `issues` what is wrong with it all;
    `there_lots` how much of a side the exchange shows and would let be closed, and `most_jpy` for
    how many yen it would let one be opened.

    >>> money = Decimal(1_000_000)
    >>> holdings = Holdings(
    ...     as_of=0, cash_jpy=money, equity_jpy=money, available_jpy=money, mark_price=None
    ... )
    >>> (holdings.positions, holdings.orders)
    ((), ())
    """

    as_of: int
    cash_jpy: Decimal
    equity_jpy: Decimal
    available_jpy: Decimal
    mark_price: Decimal | None
    positions: tuple[Position, ...] = ()
    orders: tuple[Order, ...] = ()
    trades: tuple[Trade, ...] = ()
    fills: tuple[Fill, ...] = ()
    settled_until: int | None = None
    opened_with_jpy: Decimal | None = None
    untouched: bool = False
    ledger: Ledger | None = None
    fates: Mapping[str, Fate] | None = None
    strangers: tuple[Stranger, ...] = ()
    issues: tuple[Issue, ...] = ()
    there_lots: Mapping[Side, int] | None = None
    most_jpy: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Up to which trade and fill, by their sequence, a saved state has counted.

    Whoever keeps more may let go of these.

    >>> Counted(trades=3, fills=7)
    Counted(trades=3, fills=7)
    """

    trades: int = 0
    fills: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionPlan:
    """What the exchange does not know of a position: why it was entered, its stop and target, and
    when it must end.

    >>> plan = PositionPlan(
    ...     side=Side.LONG,
    ...     stop_price=9_700_000,
    ...     target_price=10_000_000,
    ...     exit_by=43_200_000,
    ...     as_of=0,
    ...     entry_intent="default~1~e1",
    ... )
    >>> plan.target_price - plan.stop_price
    300000
    """

    side: Side
    stop_price: int
    target_price: int
    exit_by: int
    as_of: int
    entry_intent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the risk rules know of the account at the moment of a decision.

    >>> money = Decimal(1_000_000)
    >>> account = Account(
    ...     equity_jpy=money,
    ...     capital_jpy=money,
    ...     available_jpy=money,
    ...     equity_peak_jpy=money,
    ...     day_start_equity_jpy=money,
    ... )
    >>> (account.position, account.halted, account.attempts_used)
    (None, False, 0)
    """

    equity_jpy: Decimal
    capital_jpy: Decimal
    available_jpy: Decimal
    equity_peak_jpy: Decimal
    day_start_equity_jpy: Decimal
    losing_streak: int = 0
    cooldown_until: int = 0
    halted: bool = False
    drawdown_halted: bool = False
    position: Position | None = None
    plan: PositionPlan | None = None
    goal: Goal | None = None
    entry_resting: bool = False
    attempts_used: int = 0
    is_staged: bool = False
