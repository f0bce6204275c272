"""What the predictions brought after costs, and how much of that can be luck of the days or of the
many tries.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.gate.checks import above, at_least, at_most, note
from models.gate.types import MoneyRecord, TrialCounts
from models.statistics.blocks import BlockInterval, ratio_interval
from models.statistics.kelly import kelly_continuous
from shared.core.calendar import YEAR_DAYS
from shared.core.settings import GateSettings
from shared.core.types import FloatArray
from shared.model.manifest import Check
from shared.results.performance.bootstrap import block_length
from shared.results.performance.independence import effective_number
from shared.results.performance.returns import sharpe
from shared.results.performance.sharpe import (
    SharpeVariance,
    Track,
    expected_maximum,
    minimum_track_record,
    probabilistic_sharpe,
    variance_of_trials,
)
from shared.results.performance.significance import track_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Daily returns as both published variants of the probabilistic Sharpe are to see them.

    Days that resemble their neighbours are fewer than they look. The variant of 2012 takes returns
    as independent: it is given the effective number of days. The variant of 2025 has a term for
    autocorrelation: it is given that of the days, where it is positive; that neighbours cancel each
        other is not taken as proof.
    """

    days: int
    effective: float
    estimated: Track
    hypothesised: Track

    @classmethod
    def of(cls, returns: FloatArray) -> "Record | None":
        """None where the returns do not move."""
        track, effective = track_of(returns), effective_number(returns)
        if track is None or effective is None:
            return None
        return cls(
            days=len(returns),
            effective=effective,
            estimated=dataclasses.replace(
                track, observations=math.floor(effective), autocorrelation=0.0
            ),
            hypothesised=dataclasses.replace(
                track, autocorrelation=max(0.0, track.autocorrelation)
            ),
        )

    def track(self, variant: SharpeVariance) -> Track:
        """What a variant is shown."""
        return self.estimated if variant is SharpeVariance.ESTIMATED else self.hypothesised

    def probability(self, against: float) -> float | None:
        """That the true Sharpe a day exceeds `against`: the lower of both variants, None where one
        has no value.
        """
        found = [
            probabilistic_sharpe(self.track(variant), against=against, variant=variant)
            for variant in SharpeVariance
        ]
        return min(_whole(found), default=None)

    def minimum_days(self, confidence: float) -> float | None:
        """How many days like these show at `confidence` that the Sharpe exceeds zero: the more of
        both variants.
        """
        found = [
            minimum_track_record(self.track(variant), confidence=confidence, variant=variant)
            for variant in SharpeVariance
        ]
        scales = {
            SharpeVariance.ESTIMATED: self.days / self.effective,
            SharpeVariance.HYPOTHESISED: 1.0,
        }
        longer = [
            None if one is None else one * scales[variant]
            for one, variant in zip(found, SharpeVariance, strict=True)
        ]
        return max(_whole(longer), default=None)

    @property
    def trial_variance(self) -> float:
        """What estimation error alone makes Sharpes a day of trials without skill vary by: 1 / (T -
        1), T independent days.
        """
        return 1.0 / max(1.0, self.effective - 1.0)


def _whole(found: Sequence[float | None]) -> list[float]:
    """The numbers; none at all where one is missing: nothing is gated on half the evidence."""
    known = [one for one in found if one is not None]
    return known if len(known) == len(found) else []


def money_checks(
    money: MoneyRecord | None, trials: TrialCounts, gate: GateSettings, *, seed: int
) -> list[Check]:
    """Sharpe against luck, against the number of tries and against the length of the record;
    expectation; random entries.
    """
    record = None if money is None else Record.of(money.returns)
    return [
        psr(record, gate),
        dsr(record, trials, gate),
        minimum_track_record_length(record, gate),
        enough_trades_or_years(money, gate),
        positive_expectation(money, gate, seed=seed),
        beats_random_entries(money, gate),
    ]


def psr(record: Record | None, gate: GateSettings) -> Check:
    """The probabilistic Sharpe ratio against zero, the lower of the two published variants."""
    return at_least(
        "psr",
        None if record is None else record.probability(0.0),
        gate.min_psr,
        "probability that the true Sharpe after costs is above zero, the lower of the variants of"
        " 2012 and 2025",
        group="enter",
    )


def dsr(record: Record | None, trials: TrialCounts, gate: GateSettings) -> Check:
    """The deflated Sharpe ratio with the logged number of trials, the lower of both variants.

    The hurdle is the expected greatest Sharpe of so many trials without skill, and their variance
    the greater of what the log shows and what estimation error alone makes: a few trials that
    happen to agree would else lower the hurdle.
    """
    return at_least(
        "dsr",
        None if record is None else record.probability(_hurdle(record, trials)),
        gate.min_dsr,
        f"probability that it is above what the best of {trials.count} trials without skill shows,"
        " the lower of both variants",
        group="enter",
    )


