"""How late bitbank may be, and how far apart two readings are."""

OVERLAP_MS = 900_000
"""Executions are read again for so long: bitbank tells some late, and not in the order of their
numbers."""
LAG_MS = 15_000
"""A position may show a fill so long after it."""
SETTLES_MS = 3_000
"""bitbank may work so long on an order after its window."""
APART_MS = 120_000
"""Two readings that lie so far apart are of two ticks."""
