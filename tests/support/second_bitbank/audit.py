"""Beside the exchange: for how long parts that were filled had no stop."""

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.second_bitbank.exchange import SecondBitbank


class Cover:
    """Counts for how many seconds each part was bare, the oldest first; `owners_lots` are not."""

    def __init__(self, *, owners_lots: int) -> None:
        self.bare_seconds: Counter[int] = Counter()
        self._owners_lots = owners_lots
        self._bare: dict[str, list[tuple[int, int]]] = {"long": [], "short": []}

    def note(self, exchange: "SecondBitbank", at: int) -> None:
        live = exchange.live()
        for side, held in exchange.account.held.items():
            lots = held.lots
            if side == "long":
                lots += exchange.account.coins - self._owners_lots
            stops = sum(
                one.left for one in live if one.kind == "stop" and (one.side or "long") == side
            )
            self._note_side(side, max(0, lots - stops), at)

    def _note_side(self, side: str, bare: int, at: int) -> None:
        queue = self._bare[side]
        known = sum(lots for _, lots in queue)
        if bare > known:
            queue.append((at, bare - known))
        while bare < known:
            since, lots = queue.pop(0)
            self.bare_seconds[(at - since) // 1_000] += 1
            known -= lots
            if known < bare:
                queue.insert(0, (since, bare - known))
                known = bare
