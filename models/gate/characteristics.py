"""How often the gate's money checks open by mistake, and how often they open where there is an
edge, on made-up records.

    python -m models.gate.characteristics --count 2000 --seed 7

Records have no edge or a stated one, are of several kinds (skewed ones among them, by day and by
month), and are chosen as the best of a number of tries that the trial log counts. Beside what opens
stands what would if half of the months had to be good. Every record is judged by `judge` itself,
with money alone: tests of predictions and of overfitting are left out, which can only close the
gate further.
"""

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.gate.judge import judge
from models.gate.types import Evidence, MoneyRecord, TrialCounts
from models.statistics.proportion import clopper_pearson
from shared.core.calendar import DAY_MS, JST_MS, YEAR_DAYS
from shared.core.settings import GateSettings, load_settings
from shared.core.types import FloatArray

DAY_DEVIATION = 0.01
TRADES_A_YEAR = 120
RANDOM_DRAWS = 100
TRIES = (1, 5, 20, 50)
YEARS = (1, 2)
SHARPES = (1.0, 2.0, 3.0)
POWER_YEARS = (1, 2, 4, 7)
START_AT = 1_577_804_400_000  # 2020-01-01 in Japan
_SHOCK, _MEMORY = 0.10, 0.85  # of the GARCH(1, 1)
_RARE, _CRASH = 0.02, 6.0
_CLAIMS, _CLAIM_DAYS, _CLAIM, _CALM = 1.0 / 120.0, 5, 3.0, 0.7
_SPANS, _TREND_DEVIATION = (10, 20, 40, 80), 0.617
LEAST_GOOD_MONTHS = 0.5
"""The share of months without a loss that was once asked for; see docs/adr."""

Draw = Callable[[np.random.Generator, int, int], FloatArray]


def _normal(random: np.random.Generator, days: int, count: int) -> FloatArray:
    return random.standard_normal((days, count))


def _fat_tails(random: np.random.Generator, days: int, count: int) -> FloatArray:
    return random.standard_t(4, (days, count)) / math.sqrt(2.0)


def _garch(random: np.random.Generator, days: int, count: int) -> FloatArray:
    """GARCH(1, 1) with Student-t(5) shocks: quiet and wild weeks (Bollerslev, J.

    Econometrics 31, 1986).
    """
    shocks = random.standard_t(5, (days, count)) / math.sqrt(5.0 / 3.0)
    returns, variance = np.empty((days, count)), np.ones(count)
    for day in range(days):
        returns[day] = np.sqrt(variance) * shocks[day]
        variance = (1.0 - _SHOCK - _MEMORY) + _SHOCK * returns[day] ** 2 + _MEMORY * variance
    return returns


def _crashes(random: np.random.Generator, days: int, count: int) -> FloatArray:
    """Small gains, and one day in fifty a loss of many deviations: skewness about -2."""
    crash = random.random((days, count)) < _RARE
    returns = random.standard_normal((days, count)) - crash * _CRASH + _RARE * _CRASH
    return returns / math.sqrt(1.0 + _RARE * (1.0 - _RARE) * _CRASH**2)


def _jumps(random: np.random.Generator, days: int, count: int) -> FloatArray:
    """The mirror image, like trend following: small losses, rare great gains."""
    return -_crashes(random, days, count)


