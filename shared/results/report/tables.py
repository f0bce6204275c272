"""The tables of the page as texts: what the template only has to lay out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.core.reasons import Reason
from shared.core.sentences import reason_then, say
from shared.core.sentences.figures import fall_percent, jst_minute, percent, yen_alone
from shared.replay.types import Event
from shared.results.page.cells import Text, tone
from shared.results.performance import Attribution, Month, Performance

MOST_EVENTS = 300
FULL_HEAT = 62
"""Per cent of colour behind the strongest month: the text on it stays readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """A month's cell; `strength` in [0, 100] per cent of colour."""

    text: str
    title: str
    tone: str
    strength: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """Twelve months, None where one lies outside the period, and the year's own return."""

    name: str
    months: tuple[Heat | None, ...]
    total: Text


def year_rows(months: Sequence[Month]) -> list[Year]:
    """The monthly table, a row a calendar year of Japan's time."""
    most = max((abs(one.total) for one in months if one.total is not None), default=0.0) or 1.0
    found: dict[str, list[Month]] = {}
    for one in months:
        found.setdefault(one.month[:4], []).append(one)
    return [_year(name, rows, most) for name, rows in found.items()]


def _year(name: str, rows: Sequence[Month], most: float) -> Year:
    cells: list[Heat | None] = [None] * 12
    grown: float | None = 1.0
    for one in rows:
        cells[int(one.month[5:7]) - 1] = _heat(one, most)
        grown = None if grown is None or one.total is None else grown * (1.0 + one.total)
    total = None if grown is None else grown - 1.0
    changed = sum((one.change_jpy for one in rows), Decimal(0))
    return Year(
        name=name,
        months=tuple(cells),
        total=Text(
            text=percent(total, sign=True),
            title=f"{yen_alone(changed, sign=True)} JPY",
            tone=tone(round(total or 0.0, 4)),
        ),
    )


def _heat(one: Month, most: float) -> Heat:
    total = one.total or 0.0
    return Heat(
        text=percent(one.total, sign=True, places=1),
        title=say(
            "report.month",
            month=one.month,
            change=yen_alone(one.change_jpy, sign=True),
            drawdown=fall_percent(one.max_drawdown_share),
            positions=f"{one.positions:,d}",
            wins=f"{one.wins:,d}",
        ),
        tone=tone(total),
        strength=round(FULL_HEAT * min(1.0, abs(total) / most)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRow:
    """A row of amounts with a bar; `share` in [0, 1] of the longest one."""

    name: str
    title: str
    amount: str
    tone: str
    share: float
    strong: bool = False


def cost_rows(performance: Performance) -> list[BarRow]:
    """From what the same fills would have earned at middle prices down to the change of equity."""
    costs = performance.costs
    change = performance.end_equity_jpy - performance.start_equity_jpy
    rows = [
        (
            say("report.cost.frictionless"),
            say("report.cost_means.frictionless"),
            costs.frictionless_jpy,
            True,
        ),
        (
            say("report.cost.slippage"),
            say("report.cost_means.slippage"),
            -costs.slippage_jpy,
            False,
        ),
        (say("report.cost.fees"), say("report.cost_means.fees"), -costs.fees_jpy, False),
        (
            say("report.cost.interest"),
            say("report.cost_means.interest"),
            -costs.interest_jpy,
            False,
        ),
        (say("report.cost.net"), say("report.cost_means.net"), costs.net_jpy, True),
        (
            say("report.cost.unrealised"),
            say("report.cost_means.unrealised"),
            costs.unrealised_jpy,
            False,
        ),
        (say("report.cost.change"), say("report.cost_means.change"), change, True),
    ]
    most = max(abs(amount) for _, _, amount, _ in rows) or Decimal(1)
    return [
        BarRow(
            name=name,
            title=title,
            amount=yen_alone(amount, sign=True),
            tone=tone(round(amount)),
            share=float(abs(amount) / most),
            strong=strong,
        )
        for name, title, amount, strong in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One row of an attribution."""

    name: str
    positions: str
    win_rate: str
    gross: str
    fees: str
    interest: str
    net: Text
    share: float


def attributions(performance: Performance) -> list[tuple[str, str, list[Share]]]:
    """Three tables: heading, what the first column is, rows with the largest contribution first."""
    return [
        (
            say("report.heading.by_strategy"),
            say("report.column.strategy"),
            _shares(performance.by_strategy, named=lambda name: name.replace("_", " ")),
        ),
        (
            say("report.heading.by_reason"),
            say("report.column.reason"),
            _shares(performance.by_reason, named=_reason),
        ),
        (
            say("report.heading.by_side"),
            say("report.column.side"),
            _shares(performance.by_side, named=str),
        ),
    ]


def _reason(name: str) -> str:
    return (
        reason_then(Reason(name)) if name in Reason.__members__.values() else name.replace("_", " ")
    )


def _shares(rows: Sequence[Attribution], *, named: Callable[[str], str]) -> list[Share]:
    most = max((abs(row.net_jpy) for row in rows), default=Decimal(0)) or Decimal(1)
    return [
        Share(
            name=named(row.name),
            positions=f"{row.positions:,d}",
            win_rate=percent(row.win_rate, places=1),
            gross=yen_alone(row.gross_jpy, sign=True),
            fees=yen_alone(row.fees_jpy),
            interest=yen_alone(row.interest_jpy),
            net=Text(text=yen_alone(row.net_jpy, sign=True), tone=tone(round(row.net_jpy))),
            share=float(abs(row.net_jpy) / most),
        )
        for row in sorted(rows, key=lambda row: -row.net_jpy)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialRow:
    """Why nothing was entered, and how often.

    `ticks` and `best_edge`: in how many ticks, and the best edge that was seen then, where the
    ticks are known.
    """

    code: str
    words: str
    candles: str
    percent: str
    share: float
    ticks: str = ""
    best_edge: str = ""


def denials(counted: Mapping[Reason, int]) -> list[DenialRow]:
    """Reasons with the 15m candles that each decided, the most frequent first."""
    total, most = sum(counted.values()) or 1, max(counted.values(), default=0) or 1
    return [
        DenialRow(
            code=reason.value,
            words=reason_then(reason),
            candles=f"{count:,d}",
            percent=percent(count / total, places=1),
            share=count / most,
        )
        for reason, count in sorted(counted.items(), key=lambda item: (-item[1], item[0].value))
        if count
    ]


def events(told: Sequence[Event]) -> tuple[list[tuple[str, str, str, str]], int]:
    """Instant in JST, code, words and detail of the first `MOST_EVENTS` events, and how many more
    there are.
    """
    rows = [
        (jst_minute(event.at), event.reason.value, reason_then(event.reason), event.detail)
        for event in told[:MOST_EVENTS]
    ]
    return rows, max(0, len(told) - MOST_EVENTS)
