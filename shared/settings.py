"""Typed settings, read once: `bot.yaml` beside this file, then a profile, then the environment (`BOT_`, `__` for levels)."""

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
import yaml

from shared import names
from shared.errors import BadSettings
from shared.masking import is_webhook, shown, veiled
from shared.setting_kinds import (
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
    LearningRate,
    Milliseconds,
    MoveRate,
    Name,
    NoOrSomeDays,
    NoOrSomeSeconds,
    Repeats,
    RequestSeconds,
    ScheduleDays,
    Seconds,
    Seed,
    Share,
    SignedRate,
    SkewMilliseconds,
    SlippageRate,
    Text,
    Trees,
    WholeDays,
    WholeSeconds,
    WindowCandles,
    WindowSeconds,
    YearlyVolatility,
    Years,
    Yen,
)
from shared.setting_values import BadValue, hints_of, settled
from shared.strategy_settings import Consensus, Strategies

DEFAULTS = Path(__file__).with_name("bot.yaml")
PREFIX = "BOT_"
NOT_SETTINGS = frozenset({"BOT_REQUIRE", "BOT_BUNDLE_SIGNING_KEY", "BOT_PROFILE", "BOT_VENV"})

NOT_HASHED = (
    *("home", "state", "bucket", "clock", "exchange", "discord", "alerts"),
    *("replay", "backtest", "study", "gate", "retrain"),
)
"""What cannot change a decision of a tick with a given model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSettings:
    """Where bitbank is and how patiently it is asked."""

    public_url: Text
    private_url: Text
    timeout_seconds: RequestSeconds
    request_window_seconds: RequestSeconds
    read_attempts: Attempts
    retry_base_seconds: NoOrSomeSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSettings:
    """The times of a tick. `settle_seconds` end before a minute's second price: a tick knows its account up to its price."""

    interval_seconds: WholeSeconds
    no_new_order_after_seconds: Seconds
    answer_by_seconds: Seconds
    lease_seconds: Seconds
    settle_seconds: Annotated[float, msgspec.Meta(ge=0.0, lt=20.0)]
    decision_valid_seconds: NoOrSomeSeconds
    manual_ahead_seconds: NoOrSomeSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """How much history a tick looks at, and what is too little, too old or too broken."""

    window_candles: WindowCandles
    window_keep: WindowCandles
    min_history_15m: WindowCandles
    min_history_4h: WindowCandles
    hole_lookback_15m: WindowCandles
    max_hole_candles: WindowCandles
    max_clock_skew_ms: SkewMilliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerWeights:
    """The soft vote of the three learners."""

    lightgbm: Share
    xgboost: Share
    random_forest: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningSettings:
    """Features, label, split, size and seed of the training."""

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
    weights: LearnerWeights
    weights_from: Literal["settings", "fitted"]
    calibration: Literal["platt", "temperature"]
    row_step: CandleCount
    volatility_head: bool
    meta_head: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What must be shown before a model may enter. Sources of the thresholds: docs/adr."""

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
    """The weekly retraining."""

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
    """What makes a serving model suspect, and whether a suspect model may still enter."""

    max_age_days: Days
    overdue_days: Days
    least_rows: Count
    least_spread: Share
    hit_rate_slack: Share
    calibration_slack: Share
    forbid_entries: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureSettings:
    """The target policy: weight x capital instead of one entry with stop and target."""

    volatility_target: YearlyVolatility
    band: Share
    stop_rate: Annotated[float, msgspec.Meta(ge=0.0001, lt=0.9)]
    passive_seconds: NoOrSomeSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSettings:
    """All limits."""

    policy: Literal["barrier", "target"]
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
    """How entries are tried."""

    entry_attempts: Attempts
    crossing_rate: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSettings:
    """What the paper exchange assumes."""

    spread_rate: CostRate
    slippage_rate: SlippageRate
    volume_share: Share
    keep_trades: Annotated[int, msgspec.Meta(ge=1, le=1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """What a replay assumes beside the paper settings. None: what the exchange states of the pair, one label horizon."""

    maker_fee_rate: FeeRate | None
    taker_fee_rate: FeeRate | None
    embargo_candles: Embargo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestSettings:
    """How a backtest is worked off in slices. Not one of these can change a result."""

    slice_seconds: Seconds
    time_limit_seconds: Seconds
    lease_seconds: Seconds
    checkpoint_seconds: NoOrSomeSeconds
    step_seconds: NoOrSomeSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySettings:
    """Where the runs of a study are worked on. Not one of these can change a result."""

    jobs: Jobs
    backend: Literal["loky", "threading", "dask", "ray"]
    address: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordSettings:
    """How alerts leave."""

    timeout_seconds: RequestSeconds
    attempts: Attempts
    window_seconds: WindowSeconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, except secrets. `state` and `bucket` are never empty after `load`."""

    mode: Literal["paper", "live"]
    stage: Literal["paper", "stage-10", "stage-50", "live"]
    id: Name
    pair: Literal["btc_jpy"]
    account: Literal["margin", "spot"]
    sides: Literal["long", "both"]
    capital_jpy: Yen
    home: Text
    state: Text
    bucket: Text
    alerts: Literal["inline", "log"]
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
    risk: RiskSettings
    stages: dict[str, Share]
    execution: ExecutionSettings
    paper: PaperSettings
    replay: ReplaySettings
    backtest: BacktestSettings
    study: StudySettings
    discord: DiscordSettings
    profile: Text | None = None

    def __repr__(self) -> str:
        told = ", ".join(f"{field.name}={veiled(repr(getattr(self, field.name)))}" for field in fields(self))
        return f"Settings({told})"

    @property
    def home_path(self) -> Path:
        """The data folder, absolute."""
        return Path(self.home)

    @property
    def hash(self) -> str:
        """Twelve hex digits that change when any setting changes that can change a decision (addresses cannot)."""
        told = msgspec.to_builtins(self)
        for name in NOT_HASHED:
            told.pop(name)
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def load(
    environ: Mapping[str, str],
    *,
    profile: Text | None = None,
    overrides: Mapping[str, Any] | None = None,
    defaults: Path = DEFAULTS,
) -> Settings:
    """Read defaults, then the profile, then `environ`, then `overrides` (nested mappings). Raises `BadSettings`."""
    told: dict[str, Any] = msgspec.msgpack.decode(_parsed(defaults.read_text(encoding="utf-8")))
    profiles = told.pop("profiles", {})
    name = profile or environ.get("BOT_PROFILE") or None
    if name is not None:
        if name not in profiles:
            raise BadSettings(
                f"BOT_PROFILE was {shown(name)}, which bot.yaml does not know",
                remedy=f"choose one of: {', '.join(sorted(profiles))}",
            )
        _overlay(told, profiles[name], f"profile {name}")
        told["profile"] = name
    for key in sorted(environ):
        if key.startswith(PREFIX) and key not in NOT_SETTINGS:
            _set(told, key, environ[key])
    if overrides:
        _overlay(told, overrides, "overrides")
    settings = _convert(told)
    _check(settings)
    return settings


