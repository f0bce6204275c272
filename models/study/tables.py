"""The tables of a study, as text cells: the page and the Markdown say the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.gate import figure
from models.study.result import DatasetResult, Earned, Estimate, StudyResult, VariantResult
from shared.core.sentences.figures import DASH, basis_points, decimals, fall_percent, percent
from shared.model.manifest import Check
from shared.results.page.cells import Text, tone

YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTable:
    """A table with a heading.

    The first column names the row, all others hold numbers or short words.
    """

    name: str
    note: str
    head: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]


def verdict(result: StudyResult) -> str:
    """The answer in a sentence or two."""
    tried = result.tried
    may = [
        (held.name, one.variant)
        for held in result.held
        for one in held.tried
        if one.verdict.may_enter
    ]
    if not may and len(tried) == 1:
        return "It may not enter: it did not pass the gate."
    if not may:
        return f"Nothing here may enter: none of the {len(tried)} tries passed the gate."
    named = "; ".join(f"{variant} on {name}" for name, variant in may)
    return f"{len(may)} of {len(tried)} passed the gate and may enter: {named}."


def money(held: DatasetResult) -> StudyTable:
    """What each variant earned after all costs, and buy and hold."""
    rows = [_money_row(one) for one in held.tried]
    return StudyTable(
        name="After costs",
        note="fees, slippage, spread and interest paid; intervals are 95 %",
        head=(
            Text(text="Variant"),
            Text(text="Net"),
            Text(text="A year"),
            Text(
                text="Sharpe",
                title="of daily returns, annualised with 365 days; bootstrap interval",
            ),
            Text(
                text="PSR",
                title=(
                    "probability that the true Sharpe is above zero; the lower of both published"
                    " variants"
                ),
            ),
            Text(
                text="DSR",
                title="the same above what the best of all logged trials shows without any skill",
            ),
            Text(text="Drawdown"),
            Text(text="Trades"),
            Text(text="Won"),
            Text(text="Held", title="share of the time in which something was held"),
            Text(
                text="Costs",
                title="fees, slippage and interest, as a share of the money at the start",
            ),
            Text(
                text="Beats random",
                title="share of random histories, same barriers or same exposure, that it beat",
            ),
            Text(text="May enter"),
        ),
        rows=(*rows, _hold_row(held.tried[0].earned)),
    )


def _money_row(one: VariantResult) -> tuple[Text, ...]:
    found, failed = one.earned, one.failed
    costs = (
        f"fees {found.fees_jpy:,.0f}, slippage {found.slippage_jpy:,.0f}, interest"
        f" {found.interest_jpy:,.0f} yen"
    )
    own, drawn = basis_points(found.mean_rate), basis_points(found.random_rate)
    random = f"its own mean {own}, random {drawn}"
    return (
        Text(text=one.variant, title=one.profile or ""),
        _signed(found.total),
        _signed(found.annual),
        estimate(found.sharpe, percent_of=False),
        Text(text=_probability(found.above_zero)),
        Text(text=_probability(found.deflated)),
        Text(text=fall_percent(found.max_drawdown)),
        Text(text=f"{found.trades:,}"),
        Text(text=percent(found.win_rate, places=0)),
        Text(text=percent(found.held_share, places=0)),
        Text(text=percent(found.costs_rate, places=1), title=costs),
        Text(text=percent(found.beats_random, places=0), title=random),
        (
            Text(text=YES, tone="good")
            if one.verdict.may_enter
            else Text(text=NO, title=", ".join(failed), tone="bad")
        ),
    )


def _hold_row(found: Earned) -> tuple[Text, ...]:
    empty = Text(text="")
    return (
        Text(text="buy and hold"),
        _signed(found.hold_total),
        empty,
        Text(text=decimals(found.hold_sharpe, sign=True)),
        *(empty, empty),
        Text(text=fall_percent(found.hold_drawdown)),
        *(empty,) * 6,
    )


def holding(held: DatasetResult) -> StudyTable | None:
    """What each variant does beside holding; None where no record is long enough."""
    found = [(one, one.beside) for one in held.tried if one.beside is not None]
    if not found:
        return None
    return StudyTable(
        name="Beside buying and holding",
        note=(
            "the same days drawn again in blocks of 30, a thousand times; intervals are 95 %; falls"
            " are of daily values"
        ),
        head=(
            Text(text="Variant"),
            Text(text="Growth a year", title="compound"),
            Text(text="Less that of holding"),
            Text(text="Deepest fall"),
            Text(text="That of holding"),
            Text(text="Sharpe less that of holding"),
            Text(text="As wild", title="bitcoin and cash that move as much as the variant"),
            Text(text="Growth above that", title="above the mixture, balanced daily without costs"),
            Text(text="Its deepest fall"),
        ),
        rows=tuple(
            (
                Text(text=one.variant),
                _rates(told.growth, sign=True),
                _rates(told.growth_gap, sign=True),
                _rates(told.drawdown),
                _rates(told.hold_drawdown),
                estimate(told.sharpe_gap, percent_of=False),
                Text(text=f"{percent(told.mixed, places=0)} bitcoin"),
                _rates(told.mixed_growth_gap, sign=True),
                _rates(told.mixed_drawdown),
            )
            for one, told in found
        ),
    )


def halts(held: DatasetResult) -> StudyTable | None:
    """The chance of each variant's own drawdown halt; None where no record is long enough."""
    found = [(one, one.beside) for one in held.tried if one.beside is not None]
    if not found:
        return None
    cells = [(halt.years, halt.of_sharpe) for halt in found[0][1].halts]
    return StudyTable(
        name="Chance of its own halt",
        note=(
            "days like those of its record in another order; at its measured Sharpe ratio, at half"
            " of it, and at none"
        ),
        head=(
            Text(text="Variant"),
            Text(text="Halts at", title="the drawdown limit"),
            *(
                Text(text=f"{years} year{'s' * (years > 1)}, {_SHARES[share]}")
                for years, share in cells
            ),
        ),
        rows=tuple(
            (
                Text(text=one.variant),
                Text(text=percent(told.limit, places=0)),
                *(Text(text=percent(halt.chance, places=0)) for halt in told.halts),
            )
            for one, told in found
        ),
    )


