"""How long what a bot held at the sandbox was without a stop of its size, by the exchange's own
times: executions, and when each stop came and went.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from shared.core.money import lots_from_btc

SIGNS = {"long": {"buy": 1, "sell": -1}, "short": {"sell": 1, "buy": -1}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long lots that came in at `at` waited for their stop, or their close."""

    at: int
    until: int
    ended_by: str

    @property
    def seconds(self) -> float:
        return (self.until - self.at) / 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BareSpan:
    """A time in which less was covered than held, what began it and what ended it."""

    since: int
    until: int
    cause: str

    @property
    def seconds(self) -> float:
        return (self.until - self.since) / 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """What is held and what of it stops cover, from `at` on."""

    at: int
    held: int
    covered: int
    events: frozenset[str]

    @property
    def is_bare(self) -> bool:
        return self.covered < self.held


def stop_waits(truth: Mapping[str, Any]) -> list[Wait]:
    """For every fill that opens: until a stop of all that is held was live, or nothing was held."""
    waits = []
    for side in SIGNS:
        moments = _moments(truth, side)
        for row, moment in enumerate(moments):
            if "fill" not in moment.events:
                continue
            end = next((one for one in moments[row:] if not one.is_bare), None)
            assert end is not None, f"the fill of {moment.at} never had a stop"
            ended_by = "a stop" if end.held else "its close"
            waits.append(Wait(at=moment.at, until=end.at, ended_by=ended_by))
    return waits


def bare_spans(truth: Mapping[str, Any]) -> list[BareSpan]:
    """Every time without a stop of the whole size."""
    spans = []
    for side in SIGNS:
        since: _Moment | None = None
        for moment in _moments(truth, side):
            if moment.is_bare and since is None:
                since = moment
            elif since is not None and not moment.is_bare:
                spans.append(BareSpan(since=since.at, until=moment.at, cause=_cause(since, moment)))
                since = None
        assert since is None, "it ends without a stop"
    return spans


def histogram(waits: Sequence[Wait]) -> str:
    """Waits by whole seconds, as a person reads them."""
    counts = Counter(int(wait.seconds) for wait in waits)
    rows = [
        f"  {second:>3} s  {counts[second]:>5}  {'#' * counts[second]}" for second in sorted(counts)
    ]
    seconds = sorted(wait.seconds for wait in waits)
    median, longest = seconds[len(seconds) // 2], seconds[-1]
    rows.append(f"  {len(seconds)} fills, median {median:.1f} s, longest {longest:.1f} s")
    return "\n".join(rows)


def _cause(since: _Moment, end: _Moment) -> str:
    began = "an entry was filled" if "fill" in since.events else "its stop went for a close"
    return f"{began}, until {'a stop came' if end.held else 'it was closed'}"


def _moments(truth: Mapping[str, Any], side: str) -> list[_Moment]:
    """What is held and covered after each instant at which something changed."""
    held: dict[int, int] = {}
    stops: dict[int, int] = {}
    names: dict[int, set[str]] = {}

    def note(changes: dict[int, int], at: int, lots: int, name: str) -> None:
        changes[at] = changes.get(at, 0) + lots
        names.setdefault(at, set()).add(name)

    for trade in truth["trades"]:
        if trade["position_side"] == side:
            sign = SIGNS[side][trade["side"]]
            lots = lots_from_btc(Decimal(trade["amount"]))
            note(held, trade["executed_at"], sign * lots, "fill" if sign > 0 else "close")
    for order in truth["orders"]:
        if order["position_side"] == side and order["type"] == "stop":
            lots = lots_from_btc(Decimal(order["start_amount"]))
            note(stops, order["ordered_at"], lots, "stop")
            is_whole = order["status"] == "FULLY_FILLED"
            ended_at = order["executed_at"] if is_whole else order.get("canceled_at")
            if ended_at is not None:
                note(stops, ended_at, -lots, "stop ends")
    moments, now_held, now_covered = [], 0, 0
    for at in sorted(names):
        now_held += held.get(at, 0)
        now_covered += stops.get(at, 0)
        moments.append(
            _Moment(at=at, held=now_held, covered=now_covered, events=frozenset(names[at]))
        )
    assert all(one.at < other.at for one, other in pairwise(moments))
    return moments
