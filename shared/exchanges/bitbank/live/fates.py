"""What is known of an order whose answer was lost: found, absent, or open. Pure."""

from collections.abc import Mapping, Sequence

from shared.core.types import Fate, Ledger, OpenIntent, Traces
from shared.exchanges.bitbank.live.delays import APART_MS, OVERLAP_MS, SETTLES_MS

PROOF_AFTER_MS = 120_000
"""A lost entry is disproved by a reading that comes so long after it could last arrive."""
MOST_UNSEEN = 4


def fates_of(
    intents: Sequence[OpenIntent],
    found: Mapping[str, int],
    traces: Traces,
    ledger: Ledger,
    *,
    is_whole: bool,
) -> tuple[dict[str, Fate], tuple[OpenIntent, ...]]:
    """What is known of each intent, and which orders that protect nobody has seen."""
    fates: dict[str, Fate] = {}
    unseen = [one for one in ledger.unseen if one.intent.id not in found]
    for written in intents:
        if written.intent.id in found:
            fates[written.intent.id] = Fate.FOUND
        elif not is_whole or traces.read_at <= written.until + SETTLES_MS:
            fates[written.intent.id] = Fate.OPEN
        elif not written.intent.is_opening:
            fates[written.intent.id] = Fate.ABSENT
            unseen.append(written)
        else:
            fates[written.intent.id] = Fate.ABSENT if _is_disproved(written, traces) else Fate.OPEN
    old = traces.read_at - OVERLAP_MS
    kept = [one for one in unseen if one.until > old or ledger.lots(one.intent.side)]
    return fates, tuple(kept[-MOST_UNSEEN:])


def _is_disproved(written: OpenIntent, traces: Traces) -> bool:
    """Whether two readings of different ticks, the second long after its time, show that nothing
    came of it.
    """
    looked, before = written.looked, written.before
    return (
        looked is not None
        and before is not None
        and traces.read_at >= written.until + PROOF_AFTER_MS
        and traces.read_at - looked.read_at >= APART_MS
        and looked.is_same_as(traces)
        and before.is_same_as(traces)
    )