def _idle(random: np.random.Generator, days: int, count: int) -> FloatArray:
    """In the market for a third of the days, in stretches; nothing moves on the others."""
    stretch = 6
    held = random.random((-(-days // stretch), count)) < 1.0 / 3.0
    return (
        np.repeat(held, stretch, axis=0)[:days]
        * random.standard_normal((days, count))
        * math.sqrt(3.0)
    )


def _sticky(random: np.random.Generator, days: int, count: int) -> FloatArray:
    """Days that resemble the one before: autocorrelation 0.2, Normal."""
    rho = 0.2
    returns = random.standard_normal((days, count))
    for day in range(1, days):
        returns[day] = rho * returns[day - 1] + math.sqrt(1.0 - rho**2) * returns[day]
    return returns


def _insurance(random: np.random.Generator, days: int, count: int) -> FloatArray:
    """Like one who sells insurance: most months gain, and about three times a year five days of
    great losses end it.

    A year without such days looks like a great edge: no check of a record sees what did not happen
    in it.
    """
    begun = random.random((days, count)) < _CLAIMS
    claims = np.zeros((days, count), dtype=np.bool_)
    for day in range(_CLAIM_DAYS):
        claims[day:] |= begun[: days - day]
    share = 1.0 - (1.0 - _CLAIMS) ** _CLAIM_DAYS
    returns = _CALM * random.standard_normal((days, count)) - _CLAIM * claims + _CLAIM * share
    return returns / math.sqrt(_CALM**2 + _CLAIM**2 * share * (1.0 - share))


def _trend(random: np.random.Generator, days: int, count: int) -> FloatArray:
    """A trend rule, long only, on prices that follow none: most months lose a little, few gain
    much.
    """
    warm = max(_SPANS) + 1
    shocks = random.standard_t(5, (days + warm, count)) / math.sqrt(5.0 / 3.0)
    level = np.cumsum(shocks, axis=0)
    known = slice(warm - 1, warm - 1 + days)
    held = np.mean(
        [level[known] > level[warm - 1 - span : warm - 1 - span + days] for span in _SPANS], axis=0
    )
    returns: FloatArray = held * shocks[warm:] / _TREND_DEVIATION
    return returns


KINDS: Mapping[str, Draw] = {
    "normal": _normal,
    "fat tails": _fat_tails,
    "garch": _garch,
    "crashes": _crashes,
    "jumps": _jumps,
    "idle": _idle,
    "sticky": _sticky,
    "crash-like": _insurance,
    "trend-like": _trend,
}
"""Each draws (days, count) returns with mean 0 and deviation 1."""
SKEWED = ("crash-like", "trend-like")
"""By month, not by day alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """How many of `count` records passed: all money checks, and each of the two Sharpe checks by
    itself.

    `with_months`: how many would have passed if half of their months had to be good, too.
    """

    what: tuple[str, ...]
    count: int
    opened: int
    with_months: int
    psr: int
    dsr: int

    @property
    def upper(self) -> float:
        """The upper end of the 95 % interval of the share that opens (Clopper & Pearson)."""
        return clopper_pearson(self.opened, self.count)[1]


def judge_records(
    kind: str,
    *,
    years: int,
    annual_sharpe: float,
    tries: int,
    count: int,
    gate: GateSettings,
    seed: int,
    counted: bool = True,
) -> Opened:
    """Judge `count` records, each the best of `tries`.

    Args:
        kind: One of `KINDS`.
        years: Of each record.
        annual_sharpe: The true one, after costs.
        tries: How many records each is the best of, by Sharpe.
        count: How many are judged.
        gate: The thresholds.
        seed: Of everything.
        counted: Whether the trial log knows of the tries. Only to show what happens where it does
            not.
    """
    random = np.random.default_rng(
        [seed, years, tries, sorted(KINDS).index(kind), round(10 * annual_sharpe)]
    )
    passed = {"opened": 0, "with_months": 0, "psr": 0, "dsr": 0}
    for number in range(count):
        drawn = KINDS[kind](random, YEAR_DAYS * years, tries) + annual_sharpe / math.sqrt(YEAR_DAYS)
        sharpes = drawn.mean(axis=0) / drawn.std(axis=0, ddof=1)
        best = drawn[:, int(sharpes.argmax())] * DAY_DEVIATION
        trials = (
            TrialCounts(count=tries, sharpes=sharpes)
            if counted
            else TrialCounts(count=1, sharpes=sharpes[:1])
        )
        evidence = Evidence(
            rows=None, money=_money(best, years, random), trials=trials, seed=number
        )
        verdict = judge(evidence, gate, serve=())
        passed["opened"] += verdict.may_enter
        for check in verdict.checks:
            if check.name in passed:
                passed[check.name] += check.passed
            if check.name == "good_months" and check.value is not None:
                passed["with_months"] += verdict.may_enter and check.value >= LEAST_GOOD_MONTHS
    return Opened(what=(kind, f"{years}", f"{annual_sharpe:g}", f"{tries}"), count=count, **passed)


def _money(returns: FloatArray, years: int, random: np.random.Generator) -> MoneyRecord:
    """Positions that each cover some days, and as many by chance: the same results without their
    mean.
    """
    days = len(returns)
    closed = np.sort(random.choice(days - 1, TRADES_A_YEAR * years - 1, replace=False))
    edges = np.concatenate([[0], closed + 1])
    rates = np.add.reduceat(returns, edges)
    chance = random.choice(rates - rates.mean(), (RANDOM_DRAWS, len(rates))).mean(axis=1)
    day_at = START_AT + DAY_MS * np.arange(days, dtype=np.int64)
    return MoneyRecord(
        day_at=day_at,
        returns=returns,
        hold=np.zeros(days),
        closed_at=day_at[np.append(closed, days - 1)] + JST_MS,
        net_rates=rates,
        random=chance,
    )


def false_openings(*, count: int, gate: GateSettings, seed: int) -> list[Opened]:
    """About `count` records without edge for each number of tries, shared among kinds and lengths;
    one entry a cell.
    """
    cells = [(kind, years, tries) for kind in KINDS for years in YEARS for tries in TRIES]
    each = -(-count * len(TRIES) // len(cells))
    return [
        judge_records(
            kind, years=years, annual_sharpe=0.0, tries=tries, count=each, gate=gate, seed=seed
        )
        for kind, years, tries in cells
    ]


def power(*, count: int, gate: GateSettings, seed: int) -> list[Opened]:
    """`count` records for each stated edge and length, shared among the kinds; one try, counted as
    one.

    The sum of the kinds comes first, then each kind.
    """
    each = -(-count // len(KINDS))
    found = []
    for sharpe in SHARPES:
        for years in POWER_YEARS:
            cells = [
                judge_records(
                    kind,
                    years=years,
                    annual_sharpe=sharpe,
                    tries=1,
                    count=each,
                    gate=gate,
                    seed=seed,
                )
                for kind in KINDS
            ]
            found += [sum_cells((f"{sharpe:g}", f"{years}"), cells), *cells]
    return found


def sum_cells(what: tuple[str, ...], cells: Sequence[Opened]) -> Opened:
    """Several cells as one."""
    return Opened(
        what=what,
        count=sum(cell.count for cell in cells),
        opened=sum(cell.opened for cell in cells),
        with_months=sum(cell.with_months for cell in cells),
        psr=sum(cell.psr for cell in cells),
        dsr=sum(cell.dsr for cell in cells),
    )


def false_table(cells: Sequence[Opened]) -> str:
    """Markdown: by kind, by number of tries, and all."""
    rows = [
        sum_cells((f"kind: {kind}",), [cell for cell in cells if cell.what[0] == kind])
        for kind in KINDS
    ]
    rows += [
        sum_cells((f"best of {tries}",), [cell for cell in cells if cell.what[3] == f"{tries}"])
        for tries in TRIES
    ]
    rows.append(sum_cells(("all",), cells))
    lines = [
        (
            "| records without edge | number | opened | share | upper 95 % limit | with good months"
            " | PSR alone | DSR alone |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join(
        lines
        + [
            f"| {row.what[0]} | {row.count} | {row.opened} | {row.opened / row.count:.2%} |"
            f" {row.upper:.2%} | {row.with_months / row.count:.2%} | {row.psr / row.count:.1%} |"
            f" {row.dsr / row.count:.1%} |"
            for row in rows
        ]
    )


def power_table(cells: Sequence[Opened]) -> str:
    """Markdown: a row an edge, a column a length; then the skewed kinds, and what they lost by
    having to have good months.
    """
    lines = [
        "| true annual Sharpe | "
        + " | ".join(f"{years} year{'s' * (years > 1)}" for years in POWER_YEARS)
        + " |",
        "|---|" + "---|" * len(POWER_YEARS),
    ]
    for sharpe in SHARPES:
        row = [cell for cell in cells if cell.what[0] == f"{sharpe:g}"]
        lines.append(
            f"| {sharpe:g} | "
            + " | ".join(f"{cell.opened / cell.count:.0%}" for cell in row)
            + " |"
        )
    for kind in SKEWED:
        for sharpe in SHARPES:
            row = [
                cell for cell in cells if cell.what[:1] + cell.what[2:3] == (kind, f"{sharpe:g}")
            ]
            told = (
                f"{cell.opened / cell.count:.0%} ({cell.with_months / cell.count:.0%})"
                for cell in row
            )
            lines.append(f"| {sharpe:g}, {kind} (with good months) | " + " | ".join(told) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description="False openings and power of the gate's money checks"
    )
    parser.add_argument(
        "--count",
        type=int,
        default=2_000,
        help="records without edge for each number of tries, and of each edge and length",
    )
    parser.add_argument("--seed", type=int, default=7, help="of everything")
    asked = parser.parse_args(arguments)
    gate = load_settings({"BOT_HOME": str(Path("~").expanduser())}).gate
    false = false_table(false_openings(count=asked.count, gate=gate, seed=asked.seed))
    sys.stdout.write(
        f"{false}\n\n{power_table(power(count=asked.count, gate=gate, seed=asked.seed))}\n"
    )


if __name__ == "__main__":
    main()