_SHARES = {1.0: "as measured", 0.5: "half", 0.0: "none"}


def _rates(found: Estimate, *, sign: bool = False) -> Text:
    """A rate and its interval in whole tenths of percent."""
    ends = (
        f" [{percent(found.low, sign=sign, places=1)}, {percent(found.high, sign=sign, places=1)}]"
    )
    return Text(text=f"{percent(found.value, sign=sign, places=1)}{ends}")


def learned(held: DatasetResult) -> StudyTable | None:
    """How good the predictions were; None where no variant asked a model."""
    asked = [(one, one.learned) for one in held.tried if one.learned is not None]
    if not asked:
        return None
    return StudyTable(
        name="What was learned",
        note="on candles that no model had seen; skill 0 is always saying the same",
        head=(
            Text(text="Variant"),
            Text(text="Models", title="how often it was retrained"),
            Text(text="Candles"),
            Text(text="Worth", title="independent labels among them"),
            Text(text="Skill", title="1 - log loss / that of the best constant"),
            Text(
                text="Side alone",
                title="the same for up or down only: this is what earns; the rest is volatility",
            ),
            Text(
                text="Calibration off by",
                title="mean distance between what was said and what happened, in points",
            ),
            Text(text="Recipe"),
        ),
        rows=tuple(
            (
                Text(text=one.variant),
                Text(text=f"{found.folds:,}"),
                Text(text=f"{found.rows:,}"),
                Text(text=f"{found.effective:,.0f}"),
                estimate(found.skill),
                estimate(found.direction),
                Text(
                    text=(
                        DASH
                        if found.calibration_error is None
                        else f"{100 * found.calibration_error:.1f}"
                    )
                ),
                Text(text=(one.recipe or DASH)[:12]),
            )
            for one, found in asked
        ),
    )


