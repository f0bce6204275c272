"""Every setting, its type and its bounds. Defaults and their meaning live in `shared/bot.yaml`."""

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from shared.core.masking import mask_secrets_and_keys
from shared.core.settings.kinds import (
    AtrDistance,
    Attempts,
    CandleCount,
    Confidence,
    CooldownSeconds,
    CostRate,
    Count,
    Days,
    Depth,
    Deviations,
    Earlier,
    Embargo,
    FeeRate,
    Jobs,
    KeptDays,
    LearningRate,
    Milliseconds,
    MoveRate,
    Name,
    NoOrSomeDays,
    NoOrSomeSeconds,
    Repeats,
    RequestSeconds,
    RequestWindowSeconds,
    ScheduleDays,
    Seconds,
    Seed,
    Share,
    SignedRate,
    SkewMilliseconds,
    SlippageRate,
    Text,
    TimeOfDay,
    Trees,
    WholeDays,
    WholeSeconds,
    WindowCandles,
    WindowSeconds,
    YearlyVolatility,
    Years,
    Yen,
)
from shared.core.settings.strategies import Consensus, Strategies
from shared.core.variants import AccountKind, PolicyName

SURROUNDINGS = (
    *("home", "state", "bucket", "clock", "exchange"),
    *("alerts", "discord", "telling", "digest", "rounds", "keep"),
)
"""Where a bot lives and how it tells: no decision, no model and no experiment depends on it."""
NOT_HASHED = (*SURROUNDINGS, "replay", "backtest", "study", "gate", "retrain")

