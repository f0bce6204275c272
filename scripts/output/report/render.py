"""Turn tick reports into one self-contained HTML page: a replay's, with the story of the ticks.

Pure: the same reports give the same page.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scripts.output.report import rows
from scripts.output.report.header import ReportHeader
from scripts.output.report.outcome import build_ticked_run
from shared.core.sentences import say
from shared.core.settings import Settings
from shared.core.types import Candles, TickReport, Timeframe
from shared.results.page.render import render as render_page
from shared.results.report.render import FOLDER, SCRIPTS, values_of

_FOLDER = Path(__file__).with_name("page")


def render(
    reports: Sequence[TickReport],
    *,
    header: ReportHeader,
    candles: Candles | None = None,
    settings: Settings | None = None,
) -> str:
    """The page as text: no network, light and dark, readable without its script but for the charts
    and the list of positions.

    Args:
        reports: Every tick's report in the order of the ticks; duplicates of fills and trades are
            counted once.
        header: What the ticks do not know: the market, the training, the start.
        candles: The 15m candles of the period for the price chart.
        settings: What the bot ran with, to name the rates and limits in words.
    """
    run = build_ticked_run(reports, header)
    shown = candles if candles is not None else _no_candles()
    values = values_of(
        run.replayed, run.performance, run.positions, candles=shown, settings=settings
    )
    story = {
        **rows.without_luck(values, run),
        "capitals": rows.capitals(header.smallest_capital_jpy),
        "ticks": rows.tick_cell(run.ticks),
        "decisions": [rows.decision_row(story) for story in run.stories],
        "denials": rows.reason_rows(run.why_not),
        "denial_words": rows.why_summary(run.why_not, header),
        "entered": any(story.decision.action == "enter" for story in run.stories),
        "orders": rows.order_rows(run.orders),
    }
    return render_page(
        _FOLDER / "demo.html.j2",
        values | story,
        heading=say("demo.title"),
        notes=run.replayed.notes,
        folders=(FOLDER,),
        styles=(_FOLDER / "demo.css",),
        scripts=SCRIPTS,
    )


def _no_candles() -> Candles:
    none = np.empty(0)
    return Candles(
        timeframe=Timeframe.M15,
        opened_at=np.empty(0, dtype=np.int64),
        open=none,
        high=none,
        low=none,
        close=none,
        volume=none,
    )
