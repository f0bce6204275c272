"""Trials: every setting that was ever tried on a period of candles, and the honest numbers about
their multitude.

The best of many tries looks good by luck alone. A deflated Sharpe ratio takes that luck off, and
needs two numbers for it: how many different things were tried, and how far apart their Sharpe
ratios lie (Bailey and López de Prado, The Deflated Sharpe Ratio, Journal of Portfolio Management
40(5), 2014).
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from shared.core.calendar import YEAR_MS
from shared.core.errors import BadData
from shared.core.settings import Settings
from shared.core.types import Candles, PairRules

NOT_TRIED = frozenset(
    {
        "home",
        "state",
        "bucket",
        "clock",
        "exchange",
        "digest",
        "discord",
        "alerts",
        "study",
        "backtest",
        "id",
        "bundle_public_key",
        "profile",
        "learning",
        "gate",
        "retrain",
        "watch",
    }
)
"""Settings that no replay of a given model depends on."""
ABOUT_AS_LONG = 1.25
WALK_FORWARD = "walk-forward"
"""The kind of a trial whose models were retrained on the way."""
WALKED = f"{WALK_FORWARD}-"
"""Begins the name of the model where many models of one recipe decided, each on candles after its
own."""

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One try: what was run on what, and what came out.

    >>> trial = Trial(
    ...     kind="backtest",
    ...     settings_hash="a" * 16,
    ...     data_hash="b" * 16,
    ...     start_at=0,
    ...     end_at=365 * 86_400_000,
    ...     model=None,
    ...     recorded_at=0,
    ... )
    >>> (trial.years, trial.id[:8], trial.try_hash[:8])
    (1.0, '2acbc8ce', 'ce298f48')

    Attributes:
        kind: What it was a part of: `study`, `backtest`, `search`, …
        settings_hash: Of all rules and costs; see `settings_hash`.
        data_hash: Of the candles; see `data_hash`.
        start_at: Begin of the period, ms UTC.
        end_at: Its end.
        model: The model bundle's version; None without a model.
        sharpe: Annualised (365 days); None where it is not defined, as without any trade.
        changed: The settings that this try was about, by their dotted names.
        numbers: Further results for people (return_rate, trades, …).
        recorded_at: When it was written down.
    """

    kind: str
    settings_hash: str
    data_hash: str
    start_at: int
    end_at: int
    model: str | None
    recorded_at: int
    sharpe: float | None = None
    changed: Mapping[str, Scalar] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def try_hash(self) -> str:
        """What was tried, whatever it was a part of: 32 hex digits of settings, data, period and
        model.
        """
        return _digest(self.settings_hash, self.data_hash, self.start_at, self.end_at, self.model)

    @property
    def id(self) -> str:
        """Its name in the log: the same try, repeated within one kind of work, has the
        same name.
        """
        return _digest(self.kind, self.try_hash)

    @property
    def configuration(self) -> str:
        """What counts as one thing that was tried.

        A recipe that is retrained every week is one, however often its record is looked at again on
        later candles. Everything else differs by its period and candles, too.
        """
        if self.model is not None and self.model.startswith(WALKED):
            return _digest(self.settings_hash, self.model)
        return self.try_hash

    @property
    def years(self) -> float:
        """The length of its period in years of 365 days."""
        return (self.end_at - self.start_at) / YEAR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a trial log holds: its trials, oldest first, and the names of records that could not be
    read.

    >>> History().count
    0
    """

    trials: tuple[Trial, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many different things were tried.

        A damaged record was a trial, too, and counts as a different one.
        """
        return len(distinct(self.trials)) + len(self.damaged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a result is deflated by: how many different things were tried, and the annualised Sharpe
    ratios of some of them.

    `count` are those of the log, this one included (`logged`), and those of which the settings say
    that they came before it.
    """

    count: int
    logged: int
    sharpes: tuple[float, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """For the face of a result: what the log cannot know, and what was counted beside it."""
        found = []
        if self.logged == 1:
            found.append(
                "The trial log here is fresh: it holds this try alone. What was tried in another"
                " place is not deflated."
            )
        if self.count > self.logged:
            found.append(
                f"{self.count - self.logged:,} tries from before the trial log began count, too"
                " (gate.prior_trials)."
            )
        return tuple(found)

    def beside(self, notes: Sequence[str]) -> tuple[str, ...]:
        """`notes` with those of the tally, each once."""
        return (*notes, *(note for note in self.notes if note not in notes))


def tally(trial: Trial, history: History, *, prior: int) -> Tally:
    """Count a try among all others; `prior` is `gate.prior_trials`: what was tried where no log was
    kept.

    >>> trial = Trial(
    ...     kind="backtest",
    ...     settings_hash="a" * 16,
    ...     data_hash="b" * 16,
    ...     start_at=0,
    ...     end_at=365 * 86_400_000,
    ...     model=None,
    ...     recorded_at=0,
    ...     sharpe=1.2,
    ... )
    >>> tally(trial, History(), prior=396).count
    397
    """
    tried = distinct((trial, *history.trials))
    logged = len(tried) + len(history.damaged)
    return Tally(count=logged + prior, logged=logged, sharpes=sharpes(tried, years=trial.years))


def check_trial(trial: Trial) -> Trial:
    """The trial, where it keeps the rules. Raises `BadData` naming the field that does not."""
    for name in ("kind", "settings_hash", "data_hash"):
        if not getattr(trial, name):
            raise BadData(f"a trial's {name} was empty")
    if trial.end_at <= trial.start_at:
        raise BadData(
            f"a trial's period ended at {trial.end_at}, not after its start at {trial.start_at}"
        )
    numbers = {
        "sharpe": trial.sharpe,
        **{f"numbers.{name}": value for name, value in trial.numbers.items()},
    }
    for name, value in numbers.items():
        if value is not None and not math.isfinite(value):
            raise BadData(f"a trial's {name} was {value}; leave out what is not defined")
    return trial


def distinct(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Each thing that was tried, once: the first record of it, in the order given."""
    first: dict[str, Trial] = {}
    for trial in trials:
        first.setdefault(trial.configuration, trial)
    return tuple(first.values())


def sharpes(trials: Iterable[Trial], *, years: float | None = None) -> tuple[float, ...]:
    """The annualised Sharpe ratio of each different trial that has one; given `years`, of those on
    about as long a period.

    The scatter of a measured Sharpe ratio falls with the root of the period's length (Lo, The
    Statistics of Sharpe Ratios, Financial Analysts Journal 58(4), 2002): tries on a month say
    nothing about how far luck carries a year. What differs by less than a quarter counts as about
    as long.
    """
    return tuple(
        sharpe
        for trial in distinct(trials)
        if (sharpe := trial.sharpe) is not None
        and (years is None or _is_about_as_long(trial.years, years))
    )


def _is_about_as_long(one: float, other: float) -> bool:
    return max(one, other) <= ABOUT_AS_LONG * min(one, other)


def settings_hash(settings: Settings, rules: PairRules | None = None) -> str:
    """Sixteen hex digits of every setting that a replay can depend on, and of the fees and limits
    of the pair.

    Unlike `Settings.hash` it covers the costs that only a replay assumes, and not where things are
    stored, how the bot is called, or how a model was trained (the trial names the model itself).

    >>> from shared.core.settings import load_settings
    >>> usual = settings_hash(load_settings({}))
    >>> usual == settings_hash(load_settings({"BOT_ID": "second"}))
    True
    >>> usual == settings_hash(load_settings({"BOT_RISK__STOP_ATR": "3"}))
    False
    """
    told = {
        name: value
        for name, value in msgspec.to_builtins(settings).items()
        if name not in NOT_TRIED
    }
    return _digest(told, None if rules is None else msgspec.to_builtins(rules))[:16]


def data_hash(parts: Iterable[Candles]) -> str:
    """Sixteen hex digits of candles, independent of the machine's byte order.

    >>> from shared.core.types import Timeframe
    >>> from shared.market.candles import empty_candles
    >>> data_hash([empty_candles(Timeframe.M15)])
    'c5d3ed29bc1aa9bd'
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(
            f"{part.timeframe} {len(part)} ".encode() + part.opened_at.astype("<i8").tobytes()
        )
        for column in (part.open, part.high, part.low, part.close, part.volume):
            digest.update(column.astype("<f8").tobytes())
    return digest.hexdigest()[:16]


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
