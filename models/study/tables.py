"""The tables of a study, as text cells: the page and the Markdown say the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.gate import figure
from models.study.result import DatasetResult, Earned, Estimate, StudyResult, VariantResult
from shared.core.sentences import say
from shared.core.sentences.figures import DASH, basis_points, decimals, fall_percent, percent
from shared.model.manifest import Check
from shared.results.page.cells import Text, tone


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTable:
    """A table with a heading.

    The first column names the row, all others hold numbers or short words.
    """

    name: str
    note: str
    head: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]


def verdict_text(result: StudyResult) -> str:
    """The answer in a sentence or two."""
    tried = result.variant_results
    may = [
        (held.name, one.variant)
        for held in result.held
        for one in held.tried
        if one.verdict.may_enter
    ]
    if not may and len(tried) == 1:
        return say("study.verdict.one_failed")
    if not may:
        return say("study.verdict.none", tries=len(tried))
    named = "; ".join(
        say("study.verdict.named", variant=variant, data=name) for name, variant in may
    )
    return say("study.verdict.some", passed=len(may), tries=len(tried), named=named)


def money_table(held: DatasetResult) -> StudyTable:
    """What each variant earned after all costs, and buy and hold."""
    rows = [_money_row(one) for one in held.tried]
    return StudyTable(
        name=say("study.table.costs"),
        note=say("study.note.costs"),
        head=(
            Text(text=say("study.column.variant")),
            Text(text=say("study.column.net")),
            Text(text=say("study.column.annual")),
            Text(
                text=say("study.column.sharpe"),
                title=say("study.means.sharpe"),
            ),
            Text(
                text=say("study.column.psr"),
                title=say("study.means.psr"),
            ),
            Text(
                text=say("study.column.dsr"),
                title=say("study.means.dsr"),
            ),
            Text(text=say("study.column.drawdown")),
            Text(text=say("study.column.trades")),
            Text(text=say("study.column.won")),
            Text(text=say("study.column.held"), title=say("study.means.held")),
            Text(
                text=say("study.column.costs"),
                title=say("study.means.costs"),
            ),
            Text(
                text=say("study.column.random"),
                title=say("study.means.random"),
            ),
            Text(text=say("study.column.enters")),
        ),
        rows=(*rows, _hold_row(held.tried[0].earned)),
    )


def _money_row(one: VariantResult) -> tuple[Text, ...]:
    found, failed = one.earned, one.failed_check_names
    costs = say(
        "study.paid",
        fees=f"{found.fees_jpy:,.0f}",
        slippage=f"{found.slippage_jpy:,.0f}",
        interest=f"{found.interest_jpy:,.0f}",
    )
    own, drawn = basis_points(found.mean_rate), basis_points(found.random_rate)
    random = say("study.drawn", own=own, random=drawn)
    return (
        Text(text=one.variant, title=one.profile or ""),
        _signed_text(found.total),
        _signed_text(found.annual),
        estimate_text(found.sharpe, percent_of=False),
        Text(text=_probability(found.above_zero)),
        Text(text=_probability(found.deflated)),
        Text(text=fall_percent(found.max_drawdown)),
        Text(text=f"{found.trades:,}"),
        Text(text=percent(found.win_rate, places=0)),
        Text(text=percent(found.held_share, places=0)),
        Text(text=percent(found.costs_rate, places=1), title=costs),
        Text(text=percent(found.beats_random, places=0), title=random),
        (
            Text(text=say("gate.yes"), tone="good")
            if one.verdict.may_enter
            else Text(text=say("gate.no"), title=", ".join(failed), tone="bad")
        ),
    )


def _hold_row(found: Earned) -> tuple[Text, ...]:
    empty = Text(text="")
    return (
        Text(text=say("study.hold")),
        _signed_text(found.hold_total),
        empty,
        Text(text=decimals(found.hold_sharpe, sign=True)),
        *(empty, empty),
        Text(text=fall_percent(found.hold_drawdown)),
        *(empty,) * 6,
    )


def holding_table(held: DatasetResult) -> StudyTable | None:
    """What each variant does beside holding; None where no record is long enough."""
    found = [(one, one.beside) for one in held.tried if one.beside is not None]
    if not found:
        return None
    return StudyTable(
        name=say("study.table.beside"),
        note=say("study.note.beside"),
        head=(
            Text(text=say("study.column.variant")),
            Text(text=say("study.column.growth"), title=say("study.means.growth")),
            Text(text=say("study.column.growth_gap")),
            Text(text=say("study.column.fall")),
            Text(text=say("study.column.hold_fall")),
            Text(text=say("study.column.sharpe_gap")),
            Text(text=say("study.column.mixed"), title=say("study.means.mixed")),
            Text(text=say("study.column.mixed_gap"), title=say("study.means.mixed_gap")),
            Text(text=say("study.column.mixed_fall")),
        ),
        rows=tuple(
            (
                Text(text=one.variant),
                _rates(told.growth, sign=True),
                _rates(told.growth_gap, sign=True),
                _rates(told.drawdown),
                _rates(told.hold_drawdown),
                estimate_text(told.sharpe_gap, percent_of=False),
                Text(text=say("study.mixed", share=percent(told.mixed, places=0))),
                _rates(told.mixed_growth_gap, sign=True),
                _rates(told.mixed_drawdown),
            )
            for one, told in found
        ),
    )


def halts_table(held: DatasetResult) -> StudyTable | None:
    """The chance of each variant's own drawdown halt; None where no record is long enough."""
    found = [(one, one.beside) for one in held.tried if one.beside is not None]
    if not found:
        return None
    cells = [(halt.years, halt.of_sharpe) for halt in found[0][1].halts]
    return StudyTable(
        name=say("study.table.halts"),
        note=say("study.note.halts"),
        head=(
            Text(text=say("study.column.variant")),
            Text(text=say("study.column.limit"), title=say("study.means.limit")),
            *(Text(text=_halt_column(years, share)) for years, share in cells),
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


def _halt_column(years: int, share: float) -> str:
    shown = {1.0: say("study.halt.full"), 0.5: say("study.halt.half"), 0.0: say("study.halt.none")}
    if years == 1:
        return say("study.halt.year", share=shown[share])
    return say("study.halt.years", years=years, share=shown[share])


def _rates(found: Estimate, *, sign: bool = False) -> Text:
    """A rate and its interval in whole tenths of percent."""
    ends = (
        f" [{percent(found.low, sign=sign, places=1)}, {percent(found.high, sign=sign, places=1)}]"
    )
    return Text(text=f"{percent(found.value, sign=sign, places=1)}{ends}")


def predictions_table(held: DatasetResult) -> StudyTable | None:
    """How good the predictions were; None where no variant asked a model."""
    asked = [(one, one.learned) for one in held.tried if one.learned is not None]
    if not asked:
        return None
    return StudyTable(
        name=say("study.table.learned"),
        note=say("study.note.learned"),
        head=(
            Text(text=say("study.column.variant")),
            Text(text=say("study.column.models"), title=say("study.means.models")),
            Text(text=say("study.column.candles")),
            Text(text=say("study.column.worth"), title=say("study.means.worth")),
            Text(text=say("study.column.skill"), title=say("study.means.skill")),
            Text(
                text=say("study.column.direction"),
                title=say("study.means.direction"),
            ),
            Text(
                text=say("study.column.calibration"),
                title=say("study.means.calibration"),
            ),
            Text(text=say("study.column.recipe")),
        ),
        rows=tuple(
            (
                Text(text=one.variant),
                Text(text=f"{found.folds:,}"),
                Text(text=f"{found.rows:,}"),
                Text(text=f"{found.effective:,.0f}"),
                estimate_text(found.skill),
                estimate_text(found.direction),
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


def checks_table(held: DatasetResult) -> StudyTable:
    """Every check of every variant: its value, and whether that is enough."""
    names = list(dict.fromkeys(check.name for one in held.tried for check in one.checks))
    found = {(one.variant, check.name): check for one in held.tried for check in one.checks}
    rows = []
    for name in names:
        cells = [found.get((one.variant, name)) for one in held.tried]
        known = [check for check in cells if check is not None]
        bars = {f"{check.threshold:g}" for check in known}
        shown = (
            say("study.a_note")
            if known[0].group == "note"
            else bars.pop()
            if len(bars) == 1
            else say("study.differs")
        )
        rows.append(
            (
                Text(text=_plain(name), title=known[0].meaning),
                Text(text=shown),
                *(_check(check) for check in cells),
            )
        )
    return StudyTable(
        name=say("study.table.gate"),
        note=say("study.note.gate"),
        head=(
            Text(text=say("study.column.check")),
            Text(text=say("study.column.asked")),
            *(Text(text=one.variant) for one in held.tried),
        ),
        rows=(
            *rows,
            (
                Text(text=say("study.may_enter")),
                Text(text=""),
                *(
                    (
                        Text(text=say("gate.yes"), tone="good")
                        if one.verdict.may_enter
                        else Text(text=say("gate.no"), tone="bad")
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
        else say("study.interval", low=_digits(check.lower), high=_digits(check.upper))
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


def denials_table(held: DatasetResult) -> StudyTable | None:
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
        name=say("study.table.denied"),
        note=say("study.note.denied"),
        head=(Text(text=say("study.column.variant")), Text(text=say("study.column.reasons"))),
        rows=tuple(rows),
    )


def _plain(name: str) -> str:
    return name.replace("_", " ")


def changed_settings_table(result: StudyResult) -> StudyTable | None:
    """The settings in which the variants differ; None where they do not."""
    names = sorted({name for told in result.variants.values() for name in told})
    if not names:
        return None
    return StudyTable(
        name=say("study.table.changed"),
        note=say("study.note.changed"),
        head=(
            Text(text=say("study.column.setting")),
            *(Text(text=name) for name in result.variants),
        ),
        rows=tuple(
            (
                Text(text=name),
                *(Text(text=told.get(name, DASH)) for told in result.variants.values()),
            )
            for name in names
        ),
    )


def estimate_text(found: Estimate, *, percent_of: bool = True) -> Text:
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


def _signed_text(rate: float | None) -> Text:
    return Text(text=percent(rate, sign=True, places=1), tone="" if rate is None else tone(rate))


def _probability(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def dataset_tables(held: DatasetResult) -> Sequence[StudyTable]:
    """Every table of a data set, in the order in which they are read."""
    return [
        table
        for table in (
            money_table(held),
            holding_table(held),
            halts_table(held),
            predictions_table(held),
            checks_table(held),
            denials_table(held),
        )
        if table is not None
    ]
