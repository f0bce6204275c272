"""What everybody sees: a book around one price that a test moves, candles, rules, the circuit
breaker.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.support.second_bitbank.figures import DAY, ENDLESS, Code, btc
from tests.support.second_bitbank.orders import PAIR

MINUTE = 60_000
DAY_FILES = {"1min": 1, "5min": 5, "15min": 15, "30min": 30, "1hour": 60}
YEAR_FILES = {"4hour": 240, "8hour": 480, "12hour": 720, "1day": 1_440}
LEVELS, STEP_YEN = 200, 3
ALLOWANCE = 5  # a market order goes a fifth away from the best price at the most
Bar = tuple[int, int, int, int, int, str]  # opened at, open, high, low, close, volume


@dataclass(kw_only=True)
class SecondMarket:
    """Each course is asked at an instant, ms.

    Attributes:
        price: The middle of the book, whole yen.
        most_lots: So much of resting limits is filled in the second that begins then.
        level_lots: So much stands at each level that a taker meets; 0: nobody is there.
        mode: Of the circuit breaker.
        least_lots: The least amount of an order.
        minutes: Candles of one minute, for the files.
    """

    now: Callable[[], int]
    price: Callable[[int], int]
    most_lots: Callable[[int], int] = lambda _at: ENDLESS
    level_lots: Callable[[int], int] = lambda _at: ENDLESS
    mode: Callable[[int], str] = lambda _at: "NONE"
    least_lots: Callable[[int], int] = lambda _at: 1
    minutes: Sequence[Bar] = ()
    stopped: dict[str, bool] = field(default_factory=dict)

    def bid_ask(self, at: int) -> tuple[int, int]:
        mid = self.price(at)
        return mid - mid // 20_000, mid + mid // 20_000

    def taken(
        self, lots: int, *, buys: bool, at: int, limit: int | None = None
    ) -> list[tuple[int, int]]:
        """`(price, lots)` of what so much takes, the best first; less where there is no more."""
        bid, ask = self.bid_ask(at)
        best, sign = (ask, 1) if buys else (bid, -1)
        there, found = self.level_lots(at), list[tuple[int, int]]()
        for level in range(LEVELS):
            price = best + sign * level * STEP_YEN
            if abs(price - best) * ALLOWANCE > best or lots <= 0 or there <= 0:
                break
            if limit is not None and (price > limit if buys else price < limit):
                break
            found.append((price, min(lots, there)))
            lots -= there
        return found

    def is_touched(self, trigger: int, *, buys: bool, rises: bool, at: int, on_last: bool) -> bool:
        bid, ask = self.bid_ask(at)
        seen = self.price(at) if on_last else (ask if buys else bid)
        return seen >= trigger if rises else seen <= trigger

    def answer(self, path: str) -> Any:
        """A public endpoint, without any signature."""
        parts = [part for part in path.split("/") if part]
        if parts in (["v1", "spot", "status"], ["v1", "spot", "pairs"]):
            return self._status() if parts[-1] == "status" else {"pairs": [self._rules()]}
        if parts[:1] == ["user"]:
            raise Code(20018)  # without /v1
        if not parts or parts[0] != PAIR:
            raise Code(10000)
        match parts[1:]:
            case ["ticker"]:
                return self._ticker()
            case ["depth"]:
                return self._depth()
            case ["circuit_break_info"]:
                return self._circuit()
            case ["candlestick", kind, file]:
                return self._candles(kind, file)
        raise Code(10000)

    def _status(self) -> Any:
        least = btc(self.least_lots(self.now()))
        state = "NORMAL" if least == btc(1) else "VERY_BUSY"
        return {"statuses": [{"pair": PAIR, "status": state, "min_amount": least}]}

    def _rules(self) -> dict[str, Any]:
        margin = {
            f"margin_{act}_{who}_fee_rate_quote": rate
            for act in ("open", "close")
            for who, rate in (("maker", "0"), ("taker", "0.001"))
        }
        stops = dict.fromkeys(
            (
                "stop_order",
                "stop_order_and_cancel",
                "stop_market_order",
                "stop_stop_order",
                "stop_stop_limit_order",
                "stop_margin_long_order",
                "stop_margin_short_order",
                "stop_buy_order",
                "stop_sell_order",
            ),
            False,
        )
        ratios = {
            f"margin_{when}_{who}_{what}": value
            for when in ("current", "next")
            for who, ratio in (("individual", "0.5"), ("company", "0.0818"))
            for what, value in (("ratio", ratio), ("until", self.now() + 7 * DAY))
        }
        return {
            "name": PAIR,
            "base_asset": "btc",
            "quote_asset": "jpy",
            "maker_fee_rate_base": "0",
            "taker_fee_rate_base": "0",
            "maker_fee_rate_quote": "0",
            "taker_fee_rate_quote": "0.001",
            **margin,
            "margin_long_interest": "0.0004",
            "margin_short_interest": "0.0004",
            **ratios,
            "unit_amount": "0.0001",
            "limit_max_amount": "1000",
            "market_max_amount": "10",
            "market_allowance_rate": "0.2",
            "market_in_cb_allowance_rate": "0.2",
            "price_digits": 0,
            "amount_digits": 4,
            "is_enabled": True,
            **stops,
            **self.stopped,
        }

    def _ticker(self) -> Any:
        bid, ask = self.bid_ask(self.now())
        last = str(self.price(self.now()))
        return {
            "sell": str(ask),
            "buy": str(bid),
            "high": last,
            "low": last,
            "open": last,
            "last": last,
            "vol": "181.5992",
            "timestamp": self.now(),
        }

    def _depth(self) -> Any:
        now = self.now()
        asks = self.taken(ENDLESS * LEVELS, buys=True, at=now)
        bids = self.taken(ENDLESS * LEVELS, buys=False, at=now)
        return {
            "asks": [[str(price), btc(min(lots, 50_000))] for price, lots in asks],
            "bids": [[str(price), btc(min(lots, 50_000))] for price, lots in bids],
            "asks_over": "123.4567",
            "bids_under": "98.7654",
            "asks_under": "0.0000",
            "bids_over": "0.0000",
            "ask_market": "0.0000",
            "bid_market": "0.0000",
            "timestamp": now,
            "sequenceId": str(now),
        }

    def _circuit(self) -> Any:
        now = self.now()
        mode, mid = self.mode(now), self.price(now)
        is_open = mode == "NONE"
        return {
            "mode": mode,
            "estimated_itayose_price": None if is_open else str(mid),
            "estimated_itayose_amount": None if is_open else "1.0000",
            "itayose_upper_price": None if is_open else str(mid * 6 // 5),
            "itayose_lower_price": None if is_open else str(mid * 4 // 5),
            "upper_trigger_price": str(mid * 6 // 5) if is_open else None,
            "lower_trigger_price": str(mid * 4 // 5) if is_open else None,
            "fee_type": "NORMAL",
            "reopen_timestamp": None if is_open else now + 10 * MINUTE,
            "timestamp": now,
        }

    def _candles(self, kind: str, file: str) -> Any:
        minutes = DAY_FILES.get(kind) or YEAR_FILES.get(kind)
        form = "%Y%m%d" if kind in DAY_FILES else "%Y"
        if minutes is None or not file.isdigit() or len(file) != (8 if kind in DAY_FILES else 4):
            raise Code(10000)
        bars: dict[int, list[Any]] = {}
        for opened, first, high, low, last, volume in self.minutes:
            at = opened - opened % (minutes * MINUTE)
            if opened > self.now() or datetime.fromtimestamp(at / 1000, UTC).strftime(form) != file:
                continue
            bar = bars.setdefault(at, [first, high, low, last, 0.0])
            bar[1], bar[2], bar[3] = max(bar[1], high), min(bar[2], low), last
            bar[4] += float(volume)
        if not bars:
            raise Code(10000)
        rows = [
            [*(str(price) for price in bar[:4]), f"{bar[4]:.4f}", at] for at, bar in bars.items()
        ]
        return {"candlestick": [{"type": kind, "ohlcv": rows}], "timestamp": self.now()}
