"""The nouns, all frozen and all in one place, long as that is: stages know each other only through them.

Instants are integers: milliseconds since 1970 UTC, in names that end in `_at` or `as_of`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.money import ZERO
from shared.reasons import Reason

FloatArray: TypeAlias = NDArray[np.float64]
Int8Array: TypeAlias = NDArray[np.int8]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]


_LENGTHS_MS = {"1m": 60_000, "15m": 900_000, "4h": 14_400_000}


class Timeframe(StrEnum):
    """The candles that the bot reads."""

    M1 = "1m"
    M15 = "15m"
    H4 = "4h"

    @property
    def ms(self) -> int:
        """Its length in milliseconds."""
        return _LENGTHS_MS[self._value_]


class Side(StrEnum):
    """The side of a position."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 for long, -1 for short."""
        return 1 if self is Side.LONG else -1


class OrderKind(StrEnum):
    """The three kinds of order that the bot places. A stop becomes a market order when it fires."""

    LIMIT = "limit"
    MARKET = "market"
    STOP = "stop"


class Purpose(StrEnum):
    """What an order is for."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    CLOSE = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """Candles of one timeframe as arrays of equal length n, ascending by `opened_at`; holes stay holes.

    Prices are whole yen held as float64 (exact), volume is in BTC. Rules are checked by `market.candles.checked`.
    """

    timeframe: Timeframe
    opened_at: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __len__(self) -> int:
        """How many candles."""
        return len(self.opened_at)

    @property
    def closed_at(self) -> IntArray:
        """When each candle closed."""
        return self.opened_at + self.timeframe.ms

    def rows(self, start: int | None, stop: int | None) -> "Candles":
        """The candles of a slice of rows, as views."""
        cut = slice(start, stop)
        return Candles(
            timeframe=self.timeframe,
            opened_at=self.opened_at[cut],
            open=self.open[cut],
            high=self.high[cut],
            low=self.low[cut],
            close=self.close[cut],
            volume=self.volume[cut],
        )

    def tail(self, count: int) -> "Candles":
        """The last `count` candles."""
        return self.rows(max(0, len(self) - count), None)

    def closed_by(self, as_of: int) -> "Candles":
        """Only candles that were closed at `as_of`."""
        return self.rows(0, int(np.searchsorted(self.opened_at, as_of - self.timeframe.ms, side="right")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The best prices in whole yen, and what rests there in lots."""

    as_of: int
    bid: int
    ask: int
    bid_lots: int = 0
    ask_lots: int = 0

    @property
    def crossed(self) -> bool:
        """Whether the book makes no sense for continuous trading."""
        return self.bid >= self.ask

    @property
    def spread_rate(self) -> float:
        """(ask - bid) / mid."""
        return 2.0 * (self.ask - self.bid) / (self.ask + self.bid)

    @property
    def mid(self) -> Decimal:
        """The middle, exact."""
        return Decimal(self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRules:
    """What the exchange says of the pair: minimum and maximum sizes in lots, fees and interest as fractions."""

    min_lots: int = 1
    max_limit_lots: int = 10_000_000
    max_market_lots: int = 100_000
    maker_fee_rate: Decimal = ZERO
    taker_fee_rate: Decimal = Decimal("0.001")
    long_interest_rate_day: Decimal = Decimal("0.0004")
    short_interest_rate_day: Decimal = Decimal("0.0004")
    margin_ratio: Decimal = Decimal("0.5")
    enabled: bool = True
    stop_orders: bool = True
    market_orders: bool = True
    long_opens: bool = True
    short_opens: bool = True
    status: str = "NORMAL"
    circuit_break_mode: str = "NONE"

    @property
    def suspended(self) -> bool:
        """Whether the exchange takes no order at all."""
        return not self.enabled or self.status == "HALT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One thing that is wrong with data or market: whether it forbids entries, and the facts."""

    reason: Reason
    forbids_entry: bool
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What a tick knows of the market: closed, final candles only, the book, the rules, and the quality of it all."""

    as_of: int
    candles: Mapping[Timeframe, Candles]
    book: Book | None
    rules: PairRules
    issues: tuple[Issue, ...] = ()
    latency_ms: float = 0.0
    clock_skew_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """A matrix, one row a 15m candle, float64; NaN where a value is not warm yet.

    `as_of[i]` is the close of candle i: the first instant at which row i is known.
    """

    as_of: IntArray
    names: tuple[str, ...]
    values: FloatArray

    def column(self, name: str) -> FloatArray:
        """One feature by its name, shape (n,)."""
        return self.values[:, self.names.index(name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Votes:
    """What each strategy says on each row, and what they say together.

    `sides` (n, s) and `consensus` (n,) hold -1, 0, +1; `confidences` (n, s) and `strength` (n,) lie in [0, 1].
    """

    as_of: IntArray
    names: tuple[str, ...]
    sides: Int8Array
    confidences: FloatArray
    consensus: Int8Array
    strength: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The exposure that a strategy with a target wants on each row, shape (n,) each; NaN until it is warm.

    `weight` lies in [-1, 1]; `volatility` is the strategy's own estimate of the past, as a share of the price a year.
    """

    as_of: IntArray
    weight: FloatArray
    volatility: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Barriers:
    """The label that a model was trained on, and so what its probabilities are about.

    kind `barriers`: which of two levels, `atr_multiple` x ATR(14) away, is touched first within `horizon_candles`.
    kind `next_candle`: whether the next close lies more than `move_rate` below or above this one (the original's label): no
    level is touched, so that no expected value follows from it.
    """

    atr_multiple: float
    horizon_candles: int
    kind: Literal["barriers", "next_candle"] = "barriers"
    move_rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Calibrated probabilities (n, 3) in the order lower barrier first, neither, upper first; NaN where there are none.

    `unasked` (n,) marks the rows that could have been predicted, but that nobody asked for; None: every row was asked for.
    `volatility` (n,) is the forecast of the realised volatility of the next 4 hours (root of the sum of squared 15m returns, a
    rate), `p_vote` (n,) the probability that the consensus' own trade pays; NaN where there is none, None without that head.
    """

    as_of: IntArray
    probabilities: FloatArray
    model: str
    barriers: Barriers
    unasked: BoolArray | None = None
    volatility: FloatArray | None = None
    p_vote: FloatArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One strategy's word on one candle."""

    strategy: str
    side: int
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One row of the array stages: all that the scalar rules need to know of candle `as_of`.

    `volatility` is the model's forecast for the next 4 hours and `volatility_past` what the last 4 hours had (both the root of
    the sum of squared 15m returns). `p_vote`: that the consensus' own trade pays. `target_weight` in [-1, 1] is the exposure
    that a strategy with a target wants, `target_volatility` its estimate of the price's volatility a year; both rest on
    candles that were closed at `target_as_of`, the last 4h close.
    """

    as_of: int
    close: int
    atr_jpy: float
    side: Side | None
    strength: float
    votes: tuple[Vote, ...] = ()
    p_lower: float | None = None
    p_neither: float | None = None
    p_upper: float | None = None
    barriers: Barriers | None = None
    model: str | None = None
    price_z: float = 0.0
    volume_z: float = 0.0
    warm: bool = True
    volatility: float | None = None
    volatility_past: float | None = None
    p_vote: float | None = None
    target_weight: float | None = None
    target_as_of: int | None = None
    target_volatility: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the target policy wants to hold: `lots`, negative for a short, decided on the 4h close `as_of`.

    `since`: the close of the 15m candle since which a larger position is wanted than is held; 0 where none is.
    """

    lots: int
    as_of: int
    since: int = 0


