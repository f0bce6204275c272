"""Numbers, instants and reasons for people: the words of `shared.results.report`, and UTC for
machines.
"""

from scripts.output.console import JST, utc
from shared.results.report.words import jst, jst_day, number, percent, reason_words, yen

__all__ = ["JST", "jst", "jst_day", "number", "percent", "reason_words", "utc", "yen"]
