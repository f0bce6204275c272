"""Typed settings, read once: `bot.yaml` beside this file, then a profile, then the environment (`BOT_`, `__` for levels)."""

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
import yaml

from shared import names
from shared.errors import BadSettings
from shared.strategy_settings import Consensus, Strategies

DEFAULTS = Path(__file__).with_name("bot.yaml")
PREFIX = "BOT_"
NOT_SETTINGS = frozenset({"BOT_REQUIRE", "BOT_BUNDLE_SIGNING_KEY", "BOT_PROFILE", "BOT_VENV"})

NOT_HASHED = (
    *("home", "state", "bucket", "clock", "exchange", "discord", "alerts"),
    *("replay", "backtest", "study", "gate", "retrain"),
)
"""What cannot change a decision of a tick with a given model."""

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0.0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSettings:
    """Where bitbank is and how patiently it is asked."""

    public_url: str
    private_url: str
    timeout_seconds: Positive
    request_window_seconds: Positive
    read_attempts: Count
    retry_base_seconds: NotNegative


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSettings:
    """The times of a tick. `settle_seconds` end before a minute's second price: a tick knows its account up to its price."""

    interval_seconds: Count
    no_new_order_after_seconds: Positive
    answer_by_seconds: Positive
    lease_seconds: Positive
    settle_seconds: Annotated[float, msgspec.Meta(ge=0.0, lt=20.0)]
    decision_valid_seconds: NotNegative
    manual_ahead_seconds: NotNegative


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """How much history a tick looks at, and what is too little, too old or too broken."""

    window_candles: Count
    window_keep: Count
    min_history_15m: Count
    min_history_4h: Count
    hole_lookback_15m: Count
    max_hole_candles: Count
    max_clock_skew_ms: NotNegative


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerWeights:
    """The soft vote of the three learners."""

    lightgbm: Share
    xgboost: Share
    random_forest: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningSettings:
    """Features, label, split, size and seed of the training."""

    days: Count
    features: Literal["model", "phase19", "phase22"]
    label: Literal["barriers", "next_candle"]
    barrier_atr: Positive
    horizon_candles: Count
    move_rate: Positive
    validation_share: Share
    rounds: Count
    forest_trees: Count
    max_depth: Count
    learning_rate: Positive
    seed: int
    weights: LearnerWeights
    weights_from: Literal["settings", "fitted"]
    calibration: Literal["platt", "temperature"]
    row_step: Count
    volatility_head: bool
    meta_head: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What must be shown before a model may enter. Sources of the thresholds: docs/adr."""

    history_days: Count
    confidence: Annotated[float, msgspec.Meta(ge=0.5, lt=1.0)]
    max_calibration_error: Share
    max_opposite_share: Share
    shuffles: Annotated[int, msgspec.Meta(ge=0)]
    random_runs: Count
    min_psr: Share
    min_dsr: Share
    max_pbo: Share
    min_trades: Count
    min_years: Positive
    min_effective_rows: Count
    champion_confidence: Annotated[float, msgspec.Meta(ge=0.5, lt=1.0)]
    champion_calibration_slack: Share
    max_month_share: Share
    min_good_months: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainSettings:
    """The weekly retraining."""

    every_days: Count
    time_limit_seconds: Positive
    lease_seconds: Positive
    promote: bool
    shadow_days: NotNegative
    archive_days: Count
    keep_versions: Count
    jobs: Annotated[int, msgspec.Meta(ge=0, le=256)]
    tune_every_days: NotNegative
    tune_trials: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """What makes a serving model suspect, and whether a suspect model may still enter."""

    max_age_days: Positive
    overdue_days: Positive
    least_rows: Count
    least_spread: NotNegative
    hit_rate_slack: Share
    calibration_slack: Share
    forbid_entries: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureSettings:
    """The target policy: weight x capital instead of one entry with stop and target."""

    volatility_target: Positive
    band: Share
    stop_rate: Annotated[float, msgspec.Meta(gt=0.0, lt=0.9)]
    passive_seconds: NotNegative


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSettings:
    """All limits."""

    policy: Literal["barrier", "target"]
    entry: Literal["value", "threshold"]
    min_probability: Share
    veto_below: Share
    shrink_by_vote: bool
    volatility_target: Annotated[float, msgspec.Meta(gt=0.0)] | None
    volatility_reach: Annotated[float, msgspec.Meta(ge=1.0)]
    overrule_model: str
    exposure: ExposureSettings
    stop_atr: Positive
    target_atr: Positive
    max_hold_candles: Count
    min_edge_rate: float
    kelly_fraction: NotNegative
    kelly_cap: Share
    risk_per_trade: Share
    max_leverage: Annotated[float, msgspec.Meta(gt=0.0, le=2.0)]
    max_drawdown: Share
    max_losses: Count
    cooldown_seconds: NotNegative
    daily_loss: Share
    spread_warning: NotNegative
    spread_critical: NotNegative
    price_z: Positive
    volume_z: Positive
    max_latency_ms: Positive
    exit_on_opposite: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSettings:
    """How entries are tried."""

    entry_attempts: Count
    crossing_rate: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSettings:
    """What the paper exchange assumes."""

    spread_rate: NotNegative
    slippage_rate: NotNegative
    volume_share: Share
    keep_trades: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """What a replay assumes beside the paper settings. None: what the exchange states of the pair, one label horizon."""

    maker_fee_rate: Annotated[float, msgspec.Meta(ge=-0.01, le=0.05)] | None
    taker_fee_rate: Annotated[float, msgspec.Meta(ge=-0.01, le=0.05)] | None
    embargo_candles: Annotated[int, msgspec.Meta(ge=0)] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestSettings:
    """How a backtest is worked off in slices. Not one of these can change a result."""

    slice_seconds: Positive
    time_limit_seconds: Positive
    lease_seconds: Positive
    checkpoint_seconds: NotNegative
    step_seconds: NotNegative


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySettings:
    """Where the runs of a study are worked on. Not one of these can change a result."""

    jobs: Annotated[int, msgspec.Meta(ge=0, le=256)]
    backend: Literal["loky", "threading", "dask", "ray"]
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordSettings:
    """How alerts leave."""

    timeout_seconds: Positive
    attempts: Count
    window_seconds: Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, except secrets. `state` and `bucket` are never empty after `load`."""

    mode: Literal["paper", "live"]
    stage: Literal["paper", "stage-10", "stage-50", "live"]
    id: str
    pair: Literal["btc_jpy"]
    account: Literal["margin", "spot"]
    sides: Literal["long", "both"]
    capital_jpy: Annotated[int, msgspec.Meta(gt=0)]
    home: str
    state: str
    bucket: str
    alerts: Literal["inline", "log"]
    clock: str
    bundle_public_key: str
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
    profile: str | None = None

    @property
    def home_path(self) -> Path:
        """The data folder, absolute."""
        return Path(self.home).expanduser().absolute()

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
    profile: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    defaults: Path = DEFAULTS,
) -> Settings:
    """Read defaults, then the profile, then `environ`, then `overrides` (nested mappings). Raises `BadSettings`."""
    told: dict[str, Any] = yaml.load(defaults.read_text(encoding="utf-8"), Loader=_YAML_LOADER)  # noqa: S506 - safe, in C
    profiles = told.pop("profiles", {})
    name = profile or environ.get("BOT_PROFILE") or None
    if name is not None:
        if name not in profiles:
            raise BadSettings(
                f"BOT_PROFILE was {name!r}, which bot.yaml does not know",
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


_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _suggest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"


def _overlay(base: dict[str, Any], extra: Mapping[str, Any], where: str) -> None:
    for key, value in extra.items():
        if key not in base and key != "profile":
            raise BadSettings(f"{where} has an unknown setting {key!r}", remedy=_suggest(key, list(base)))
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
    level[names[last]] = _Text(text)


class _Text(str):
    """A value from the environment: its type is not known yet, so it is converted leniently."""

    __slots__ = ()


def _lenient(value: Any, kind: Any, path: str) -> Any:
    """Turn environment texts into what the field's type wants, and name the field where that fails."""
    if is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind, include_extras=True)
        known = [field.name for field in fields(kind)]
        for key in value:
            if key not in known:
                raise BadSettings(f"unknown setting {path}{key}", remedy=_suggest(str(key), known))
        for key in known:
            if key not in value and key != "profile":
                raise BadSettings(f"the setting {path}{key} is missing", remedy="give it in bot.yaml")
        return {key: _lenient(item, hints[key], f"{path}{key}.") for key, item in value.items()}
    if isinstance(value, dict):
        return {key: _lenient(item, Share, f"{path}{key}.") for key, item in value.items()}
    try:
        plain = str(value) if isinstance(value, _Text) else value
        return msgspec.convert(plain, kind, strict=not isinstance(value, _Text))
    except msgspec.ValidationError as error:
        name = path.removesuffix(".")
        choices = [str(one) for one in get_args(kind)] if get_origin(kind) is Literal else []
        wrong = f"choose one of {', '.join(choices)}" if choices else f"{str(error)[:1].lower()}{str(error)[1:]}"
        raise BadSettings(
            f"the setting {name} was {value!r}: {wrong}",
            remedy=f"bot.yaml explains {name}; the environment calls it {PREFIX}{name.upper().replace('.', '__')}",
        ) from error


