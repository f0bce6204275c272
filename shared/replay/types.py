"""What a replay takes and gives: frozen values only.

No port to state, ledger or exchange is among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from shared.core.money import UNITS_PER_JPY
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    AccountKind,
    Candles,
    Fill,
    FloatArray,
    IntArray,
    PairRules,
    Side,
    TickReport,
    Timeframe,
    Trade,
)
from shared.risk.limits import Limits
from shared.turn.pipeline import Stages


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltPeriod:
    """A person halted the bot at `from_at` and resumed it at `until_at` (None: not yet); where it
    `flattens` all that was held was to be closed.

    >>> HaltPeriod(from_at=0).until_at is None  # nobody has resumed it yet
    True
    """

    from_at: int
    until_at: int | None = None
    flattens: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Which ticks there were.

    Without anything said: one every `tick.interval_seconds`, received at its schedule time.

    >>> Schedule(missed=frozenset({180_000})).halts
    ()

    Attributes:
        missed: Schedule times at which no tick ran.
        received_at: When a tick that came late was received, by its schedule time.
        halts: When a person had halted the bot.
    """

    missed: frozenset[int] = frozenset()
    received_at: Mapping[int, int] = field(default_factory=dict)
    halts: tuple[HaltPeriod, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What an account that has traded before begins with: cash and nothing else, and what its
    limits have counted.

    >>> limits = Limits.first(equity_jpy=Decimal(990_000), now_ms=1_767_225_600_000)
    >>> Opening(cash_jpy=Decimal(990_000), limits=limits).limits.day
    '2026-01-01'
    """

    cash_jpy: Decimal
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that a replay depends on.

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
    >>> inputs.resolution.value, inputs.schedule.missed
    ('15m', frozenset())

    Attributes:
        candles: 15m and 4h candles, with the history before `start_at` that the first decisions
            need.
        minutes: The 1m candles of [start_at, end_at): the resolution of record. None: the 15m
            candles alone, the fast and conservative approximation.
        stages: The array stages over exactly `candles`; see `pipeline.stages`. Computed once,
            shared by many replays.
        settings: All rules; `capital_jpy` is the money at the start, `paper` the spread, slippage
            and volume share.
        rules: Fees, interest, minimum size and what the exchange allowed.
        start_at: First schedule time, ms UTC.
        end_at: No decision after this instant; what is held then is valued, not sold.
        schedule: Ticks that were missed or late, and halts.
        opening: The account's past, where it has one; None: a new one with `settings.capital_jpy`.
        every_tick: Run the scalar rules at every schedule time and keep a report of each (slow; the
            proof of the fast way).
        notes: What the reader of a result must know, shown on its face; see `is_warning`.
    """

    candles: Mapping[Timeframe, Candles]
    stages: Stages
    settings: Settings
    start_at: int
    end_at: int
    minutes: Candles | None = None
    rules: PairRules = field(default_factory=PairRules)
    schedule: Schedule = field(default_factory=Schedule)
    opening: Opening | None = None
    every_tick: bool = False
    notes: tuple[str, ...] = ()

    @property
    def resolution(self) -> Timeframe:
        """The candles that the path is made of."""
        return Timeframe.M15 if self.minutes is None else Timeframe.M1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """One entry order that was placed, why, and what came of it.

    `agreeing` are the strategies that voted for its side, with their confidence. `attempt` counts
    from 1 a candle. `filled_lots` is what the order got in its life.

    >>> entered = Entered(
    ...     intent="t1~e1",
    ...     as_of=0,
    ...     placed_at=1_000,
    ...     side=Side.LONG,
    ...     lots=12,
    ...     price=9_800_000,
    ...     stop_price=9_700_000,
    ...     target_price=10_000_000,
    ...     attempt=1,
    ...     strength=0.7,
    ...     edge_rate=0.002,
    ...     agreeing={"atr_based": 0.6},
    ... )
    >>> entered.filled_lots
    0
    """

    intent: str
    as_of: int
    placed_at: int
    side: Side
    lots: int
    price: int
    stop_price: int
    target_price: int
    attempt: int
    strength: float
    edge_rate: float | None
    agreeing: Mapping[str, float]
    filled_lots: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to the account's limits: a halt, a cool-down, an order that was
    refused, in words for people.

    >>> Event(at=0, reason=Reason.LIMIT_DRAWDOWN, detail="20 % below the peak").reason.value
    'limit_drawdown'
    """

    at: int
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The account at the close of every 15m candle of the period, and once at its start; shape (n,)
    each.

    `equity_units` is exact, in 0.0001 yen. `close` is the last price by then, in yen; `lots` is
    what is held, negative for a short.

    >>> import numpy as np
    >>> curve = Curve(
    ...     at=np.array([0, 900_000]),
    ...     equity_units=np.array([10_000_000_000, 10_005_000_000]),
    ...     close=np.array([9_800_000.0, 9_804_900.0]),
    ...     lots=np.array([0, 100]),
    ... )
    >>> curve.equity_jpy.tolist()
    [1000000.0, 1000500.0]
    """

    at: IntArray
    equity_units: IntArray
    close: FloatArray
    lots: IntArray

    @property
    def equity_jpy(self) -> FloatArray:
        """Equity in yen, for statistics and pictures."""
        equity: FloatArray = self.equity_units / UNITS_PER_JPY
        return equity


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The result of a replay: everything that happened, nothing summed up yet (see
    `shared.results.performance`).

    >>> from shared.replay import replay
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
    >>> replayed = replay(inputs)
    >>> replayed.resolution.value, len(replayed.curve.at), sum(replayed.denials.values())
    ('15m', 97, 96)

    Attributes:
        resolution: 1m (of record) or 15m (conservative approximation).
        trades: Every closing fill as a trade, in order; `ends_position` marks the last part of a
            position.
        denials: For how many 15m candles each reason decided that nothing was entered.
        counts: candles, visits (ticks that were worked out), entries, second_attempts,
            partial_fills, stops, targets, …
        ticks: With `every_tick`, one report a schedule time.
        notes: What must be said on the result's face.
    """

    start_at: int
    end_at: int
    resolution: Timeframe
    settings_hash: str
    profile: str | None
    model: str | None
    account: AccountKind
    rules: PairRules
    start_equity_jpy: Decimal
    end_equity_jpy: Decimal
    trades: tuple[Trade, ...]
    fills: tuple[Fill, ...]
    entries: tuple[Entered, ...]
    curve: Curve
    denials: Mapping[Reason, int] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    ticks: tuple[TickReport, ...] = ()
    notes: tuple[str, ...] = ()


def is_warning(note: str) -> bool:
    """Whether a note warns, and does not only inform: it begins with a word in capitals, as in
    "INSIDE TRAINING: ...".
    """
    word = note.split(maxsplit=1)[0] if note.strip() else ""
    letters = word.rstrip(":")
    return len(letters) > 1 and letters.isalpha() and letters.isupper()