def leaves(kind: type = Settings, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting that holds a value: its dotted name, and its type with its bounds."""
    for name, hint in hints_of(kind).items():
        if is_dataclass(hint) and isinstance(hint, type):
            yield from leaves(hint, f"{path}{name}.")
        elif get_origin(hint) is dict:
            yield from ((f"{path}{name}.{key}", get_args(hint)[1]) for key in get_args(get_type_hints(Settings)["stage"]))
        elif name != "profile":
            yield f"{path}{name}", hint


_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _parsed(text: str) -> bytes:
    """The defaults in a form of which copies are cheap: YAML takes longer than all the rest."""
    return msgspec.msgpack.encode(yaml.load(text, Loader=_YAML_LOADER))  # noqa: S506 - safe, in C


def _suggest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word[:_LONGEST_NAME], known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"


def _overlay(base: dict[str, Any], extra: Mapping[str, Any], where: str) -> None:
    for key, value in extra.items():
        if key not in base and key != "profile":
            found = f"{where} has an unknown setting {shown(key)}"
            raise BadSettings(found, remedy=_suggest(str(key), [str(one) for one in base]))
        if isinstance(base.get(key), dict) and isinstance(value, Mapping):
            _overlay(base[key], value, f"{where}.{key}")
        else:
            base[key] = value


def _set(told: dict[str, Any], variable: str, text: str) -> None:
    *path, last = variable.removeprefix(PREFIX).lower().split("__")
    level: Any = told
    for depth, part in enumerate(path):
        if not isinstance(level.get(part), dict):
            known = [PREFIX + "__".join([*path[:depth], name]).upper() for name in level]
            raise BadSettings(f"the environment has an unknown setting {variable}", remedy=_suggest(variable, known))
        level = level[part]
    names = {str(name).replace("-", "_"): name for name in level}
    if last not in names or isinstance(level[names[last]], dict):
        known = [PREFIX + "__".join([*path, name]).upper() for name in names]
        raise BadSettings(f"the environment has an unknown setting {variable}", remedy=_suggest(variable, known))
    level[names[last]] = text


def _checked(value: Any, kind: Any, path: str) -> Any:
    """Give every value the type and the bounds of its setting, and name the setting where that fails."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = hints_of(kind)
        for key in _group(value, path):
            if key not in hints:
                raise BadSettings(f"unknown setting {path}{str(key)[:_LONGEST_NAME]}", remedy=_suggest(str(key), list(hints)))
        for key in hints:
            if key not in value and key != "profile":
                raise BadSettings(f"the setting {path}{key} is missing", remedy="give it in bot.yaml")
        return {key: _checked(item, hints[key], f"{path}{key}.") for key, item in value.items()}
    if get_origin(kind) is dict:
        return {key: _checked(item, get_args(kind)[1], f"{path}{key}.") for key, item in _group(value, path).items()}
    name = path.removesuffix(".")
    if isinstance(value, str) and is_webhook(value):
        found = f"the setting {name} was the address of a webhook, which is a secret"
        raise BadSettings(found, remedy="put it into DISCORD_WEBHOOK_URL and take it out here")
    try:
        return settled(value, kind)
    except BadValue as error:
        raise BadSettings(
            f"the setting {name} was {shown(value)}: {error}",
            remedy=f"bot.yaml explains {name}; the environment calls it {PREFIX}{name.upper().replace('.', '__')}",
        ) from error


def _group(value: Any, path: str) -> Mapping[Any, Any]:
    if isinstance(value, Mapping):
        return value
    found = f"the setting {path.removesuffix('.')} was {shown(value)}: it is a group of settings"
    raise BadSettings(found, remedy="name one of its settings")


_LONGEST_NAME = 100


def _convert(told: dict[str, Any]) -> Settings:
    told = _checked(told, Settings, "")
    home = _data_folder(told["home"])
    told["home"] = str(home)
    told["state"] = told["state"] or f"sqlite:///{home / 'state.sqlite'}"
    told["bucket"] = told["bucket"] or f"file:///{home / 'bucket'}"
    settings: Settings = msgspec.convert(told, Settings)
    return settings


def _data_folder(text: str) -> Path:
    try:
        home = Path(text).expanduser().absolute() if text else None
    except RuntimeError:  # ~somebody, whom this machine does not know
        home = None
    if home is None:
        found = f"the setting home was {shown(text)}: it names no folder"
        raise BadSettings(found, remedy="set BOT_HOME to a folder, like ~/.crypto-bot")
    return home


def is_loopback(url: str) -> bool:
    """Whether an address points to this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_id(name: str) -> None:
    """The bot's name is a part of every document's path: one that is not plain would hide its intents from itself."""
    wrong = "is kept for what belongs to every bot" if name in names.RESERVED else f"must {names.RULE}"
    if not names.is_name(name) or name in names.RESERVED:
        raise BadSettings(
            f"the setting id was {shown(name)}: it {wrong}",
            remedy="set BOT_ID to a short plain name, like default or trend-2",
        )


def _is_address(url: str) -> bool:
    """Whether a text is an address that HTTP can be spoken with."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, brackets that are no address
        return False


ARRIVAL_MARGIN_SECONDS = 3.0
"""Beyond the window for which a request is valid: what the clocks may differ by, here and at the exchange."""


def _check_times(settings: Settings) -> None:
    """A tick's times in their order, each with what would follow if it were not kept."""
    tick, exchange = settings.tick, settings.exchange
    last_order = {
        "tick.no_new_order_after_seconds": tick.no_new_order_after_seconds,
        "exchange.timeout_seconds": exchange.timeout_seconds,
        "exchange.request_window_seconds": exchange.request_window_seconds,
        "a margin": ARRIVAL_MARGIN_SECONDS,
    }
    lease = {"tick.lease_seconds": tick.lease_seconds}
    answer = {"tick.answer_by_seconds": tick.answer_by_seconds}
    interval = {"tick.interval_seconds": float(tick.interval_seconds)}
    orders = {"tick.no_new_order_after_seconds": tick.no_new_order_after_seconds}
    pairs = (
        (lease, interval, "a tick that died would hold up the next one"),
        (last_order, lease, "an order could arrive when another tick already works on the account"),
        (answer, lease, "a tick would still be at work when its lease is over"),
        (orders, answer, "a tick would answer before its last order is out"),
        ({"tick.settle_seconds": tick.settle_seconds}, orders, "a tick that waits for its candle could never order anything"),
        ({"tick.manual_ahead_seconds": tick.manual_ahead_seconds}, interval, "a tick could take the name of the next one"),
    )
    for earlier, later, why in pairs:
        if sum(earlier.values()) >= sum(later.values()):
            raise BadSettings(
                f"{_times(earlier)} must be below {_times(later)}: otherwise {why}",
                remedy=f"lower {next(iter(earlier))} or raise {next(iter(later))}; bot.yaml shows times that fit together",
            )


def _times(parts: Mapping[str, float]) -> str:
    return " + ".join(f"{name} ({seconds:g} s)" for name, seconds in parts.items())


def _check(settings: Settings) -> None:
    _check_id(settings.id)
    addresses = {"exchange.public_url": settings.exchange.public_url, "exchange.private_url": settings.exchange.private_url}
    for name, url in {**addresses, **({} if settings.clock == "system" else {"clock": settings.clock})}.items():
        if not _is_address(url):
            raise BadSettings(
                f"the setting {name} was {shown(url)}: it is no address", remedy="write it like https://host/path"
            )
    if settings.stage not in settings.stages:
        raise BadSettings(f"stages has no share for {settings.stage!r}", remedy="add it under stages in bot.yaml")
    if settings.market.window_keep < settings.market.window_candles:
        raise BadSettings("market.window_keep is below market.window_candles", remedy="keep at least the window")
    _check_times(settings)
    if settings.account == "spot" and settings.sides == "both":
        raise BadSettings("a spot account cannot go short", remedy="set BOT_ACCOUNT=margin or BOT_SIDES=long")
    if settings.account == "spot" and settings.risk.max_leverage > 1.0:
        raise BadSettings("a spot account has no leverage", remedy="set BOT_RISK__MAX_LEVERAGE=1.0 or less")
    if settings.clock != "system":
        urls = (settings.clock, settings.exchange.public_url, settings.exchange.private_url)
        if not all(is_loopback(url) for url in urls):
            raise BadSettings(
                f"BOT_CLOCK was {shown(settings.clock)}: a stepped clock is only for a sandbox on this machine",
                remedy="set BOT_CLOCK=system, or point both exchange addresses to the sandbox",
            )