def gate(held: DatasetResult) -> StudyTable:
    """Every check of every variant: its value, and whether that is enough."""
    names = list(dict.fromkeys(check.name for one in held.tried for check in one.checks))
    found = {(one.variant, check.name): check for one in held.tried for check in one.checks}
    rows = []
    for name in names:
        cells = [found.get((one.variant, name)) for one in held.tried]
        known = [check for check in cells if check is not None]
        bars = {f"{check.threshold:g}" for check in known}
        shown = (
            "a note" if known[0].group == "note" else bars.pop() if len(bars) == 1 else "differs"
        )
        rows.append(
            (
                Text(text=_plain(name), title=known[0].meaning),
                Text(text=shown),
                *(_check(check) for check in cells),
            )
        )
    return StudyTable(
        name="The gate",
        note="every check must hold; point at one for what it means",
        head=(
            Text(text="Check"),
            Text(text="Limit"),
            *(Text(text=one.variant) for one in held.tried),
        ),
        rows=(
            *rows,
            (
                Text(text="may enter"),
                Text(text=""),
                *(
                    (
                        Text(text=YES, tone="good")
                        if one.verdict.may_enter
                        else Text(text=NO, tone="bad")
                    )
                    for one in held.tried
                ),
            ),
        ),
    )


def _check(check: Check | None) -> Text:
    if check is None:
        return Text(text=DASH)
    value = DASH if check.value is None else _digits(check.value)
    interval = (
        ""
        if check.lower is None or check.upper is None
        else f"{_digits(check.lower)} to {_digits(check.upper)}"
    )
    if check.group == "note":
        return Text(text=value, title=interval)
    mark, mood = ("✓", "good") if check.passed else ("✗", "bad")
    shown = (
        f"{value} ({interval})" if interval and not check.passed else value
    )  # what failed may be the interval's end
    return Text(text=f"{shown} {mark}", title=interval, tone=mood)


def _digits(value: float) -> str:
    """Three digits that matter, never an exponent."""
    return figure(value, digits=3)


def denied(held: DatasetResult) -> StudyTable | None:
    """Why nothing was entered, the most frequent reasons of each variant."""
    rows = [
        (
            Text(text=one.variant),
            Text(
                text=", ".join(f"{_plain(name)} {count:,}" for name, count in one.denials.items())
            ),
        )
        for one in held.tried
        if one.denials
    ]
    if not rows:
        return None
    return StudyTable(
        name="Why nothing was entered the rest of the time",
        note="15m candles by reason, the most frequent ones",
        head=(Text(text="Variant"), Text(text="Reasons")),
        rows=tuple(rows),
    )


def _plain(name: str) -> str:
    return name.replace("_", " ")


def changed(result: StudyResult) -> StudyTable | None:
    """The settings in which the variants differ; None where they do not."""
    names = sorted({name for told in result.variants.values() for name in told})
    if not names:
        return None
    return StudyTable(
        name="In what the variants differ",
        note="settings by their dotted names",
        head=(Text(text="Setting"), *(Text(text=name) for name in result.variants)),
        rows=tuple(
            (
                Text(text=name),
                *(Text(text=told.get(name, DASH)) for told in result.variants.values()),
            )
            for name in names
        ),
    )


def estimate(found: Estimate, *, percent_of: bool = True) -> Text:
    """A value with its interval; bad where the interval lies below zero, good where it
    lies above.
    """
    if found.value is None:
        return Text(text=DASH)
    mood = "good" if (found.low or 0.0) > 0.0 else "bad" if (found.high or 0.0) < 0.0 else ""
    factor, unit = (100.0, " %") if percent_of else (1.0, "")
    told = f"{factor * found.value:+z.2f}{unit}"
    if found.low is not None and found.high is not None:
        told += f" [{factor * found.low:+z.2f}, {factor * found.high:+z.2f}]"
    return Text(text=told, tone=mood)


def _signed(rate: float | None) -> Text:
    return Text(text=percent(rate, sign=True, places=1), tone="" if rate is None else tone(rate))


def _probability(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def all_of(held: DatasetResult) -> Sequence[StudyTable]:
    """Every table of a data set, in the order in which they are read."""
    return [
        table
        for table in (
            money(held),
            holding(held),
            halts(held),
            learned(held),
            gate(held),
            denied(held),
        )
        if table is not None
    ]
