"""Money and coins that lie beside the book, and when a change of them is told. Pure."""

from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.types import Issue, Ledger, Traces
from shared.core.types.ledger import is_same_money
from shared.exchanges.bitbank.live.delays import APART_MS
from shared.exchanges.bitbank.live.reading import Reading

QUIET_MS = 300_000
"""Money that came or went is a deposit or withdrawal only where nothing was executed that long."""


def is_quiet(reading: Reading) -> bool:
    """Whether nothing was executed lately whose money may still move."""
    return all(reading.read_at - one.executed_at >= QUIET_MS for one in reading.executions)


def note_aside(ledger: Ledger, traces: Traces, *, is_settled: bool) -> tuple[Ledger, list[Issue]]:
    """The ledger with what lies beside the book. A change is a deposit or a withdrawal once two
    ticks have seen the same and nothing else can explain it.
    """
    if ledger.aside_jpy is None or ledger.aside_btc is None:
        return copy_with(ledger, aside_jpy=traces.jpy, aside_btc=traces.btc), []
    if is_same_money(traces.jpy, ledger.aside_jpy) and traces.btc == ledger.aside_btc:
        return copy_with(ledger, drift=None), []
    drift = ledger.drift
    if drift is None or not is_same_money(drift.jpy, traces.jpy) or drift.btc != traces.btc:
        return copy_with(ledger, drift=traces), []
    if not is_settled or traces.read_at - drift.read_at < APART_MS:
        return ledger, []
    context = {
        "jpy": f"{traces.jpy - ledger.aside_jpy:f}",
        "btc": f"{traces.btc - ledger.aside_btc:f}",
    }
    after = copy_with(ledger, aside_jpy=traces.jpy, aside_btc=traces.btc, drift=None)
    return after, [Issue(reason=Reason.MONEY_MOVED, forbids_entry=False, context=context)]
