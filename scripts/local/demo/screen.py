"""What a person sees while the ticks run: a live table on a terminal, few plain lines elsewhere.

Everything on stderr.
"""

import sys
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Protocol, Self

import click

from scripts.output.events import (
    QUIET,
    decision_words,
    event_lines,
    position_words,
    price_words,
    report_line,
)
from shared.core.calendar import HOUR_MS, jst_text
from shared.core.sentences import reason_then, say
from shared.core.sentences.figures import DASH, duration, percent, yen
from shared.core.types import TickReport

if TYPE_CHECKING:
    from rich.console import RenderableType

RECENT = 8
EVENTS = 10
FIXED_LINES = 17
"""Of the live table: everything but the rows of its two tables."""
PLAIN_EVERY_MS = 6 * HOUR_MS


class Screen(Protocol):
    """Shows ticks as they come. A context manager."""

    def show(self, report: TickReport) -> None:
        """One more tick is done."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def screen_for(first_line: str, total: int) -> Screen:
    """The live table on a terminal, plain lines elsewhere."""
    return LiveTable(first_line, total) if sys.stderr.isatty() else PlainLines(total)


class PlainLines:
    """One line for whatever happens, and one every six simulated hours."""

    def __init__(self, total: int) -> None:
        """Expect `total` ticks."""
        self._total = total
        self._done = 0
        self._next_at = 0
        self._last: TickReport | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, report: TickReport) -> None:
        """Say what is worth a line."""
        self._done += 1
        for told in event_lines(report, before=self._last):
            click.echo(f"{jst_text(report.scheduled_at)}  {told}", err=True)
        self._last = report
        if report.scheduled_at >= self._next_at or self._done == self._total:
            self._next_at = report.scheduled_at + PLAIN_EVERY_MS
            click.echo(f"{report_line(report)}  [{self._done}/{self._total}]", err=True)


class LiveTable:
    """Progress, the last decisions, the last events, and the reasons so far."""

    def __init__(self, first_line: str, total: int) -> None:
        """Expect `total` ticks of the market that `first_line` describes."""
        from rich.console import Console
        from rich.live import Live

        self._first_line = first_line
        self._total = total
        self._done = 0
        self._began = time.monotonic()
        self._start_equity: float | None = None
        self._last: TickReport | None = None
        self._recent: deque[TickReport] = deque(maxlen=RECENT)
        self._events: deque[tuple[int, str]] = deque(maxlen=EVENTS)
        self._reasons: Counter[str] = Counter()
        console = Console(stderr=True)
        self._rows = max(2, (console.size.height - FIXED_LINES) // 2)
        self._live = Live(console=console, refresh_per_second=8, get_renderable=self._draw_table)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, report: TickReport) -> None:
        """Take one more tick into the table."""
        self._done += 1
        before, self._last = self._last, report
        if self._start_equity is None and report.equity_jpy is not None:
            self._start_equity = float(report.equity_jpy)
        reason = report.reason if report.decision is None else report.decision.reason
        if reason not in QUIET:
            self._recent.append(report)
            self._reasons[reason_then(reason)] += 1
        self._events.extend(
            (report.scheduled_at, told) for told in event_lines(report, before=before)
        )

    def _draw_table(self) -> "RenderableType":
        from rich.console import Group
        from rich.panel import Panel
        from rich.text import Text

        parts: list[RenderableType] = [
            Panel(Text(self._first_line), border_style="yellow"),
            self._headline(),
            self._decisions(),
        ]
        if self._events:
            parts.append(self._happenings())
        if self._reasons:
            told = " · ".join(
                f"{count:,d} × {reason}" for reason, count in self._reasons.most_common(4)
            )
            parts.append(Text(say("live.decisions", reasons=told), style="dim"))
        return Group(*parts)

    def _headline(self) -> "RenderableType":
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        elapsed = time.monotonic() - self._began
        each = (
            say("live.each", milliseconds=f"{elapsed / self._done * 1000:.0f}")
            if self._done
            else ""
        )
        grid = Table.grid(padding=(0, 2))
        last = self._last
        told = Text(say("live.waiting"))
        if last is not None:
            price = price_words(last)
            told = Text(say("live.head", at=jst_text(last.scheduled_at), price=price))
            if last.equity_jpy is not None and self._start_equity:
                change = float(last.equity_jpy) / self._start_equity - 1
                style = "green" if change > 0 else "red" if change < 0 else ""
                told.append(
                    say(
                        "live.change",
                        equity=yen(last.equity_jpy),
                        change=percent(change, sign=True),
                    ),
                    style=style,
                )
            told.append(say("live.position", position=position_words(last)))
        grid.add_row(
            ProgressBar(total=self._total, completed=self._done, width=30),
            say("live.progress", done=f"{self._done:,d}", total=f"{self._total:,d}"),
        )
        outer = Table.grid()
        outer.add_row(grid)
        outer.add_row(told)
        outer.add_row(
            Text(say("live.so_far", each=each, time=duration(elapsed)) if each else "", style="dim")
        )
        return outer

    def _decisions(self) -> "RenderableType":
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, expand=True, pad_edge=False)
        for name in ("time", "price", "equity", "position"):
            table.add_column(
                say(f"live.plain.{name}"),
                no_wrap=True,
                justify="right" if name in {"price", "equity"} else "left",
            )
        table.add_column(say("live.column.decision"), ratio=1, no_wrap=True)
        for report in list(self._recent)[-self._rows :]:
            table.add_row(
                jst_text(report.scheduled_at)[5:16],
                price_words(report),
                yen(report.equity_jpy) if report.equity_jpy is not None else DASH,
                position_words(report),
                decision_words(report),
            )
        return table

    def _happenings(self) -> "RenderableType":
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, expand=True, pad_edge=False)
        table.add_column(say("live.plain.time"), no_wrap=True)
        table.add_column(say("live.column.events"), ratio=1, no_wrap=True)
        for at, told in list(self._events)[-self._rows :]:
            table.add_row(jst_text(at)[5:16], told)
        return table