class Action(StrEnum):
    """What a decision asks for."""

    ENTER = "enter"
    REDUCE = "reduce"
    EXIT = "exit"
    HOLD = "hold"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What risk wants, and why. `reason` is OK only for an action that goes through.

    `lots` are those of the order: what an ENTER adds, what a REDUCE closes. `goal` is what the target policy wants from now on;
    `crosses`: an entry may take liquidity.
    """

    action: Action
    as_of: int
    reason: Reason
    side: Side | None = None
    lots: int = 0
    stop_price: int = 0
    target_price: int = 0
    exit_by: int | None = None
    edge_rate: float | None = None
    cost_rate: float | None = None
    goal: Goal | None = None
    crosses: bool = False
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntent:
    """An order as it is written down before it is sent. `id` is deterministic: tick, purpose, sequence.

    `stop_price` and `target_price` of an entry tell what must protect its fills. `expires_at`: an entry never
    outlives the tick that placed it.
    """

    id: str
    purpose: Purpose
    side: Side
    kind: OrderKind
    lots: int
    price: int | None = None
    trigger_price: int | None = None
    post_only: bool = False
    expires_at: int | None = None
    stop_price: int | None = None
    target_price: int | None = None
    reason: Reason = Reason.OK

    @property
    def opens(self) -> bool:
        """Whether it opens or grows a position."""
        return self.purpose is Purpose.ENTRY

    @property
    def buys(self) -> bool:
        """Whether the order buys bitcoin."""
        return (self.side is Side.LONG) == self.opens


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order that the exchange holds."""

    order_id: int
    intent: OrderIntent
    placed_at: int
    remaining_lots: int

    @property
    def executed_lots(self) -> int:
        """What has been filled so far."""
        return self.intent.lots - self.remaining_lots


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A part of an order that was executed. `sequence` counts the account's fills from 1, so that each is told once."""

    sequence: int
    order_id: int
    purpose: Purpose
    side: Side
    at: int
    price: int
    lots: int
    maker: bool
    fee_jpy: Decimal
    slippage_jpy: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One opening fill of a position that is still open, for its average price, interest and uncollected fee."""

    at: int
    price: int
    lots: int
    fee_jpy: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What is held on one side."""

    side: Side
    entries: tuple[Entry, ...]

    @property
    def lots(self) -> int:
        """Its size."""
        return sum(entry.lots for entry in self.entries)

    @property
    def opened_at(self) -> int:
        """When the first of it was bought or sold."""
        return self.entries[0].at

    @property
    def average_price(self) -> Decimal:
        """The mean opening price, weighted by size, exact."""
        return Decimal(sum(entry.price * entry.lots for entry in self.entries)) / self.lots


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A position from its opening to its end, or the part of it that one closing fill ended."""

    sequence: int
    side: Side
    opened_at: int
    closed_at: int
    lots: int
    entry_price: Decimal
    exit_price: int
    reason: Reason
    gross_jpy: Decimal
    fees_jpy: Decimal
    interest_jpy: Decimal
    slippage_jpy: Decimal = ZERO
    ends_position: bool = True

    @property
    def net_jpy(self) -> Decimal:
        """Profit after all costs. Slippage is inside the prices already."""
        return self.gross_jpy - self.fees_jpy - self.interest_jpy


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The exchange has the order."""

    order: Order
    fills: tuple[Fill, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The exchange said no."""

    reason: Reason
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody knows whether the exchange has the order. Never resent; reconciliation finds out."""

    context: Mapping[str, str] = field(default_factory=dict)


Outcome: TypeAlias = Accepted | Rejected | Unknown


class Level(StrEnum):
    """How loud an alert is: critical at once, warning soon, info in a digest."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something a person should know. `key` (bot, kind, subject, window) guards against repetition."""

    key: str
    level: Level
    kind: str
    title: str
    at: int
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What the exchange holds for us: the truth that every tick starts from.

    `trades` and `fills` are all that no saved state has counted and the most recent ones before, oldest first;
    `Trade.sequence` tells which are new. Paper only: `settled_until` is up to where the path has been walked,
    `opened_with_jpy` the capital that the account began with, and it is `untouched` as long as nothing was ever filled.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Up to which trade and fill, by their sequence, a saved state has counted. Whoever keeps more may let go of these."""

    trades: int = 0
    fills: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionPlan:
    """What the exchange does not know of a position: why it was entered, its stop and target, and when it must end."""

    side: Side
    stop_price: int
    target_price: int
    exit_by: int
    as_of: int
    entry_intent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the risk rules know of the account at the moment of a decision."""

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


class TickStatus(StrEnum):
    """How a tick ended."""

    DONE = "done"
    DUPLICATE = "duplicate"
    BUSY = "busy"
    LATE = "late"
    HALTED = "halted"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """One order or cancel of a tick: what was asked, and how it came out."""

    what: str
    intent: OrderIntent
    outcome: str
    order_id: int | None = None
    reason: Reason = Reason.OK
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TickReport:
    """Everything that one tick saw, decided and did. Stored, answered as JSON, logged, and replayed later."""

    tick: str
    bot: str
    status: TickStatus
    scheduled_at: int
    received_at: int
    finished_at: int
    mode: str
    stage: str
    settings_hash: str
    reason: Reason = Reason.OK
    detail: str = ""
    profile: str | None = None
    decision: Decision | None = None
    signal: Signal | None = None
    issues: tuple[Issue, ...] = ()
    orders: tuple[OrderRecord, ...] = ()
    fills: tuple[Fill, ...] = ()
    trades: tuple[Trade, ...] = ()
    positions: tuple[Position, ...] = ()
    resting: tuple[Order, ...] = ()
    plan: PositionPlan | None = None
    equity_jpy: Decimal | None = None
    cash_jpy: Decimal | None = None
    mark_price: Decimal | None = None
    model: str | None = None
    alerts: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
