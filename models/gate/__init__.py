"""The gate: a table of named checks that decides whether a model may serve, enter, and take the
champion's place.
"""

from models.gate.judge import judge, unproven_verdict
from models.gate.serve import serve_checks
from models.gate.words import figure, in_words, table_lines, verdict_table

__all__ = [
    "figure",
    "in_words",
    "judge",
    "serve_checks",
    "table_lines",
    "unproven_verdict",
    "verdict_table",
]