def _hurdle(record: Record, trials: TrialCounts) -> float:
    seen = variance_of_trials([float(one) for one in trials.sharpes]) or 0.0
    return math.sqrt(max(seen, record.trial_variance)) * expected_maximum(trials.count)


def minimum_track_record_length(record: Record | None, gate: GateSettings) -> Check:
    """As many days as the record has must do to show what it shows."""
    confidence = min(max(gate.min_psr, 0.5), 1.0 - 1e-9)
    return at_most(
        "minimum_track_record",
        None if record is None else record.minimum_days(confidence),
        0.0 if record is None else record.days,
        "days that returns like these need to show a Sharpe above zero, beside the days that"
        " there are",
        group="enter",
    )


def enough_trades_or_years(money: MoneyRecord | None, gate: GateSettings) -> Check:
    """A hundred trades, or two years of few trades: less is an anecdote."""
    trades, years = (0, 0.0) if money is None else (len(money.net_rates), money.years)
    meaning = f"closed positions, or {gate.min_years:g} years; these are {years:.2f} years"
    found = at_least(
        "enough_trades_or_years",
        None if money is None else float(trades),
        gate.min_trades,
        meaning,
        group="enter",
    )
    return dataclasses.replace(
        found, passed=money is not None and (found.passed or years >= gate.min_years)
    )


def positive_expectation(money: MoneyRecord | None, gate: GateSettings, *, seed: int) -> Check:
    """Mean net result above zero with the lower end, one-sided at `confidence` like the
    probabilistic Sharpe.

    Of a position, where there are enough of them; else, and for a policy that holds an exposure, of
    a day.
    """
    found, what = (None, "position") if money is None else _expectation(money, gate, seed=seed)
    return above(
        "positive_expectation",
        None if found is None else found.value,
        0.0,
        f"mean net result of a {what} after costs, and the lower end of its interval",
        group="enter",
        ends=None if found is None else found.ends,
    )


def _expectation(
    money: MoneyRecord, gate: GateSettings, *, seed: int
) -> tuple[BlockInterval | None, str]:
    by_trade = money.own is None and len(money.net_rates) >= gate.min_trades
    values = money.net_rates if by_trade else money.returns
    if len(values) == 0:
        return None, "position"
    found = ratio_interval(
        values,
        np.ones(len(values)),
        block=block_length(len(values)),
        seed=seed,
        confidence=2.0 * gate.confidence - 1.0,
    )
    return found, "position" if by_trade else "day"


def beats_random_entries(money: MoneyRecord | None, gate: GateSettings) -> Check:
    """The share of random histories that did as well, (1 + as good) / (1 + all): a p-value that is
    never 0.

    Source: Davison & Hinkley, "Bootstrap Methods and their Application", 1997, section 4.2.1.
    """
    own = _own(money)
    value = None
    if money is not None and own is not None and len(money.random):
        value = (1.0 + float((money.random >= own).sum())) / (1.0 + len(money.random))
    return at_most(
        "beats_random_entries",
        value,
        1.0 - gate.confidence,
        "probability of so good a result by chance, from"
        f" {0 if money is None else len(money.random)} random histories",
        group="enter",
    )


def _own(money: MoneyRecord | None) -> float | None:
    if money is None:
        return None
    if money.own is not None:
        return money.own
    return float(money.net_rates.mean()) if len(money.net_rates) else None


def money_notes(money: MoneyRecord | None, trials: TrialCounts) -> list[Check]:
    """What decides nothing, and people ask for."""
    if money is None or len(money.returns) == 0:
        return []
    year = math.sqrt(YEAR_DAYS)
    record, own, held = Record.of(money.returns), sharpe(money.returns), sharpe(money.hold)
    total, hold = (float(np.prod(1.0 + values)) - 1.0 for values in (money.returns, money.hold))
    alone = (
        None
        if record is None
        else record.probability(math.sqrt(record.trial_variance) * expected_maximum(trials.count))
    )
    return [
        note(
            "net_return",
            total,
            "return after costs, beside that of buying and holding",
            beside=hold,
        ),
        note(
            "sharpe",
            None if own is None else own * year,
            "Sharpe a year, beside that of buying and holding",
            beside=0.0 if held is None else held * year,
        ),
        note(
            "max_drawdown",
            _drawdown(money.returns),
            "deepest fall of daily values, beside that of buying and holding",
            beside=_drawdown(money.hold),
        ),
        note(
            "dsr_of_equal_trials",
            alone,
            "the deflated Sharpe if all trials differed by estimation error alone",
        ),
        note(
            "kelly_share",
            _kelly(money.returns),
            "share of the capital that would grow fastest if the future were like this",
        ),
    ]


def _drawdown(returns: FloatArray) -> float:
    equity = np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    return float((1.0 - equity / np.maximum.accumulate(equity)).max())


def _kelly(returns: FloatArray) -> float | None:
    deviation = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    return (
        max(0.0, kelly_continuous(mean=float(returns.mean()), deviation=deviation).share)
        if deviation > 0.0
        else None
    )
