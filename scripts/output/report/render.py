"""Turn tick reports into one self-contained HTML page.

Pure: the same reports give the same page.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scripts.output.report import rows, words
from scripts.output.report.charts import candle_series, equity_series, position_series
from scripts.output.report.figures import compute, equity_curve
from scripts.output.report.header import ReportHeader, first_line, period
from scripts.output.report.story import all_fills, all_trades, episodes, stories, why_nothing
from shared.core.types import Candles, TickReport

_FOLDER = Path(__file__).with_name("page")


def render(
    reports: Sequence[TickReport], *, header: ReportHeader, candles: Candles | None = None
) -> str:
    """The page as text: no network, light and dark, readable without its script but for the charts.

    Args:
        reports: Every tick's report in the order of the ticks; duplicates of fills and trades are
            counted once.
        header: What the ticks do not know: the market, the training, the start.
        candles: The 15m candles of the period for the price chart.
    """
    told = stories(reports)
    figures = compute(reports, header.start_equity_jpy)
    positions = episodes(all_fills(reports), all_trades(reports))
    curve = equity_curve(reports, header.start_equity_jpy)
    drawn = {
        "equity": equity_series(curve, float(header.start_equity_jpy)),
        "candles": candle_series(candles),
        "positions": position_series(positions, told, end_at=header.end_at),
        "start": header.start_at,
        "end": header.end_at,
    }
    page: str = (
        _environment()
        .get_template("page.html.j2")
        .render(
            first_line=first_line(header),
            header=header,
            shown_period=period(header.start_at, header.end_at),
            figures=figures,
            cards=rows.cards(figures),
            capitals=rows.capitals(header.smallest_capital_jpy),
            decisions=[rows.decision_row(story) for story in told],
            reasons=rows.reason_rows(why_nothing(reports)),
            nothing_entered=not any(story.decision.action == "enter" for story in told),
            summary=rows.why_summary(why_nothing(reports), header),
            orders=rows.order_rows(figures),
            drawn=_embeddable(drawn),
        )
    )
    return page


def _embeddable(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(jst=words.jst, utc=words.utc, yen=words.yen, percent=words.percent)
    return environment
