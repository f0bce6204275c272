"""The one-page HTML report of a run: the market, what came of it, every decision that led to an
order, and why not more.
"""

from scripts.output.report.header import MarketSource, ReportHeader, TrainingNote, first_line
from scripts.output.report.render import render

__all__ = ["MarketSource", "ReportHeader", "TrainingNote", "first_line", "render"]