"""What cannot change a decision of a tick with a given model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSettings:
    """Where bitbank is and how patiently it is asked.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).exchange.public_url
    'https://public.bitbank.cc'
    """

    public_url: Text
    private_url: Text
    timeout_seconds: RequestSeconds
    request_window_seconds: RequestWindowSeconds
    read_attempts: Attempts
    retry_base_seconds: NoOrSomeSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSettings:
    """The times of a tick.

    `settle_seconds` end before a minute's second price: a tick knows its account up to its price.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).tick.interval_seconds
    180
    """

    interval_seconds: WholeSeconds
    no_new_order_after_seconds: Seconds
    answer_by_seconds: Seconds
    lease_seconds: Seconds
    settle_seconds: Annotated[float, msgspec.Meta(ge=0.0, lt=20.0)]
    decision_valid_seconds: NoOrSomeSeconds
    manual_ahead_seconds: NoOrSomeSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """How much history a tick looks at, and what is too little, too old or too broken.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).market.window_candles
    1000
    """

    window_candles: WindowCandles
    window_keep: WindowCandles
    min_history_15m: WindowCandles
    min_history_4h: WindowCandles
    hole_lookback_15m: WindowCandles
    max_hole_candles: WindowCandles
    max_clock_skew_ms: SkewMilliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningSettings:
    """Features, label, split, size and seed of the training.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).learning.label, load_settings({}, profile="phase19").learning.label
    ('barriers', 'next_candle')
    """

    days: WholeDays
    features: Literal["model", "phase19", "phase22"]
    label: Literal["barriers", "next_candle"]
    barrier_atr: AtrDistance
    horizon_candles: CandleCount
    move_rate: MoveRate
    validation_share: Share
    rounds: Trees
    forest_trees: Trees
    max_depth: Depth
    learning_rate: LearningRate
    seed: Seed
    weights: dict[str, Share]
    weights_from: Literal["settings", "fitted"]
    calibration: Literal["platt", "temperature"]
    row_step: CandleCount
    volatility_head: bool
    meta_head: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What must be shown before a model may enter. Sources of the thresholds: docs/adr.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).gate.min_dsr
    0.95
    """

    history_days: WholeDays
    confidence: Confidence
    max_calibration_error: Share
    max_opposite_share: Share
    shuffles: Repeats
    random_runs: Count
    min_psr: Share
    min_dsr: Share
    max_pbo: Share
    min_trades: Count
    min_years: Years
    min_effective_rows: Count
    champion_confidence: Confidence
    champion_calibration_slack: Share
    max_month_share: Share
    prior_trials: Earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainSettings:
    """The weekly retraining.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).retrain.every_days
    7
    """

    every_days: ScheduleDays
    time_limit_seconds: Seconds
    lease_seconds: Seconds
    promote: bool
    shadow_days: NoOrSomeDays
    archive_days: WholeDays
    keep_versions: Count
    jobs: Jobs
    tune_every_days: NoOrSomeDays
    tune_trials: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """What makes a serving model suspect, and whether a suspect model may still enter.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).watch.forbid_entries
    False
    """

    max_age_days: Days
    overdue_days: Days
    least_rows: Count
    least_spread: Share
    hit_rate_slack: Share
    calibration_slack: Share
    forbid_entries: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundsSettings:
    """What is looked at beside the ticks, and when it is too much.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).rounds.silent_after_seconds
    600.0
    """

    every_seconds: WholeSeconds
    silent_after_seconds: Seconds
    errors_an_hour: Earlier
    unsettled_after_seconds: Seconds
    tick_url: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureSettings:
    """The target policy: weight x capital instead of one entry with stop and target.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}, profile="trend").risk.exposure.volatility_target
    0.15
    """

    volatility_target: YearlyVolatility
    band: Share
    stop_rate: Annotated[float, msgspec.Meta(ge=0.0001, lt=0.9)]
    passive_seconds: NoOrSomeSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSettings:
    """All limits.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).risk.stop_atr, load_settings({}).risk.max_hold_candles
    (4.0, 48)
    """

    policy: PolicyName
    entry: Literal["value", "threshold"]
    min_probability: Share
    veto_below: Share
    shrink_by_vote: bool
    volatility_target: YearlyVolatility | None
    volatility_reach: Annotated[float, msgspec.Meta(ge=1.0, le=100.0)]
    overrule_model: Text
    exposure: ExposureSettings
    stop_atr: AtrDistance
    target_atr: AtrDistance
    max_hold_candles: CandleCount
    min_edge_rate: SignedRate
    kelly_fraction: Annotated[float, msgspec.Meta(ge=0.0, le=2.0)]
    kelly_cap: Share
    risk_per_trade: Share
    max_leverage: Annotated[float, msgspec.Meta(ge=0.001, le=2.0)]
    max_drawdown: Share
    max_losses: Count
    cooldown_seconds: CooldownSeconds
    daily_loss: Share
    spread_warning: Share
    spread_critical: Share
    book_far_atr: Annotated[float, msgspec.Meta(ge=0.1, le=100.0)]
    book_far_rate: Annotated[float, msgspec.Meta(ge=0.0001, le=0.5)]
    price_z: Deviations
    volume_z: Deviations
    max_latency_ms: Milliseconds
    exit_on_opposite: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSettings:
    """How entries are tried.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).execution.crossing_rate
    0.01
    """

    entry_attempts: Attempts
    crossing_rate: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSettings:
    """What the paper exchange assumes.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).paper.slippage_rate
    0.0005
    """

    spread_rate: CostRate
    slippage_rate: SlippageRate
    volume_share: Share
    keep_trades: Annotated[int, msgspec.Meta(ge=1, le=1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """What a replay assumes beside the paper settings.

    None: what the exchange states of the pair, one label horizon.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}, profile="phase19").replay.maker_fee_rate
    0.0012
    """

    maker_fee_rate: FeeRate | None
    taker_fee_rate: FeeRate | None
    embargo_candles: Embargo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestSettings:
    """How a backtest is worked off in slices. Not one of these can change a result.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).backtest.slice_seconds
    480.0
    """

    slice_seconds: Seconds
    time_limit_seconds: Seconds
    lease_seconds: Seconds
    checkpoint_seconds: NoOrSomeSeconds
    step_seconds: NoOrSomeSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySettings:
    """Where the runs of a study are worked on. Not one of these can change a result.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).study.backend
    'loky'
    """

    jobs: Jobs
    backend: Literal["loky", "threading", "dask", "ray"]
    address: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordSettings:
    """How alerts leave.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).discord.attempts
    3
    """

    timeout_seconds: RequestSeconds
    attempts: Attempts
    window_seconds: WindowSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TellingSettings:
    """Which alerts are told when, and by what.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).telling.positions_at_once
    True
    """

    positions_at_once: bool
    spacing_seconds: NoOrSomeSeconds
    singles: Count
    second_spacing_seconds: NoOrSomeSeconds
    ban_seconds: NoOrSomeSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestSettings:
    """When the day ends of which the digest tells, in Japan's time.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).digest.at
    '18:00'
    """

    at: TimeOfDay


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepSettings:
    """For how long stores keep what nobody needs for ever.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).keep.reports_days
    30
    """

    reports_days: KeptDays
    ticks_days: KeptDays


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, except secrets.

    `state` and `bucket` are never empty after `load`.

    >>> from shared.core.settings import load_settings
    >>> load_settings({}).pair, load_settings({"BOT_SIDES": "both"}).sides
    ('btc_jpy', 'both')
    >>> load_settings({}).hash == load_settings({"BOT_SIDES": "both"}).hash
    False
    """

    mode: Literal["paper", "live"]
    stage: Literal["paper", "stage-10", "stage-50", "live"]
    id: Name
    pair: Literal["btc_jpy"]
    account: AccountKind
    sides: Literal["long", "both"]
    capital_jpy: Yen
    home: Text
    state: Text
    bucket: Text
    alerts: Text
    clock: Text
    bundle_public_key: Text
    exchange: ExchangeSettings
    tick: TickSettings
    market: MarketSettings
    strategies: Strategies
    consensus: Consensus
    learning: LearningSettings
    gate: GateSettings
    retrain: RetrainSettings
    watch: WatchSettings
    rounds: RoundsSettings
    risk: RiskSettings
    stages: dict[str, Share]
    execution: ExecutionSettings
    paper: PaperSettings
    replay: ReplaySettings
    backtest: BacktestSettings
    study: StudySettings
    discord: DiscordSettings
    telling: TellingSettings
    digest: DigestSettings
    keep: KeepSettings
    profile: Text | None = None

    @property
    def has_shorts(self) -> bool:
        """Whether a short may be entered: wanted, and possible on this kind of account."""
        return self.sides == "both" and self.account.has_shorts

    def __repr__(self) -> str:
        told = ", ".join(
            f"{field.name}={mask_secrets_and_keys(repr(getattr(self, field.name)))}"
            for field in fields(self)
        )
        return f"Settings({told})"

    @property
    def home_path(self) -> Path:
        """The data folder, absolute."""
        return Path(self.home)

    @property
    def hash(self) -> str:
        """Twelve hex digits that change when any setting changes that can change a decision
        (addresses cannot).
        """
        told = msgspec.to_builtins(self)
        for name in NOT_HASHED:
            told.pop(name)
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