def _convert(told: dict[str, Any]) -> Settings:
    told = _lenient(told, Settings, "")
    home = Path(told["home"]).expanduser().absolute()
    told["home"] = str(home)
    told["state"] = told["state"] or f"sqlite:///{home / 'state.sqlite'}"
    told["bucket"] = told["bucket"] or f"file:///{home / 'bucket'}"
    settings: Settings = msgspec.convert(told, Settings)
    return settings


def is_loopback(url: str) -> bool:
    """Whether an address points to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _check_id(name: str) -> None:
    """The bot's name is a part of every document's path: one that is not plain would hide its intents from itself."""
    wrong = "is kept for what belongs to every bot" if name in names.RESERVED else f"must {names.RULE}"
    if not names.is_name(name) or name in names.RESERVED:
        raise BadSettings(
            f"the setting id was {names.shown(name)}: it {wrong}",
            remedy="set BOT_ID to a short plain name, like default or trend-2",
        )


def _check(settings: Settings) -> None:
    _check_id(settings.id)
    if settings.stage not in settings.stages:
        raise BadSettings(f"stages has no share for {settings.stage!r}", remedy="add it under stages in bot.yaml")
    if settings.market.window_keep < settings.market.window_candles:
        raise BadSettings("market.window_keep is below market.window_candles", remedy="keep at least the window")
    if settings.tick.lease_seconds >= settings.tick.interval_seconds:
        raise BadSettings(
            "tick.lease_seconds must be below tick.interval_seconds", remedy="a dead tick must not block the next"
        )
    if settings.account == "spot" and settings.sides == "both":
        raise BadSettings("a spot account cannot go short", remedy="set BOT_ACCOUNT=margin or BOT_SIDES=long")
    if settings.account == "spot" and settings.risk.max_leverage > 1.0:
        raise BadSettings("a spot account has no leverage", remedy="set BOT_RISK__MAX_LEVERAGE=1.0 or less")
    if settings.clock != "system":
        urls = (settings.clock, settings.exchange.public_url, settings.exchange.private_url)
        if not all(is_loopback(url) for url in urls):
            raise BadSettings(
                f"BOT_CLOCK was {settings.clock!r}: a stepped clock is only for a sandbox on this machine",
                remedy="set BOT_CLOCK=system, or point both exchange addresses to the sandbox",
            )
