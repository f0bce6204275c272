"""A second bitbank, written from the reference of its API alone: its private REST, a book of one
price that a test moves, spot and margin. It shares nothing with the sandbox, not even a number.

    price path ─► step(at): triggers, then limits ─► executions ─► yen, coins, positions
    HTTP ─► signature, window ─► endpoint ─► data, or a code

Everything is integers: sizes in 1/10000 BTC, money in 1/10000 yen.
"""

import hashlib
import hmac
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY, SECRET = "second-key", "second-secret-of-no-worth"
PAIR = "btc_jpy"
UNITS = 10_000
TAKER_SHARE, INTEREST_SHARE = 10, 4  # of 10,000: 0.1 %, and 0.04 % a day
DAY = 86_400_000
MOST_LIVE = 30
KINDS = ("limit", "market", "stop", "stop_limit", "take_profit", "stop_loss")
TRIGGERED = ("stop", "stop_limit", "take_profit", "stop_loss")
LIVE = ("INACTIVE", "UNFILLED", "PARTIALLY_FILLED")


class Code(Exception):
    """An answer with an error code."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass
class Order:
    number: int
    buys: bool
    kind: str
    side: str | None
    lots: int
    price: int | None
    trigger: int | None
    post_only: bool
    at: int
    status: str
    done: int = 0
    value: int = 0  # the sum of price x lots
    triggered_at: int | None = None
    canceled_at: int | None = None
    executed_at: int | None = None

    @property
    def opens(self) -> bool:
        return self.side is not None and self.buys == (self.side == "long")

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    def row(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "order_id": self.number,
            "pair": PAIR,
            "side": "buy" if self.buys else "sell",
            "type": self.kind,
            "start_amount": btc(self.lots),
            "remaining_amount": btc(self.lots - self.done),
            "executed_amount": btc(self.done),
            "user_cancelable": True,
            "average_price": average_text(self.value, self.done),
            "ordered_at": self.at,
            "expire_at": self.at + 180 * DAY,
            "status": self.status,
        }
        more = {
            "position_side": self.side,
            "price": None if self.price is None else str(self.price),
            "post_only": self.post_only if self.kind == "limit" else None,
            "trigger_price": None if self.trigger is None else str(self.trigger),
            "triggered_at": self.triggered_at,
            "canceled_at": self.canceled_at,
        }
        return told | {name: value for name, value in more.items() if value is not None}


@dataclass
class Held:
    """One averaged row of a side: `product` in 1/10000 yen, `parts` for the interest."""

    lots: int = 0
    product: int = 0
    fee: int = 0
    parts: list[list[int]] = field(default_factory=list)  # opened at, product

    def interest(self, at: int) -> int:
        return sum(
            half_up(product * INTEREST_SHARE * ((at - opened) // DAY + 1), UNITS)
            for opened, product in self.parts
        )


def half_up(value: int, divisor: int) -> int:
    return (2 * value + divisor) // (2 * divisor)


def btc(lots: int) -> str:
    return f"{lots // UNITS}.{lots % UNITS:04d}"


def yen(units: int) -> str:
    sign, rest = ("-" if units < 0 else ""), abs(units)
    return f"{sign}{rest // UNITS}.{rest % UNITS:04d}"


def average_text(value: int, lots: int) -> str:
    if not lots:
        return "0"
    micro = half_up(value * 10**6, lots)
    return f"{micro // 10**6}.{micro % 10**6:06d}".rstrip("0").rstrip(".")


class SecondBitbank:
    """The exchange: one account, one pair."""

    def __init__(
        self,
        *,
        now: Callable[[], int],
        price: Callable[[int], int],
        yen_jpy: int,
        most_lots: Callable[[int], int] = lambda _at: 10**9,
        lag_ms: int = 0,
        lists_stops: bool = True,
        clips_stops: bool = True,
    ) -> None:
        """`price`: the middle of the book at an instant, in whole yen; `most_lots`: so much of a
        resting limit is filled in the second that begins then. Positions show, and can be closed,
        `lag_ms` after their fill; active_orders `lists_stops` that have not fired; a stop larger
        than its position fires for what is there (`clips_stops`) or not at all.
        """
        self._now, self._price, self._most_lots = now, price, most_lots
        self._lag_ms, self._lists_stops, self._clips_stops = lag_ms, lists_stops, clips_stops
        self.jpy, self.coins = yen_jpy * UNITS, 0
        self.orders: dict[int, Order] = {}
        self.executions: list[dict[str, Any]] = []
        self.held = {"long": Held(), "short": Held()}
        self._past: dict[str, list[tuple[int, Held]]] = {"long": [], "short": []}
        self.bare_seconds: Counter[int] = Counter()
        self._bare: dict[str, list[tuple[int, int]]] = {"long": [], "short": []}
        self.posts: list[dict[str, Any]] = []
        self.counts: Counter[str] = Counter()
        self.walked_to = now()
        self._next_order, self._next_trade = 60_000_000_000, 2_000_000_000
        self.lock = threading.Lock()

    # the market

    def bid_ask(self, at: int) -> tuple[int, int]:
        mid = self._price(at)
        return mid - mid // 20_000, mid + mid // 20_000

    def walk(self) -> None:
        """Bring the book up to now, a second at a time where something rests."""
        now = self._now()
        while self.walked_to < now:
            if not any(order.is_live for order in self.orders.values()):
                self._note_cover()
                self.walked_to = now
                return
            self.walked_to = min(now, self.walked_to + 1_000)
            self._step(self.walked_to)
            self._note_cover()

    def _note_cover(self) -> None:
        """Count for how many seconds each part that was filled has no stop, the oldest first."""
        for side in ("long", "short"):
            lots = self.held[side].lots + (self.coins if side == "long" else 0)
            stops = sum(
                one.lots
                for one in self.orders.values()
                if one.is_live and one.kind == "stop" and (one.side or "long") == side
            )
            queue, bare = self._bare[side], max(0, lots - stops)
            known = sum(part for _, part in queue)
            if bare > known:
                queue.append((self.walked_to, bare - known))
            while bare < known:
                at, part = queue.pop(0)
                self.bare_seconds[(self.walked_to - at) // 1_000] += 1
                known -= part
                if known < bare:
                    queue.insert(0, (at, bare - known))
                    known = bare

    def _step(self, at: int) -> None:
        bid, ask = self.bid_ask(at)
        for order in [one for one in self.orders.values() if one.is_live]:
            if order.status == "INACTIVE":
                rises = order.buys == (order.kind != "take_profit")
                touched = ask if order.buys else bid
                if order.trigger is None or not (
                    touched >= order.trigger if rises else touched <= order.trigger
                ):
                    continue
                order.triggered_at = at
                order.status = "UNFILLED"
                if order.kind != "stop_limit":
                    self._take(order, at)
                    continue
            if order.price is not None and (ask < order.price if order.buys else bid > order.price):
                self._trade(order, order.price, at, is_maker=True, most=self._most_lots(at))

    def _take(self, order: Order, at: int) -> None:
        bid, ask = self.bid_ask(at)
        held = self.held[order.side] if order.side else None
        if held is not None and not order.opens and held.lots < order.lots:
            if not held.lots or not self._clips_stops:
                self.counts["a stop fired for nothing"] += bool(held.lots)
                order.status, order.canceled_at = "CANCELED_UNFILLED", at
                return
            order.lots = held.lots
        self._trade(order, ask if order.buys else bid, at, is_maker=False)

    def _trade(
        self, order: Order, price: int, at: int, *, is_maker: bool, most: int = 10**9
    ) -> None:
        lots = order.lots - order.done
        if order.side and not order.opens:
            lots = min(lots, self.held[order.side].lots)
        if not most:
            return
        lots = min(lots, most)
        if lots <= 0:
            order.status, order.canceled_at = "CANCELED_UNFILLED", at
            return
        product = price * lots
        fee = 0 if is_maker else half_up(product * TAKER_SHARE, UNITS)
        row: dict[str, Any] = {
            "trade_id": self._next_trade,
            "pair": PAIR,
            "order_id": order.number,
            "side": "buy" if order.buys else "sell",
            "type": order.kind,
            "amount": btc(lots),
            "price": str(price),
            "maker_taker": "maker" if is_maker else "taker",
            "fee_amount_base": "0",
            "fee_amount_quote": yen(fee),
            "fee_occurred_amount_quote": yen(fee),
            "executed_at": at,
        }
        self._next_trade += 1
        if order.side is None:
            self.jpy += (-product if order.buys else product) - fee
            self.coins += lots if order.buys else -lots
        else:
            row |= {"position_side": order.side, **self._margin(order, lots, product, fee, at)}
        self.executions.append(row)
        order.done += lots
        order.value += product
        order.executed_at = at
        order.status = "FULLY_FILLED" if order.done == order.lots else "PARTIALLY_FILLED"
        self.counts["filled in part"] += order.done < order.lots
        self.counts[f"{order.kind} {'maker' if is_maker else 'taker'}"] += 1

    def _margin(self, order: Order, lots: int, product: int, fee: int, at: int) -> dict[str, str]:
        side = order.side or ""
        held = self.held[side]
        if order.opens:
            held.lots += lots
            held.product += product
            held.fee += fee
            held.parts.append([at, product])
            self._past[side].append((at, deepcopy(held)))
            return {"fee_amount_quote": yen(0)}
        before, due_before = held.lots, held.interest(at)
        cost = half_up(held.product * lots, before)
        open_fee = half_up(held.fee * lots, before)
        held.lots -= lots
        held.product -= cost
        held.fee -= open_fee
        held.parts = (
            [[opened, half_up(part * held.lots, before)] for opened, part in held.parts]
            if held.lots
            else []
        )
        self._past[side].append((at, deepcopy(held)))
        interest = due_before - held.interest(at)
        gain = product - cost if order.side == "long" else cost - product
        self.jpy += gain - open_fee - fee - interest
        return {
            "fee_amount_quote": yen(open_fee + fee),
            "profit_loss": yen(gain),
            "interest": yen(interest),
        }

    def _shown(self, side: str, now: int) -> Held:
        """One side as it was a moment ago."""
        seen = [one for at, one in self._past[side] if at <= now - self._lag_ms]
        return seen[-1] if seen else Held()

    # what is asked

    def answer(self, method: str, path: str, query: dict[str, Any], body: dict[str, Any]) -> Any:
        self.walk()
        name = f"{method} {path.removeprefix('/v1/user/')}"
        known: dict[str, Callable[[dict[str, Any]], Any]] = {
            "GET assets": self._assets,
            "POST spot/order": self._order,
            "GET spot/order": self._info,
            "POST spot/cancel_order": self._cancel,
            "POST spot/orders_info": self._infos,
            "GET spot/active_orders": self._active,
            "GET spot/trade_history": self._history,
            "GET margin/status": self._status,
            "GET margin/positions": self._positions,
        }
        self.counts[name] += 1
        if name not in known:
            raise Code(10000)
        return known[name](body if method == "POST" else query)

    def _assets(self, _: dict[str, Any]) -> Any:
        locked_jpy = locked_coins = 0
        for order in self.orders.values():
            if order.is_live and order.side is None:
                left = order.lots - order.done
                locked_jpy += left * (order.price or order.trigger or 0) if order.buys else 0
                locked_coins += 0 if order.buys else left

        def row(asset: str, onhand: str, locked: str, free: str, digits: int) -> dict[str, Any]:
            return {
                "asset": asset,
                "free_amount": free,
                "amount_precision": digits,
                "onhand_amount": onhand,
                "locked_amount": locked,
                "withdrawing_amount": "0",
                "withdrawal_fee": {"min": "0.0006", "max": "0.0006"},
                "stop_deposit": False,
                "stop_withdrawal": False,
                "collateral_ratio": "1" if asset == "jpy" else "0.5",
            }

        return {
            "assets": [
                row("jpy", yen(self.jpy), yen(locked_jpy), yen(self.jpy - locked_jpy), 4),
                row("btc", btc(self.coins), btc(locked_coins), btc(self.coins - locked_coins), 8),
            ]
        }

    def _order(self, body: dict[str, Any]) -> Any:
        self.posts.append(dict(body))
        kind, side = body.get("type"), body.get("position_side")
        if body.get("pair") != PAIR:
            raise Code(40025)
        if body.get("side") not in {"buy", "sell"}:
            raise Code(30013 if "side" not in body else 40021)
        if kind not in KINDS:
            raise Code(30015 if kind is None else 40024)
        if side not in {None, "long", "short"}:
            raise Code(40164)
        if body.get("amount") is None:
            raise Code(30001)
        lots = _lots(body["amount"])
        price = trigger = None
        if kind in {"limit", "stop_limit"}:
            price = _whole(body.get("price"), 30012, 40020)
        if kind in TRIGGERED:
            trigger = _whole(body.get("trigger_price"), 30101, 40112)
        post_only = body.get("post_only", False)
        if type(post_only) is not bool:
            raise Code(40113)
        if post_only and kind != "limit":
            raise Code(40114)
        now = self._now()
        order = Order(
            number=self._next_order,
            buys=body["side"] == "buy",
            kind=kind,
            side=side,
            lots=lots,
            price=price,
            trigger=trigger,
            post_only=post_only,
            at=now,
            status="INACTIVE" if trigger is not None else "UNFILLED",
        )
        self._check(order, now)
        self._next_order += 7
        self.orders[order.number] = order
        if kind == "market":
            self._take(order, now)
        elif kind == "limit":
            bid, ask = self.bid_ask(now)
            if ask <= order.price if order.buys else bid >= order.price:  # type: ignore[operator]
                if post_only:
                    order.status, order.canceled_at = "CANCELED_UNFILLED", now
                    self.counts["post-only cancelled"] += 1
                else:
                    self._take(order, now)
        return order.row()

    def _check(self, order: Order, now: int) -> None:
        live = [one for one in self.orders.values() if one.is_live]
        if len(live) >= MOST_LIVE:
            raise Code(60011)
        bid, ask = self.bid_ask(now)
        trigger = None if order.kind == "take_profit" else order.trigger
        if trigger is not None and (ask >= trigger if order.buys else bid <= trigger):
            raise Code(60018)
        worth = order.lots * (order.price or order.trigger or ask)
        if order.side is None:
            told = self._assets({})["assets"]
            free = _units(told[0 if order.buys else 1]["free_amount"])
            if (worth if order.buys else order.lots) > free:
                raise Code(60001)
            return
        if order.opens:
            if order.kind in TRIGGERED:
                raise Code(40200)
            if worth > self._available():
                raise Code(50061)
            return
        # stops and limits that close count apart from each other (seen in production)
        same = [
            one
            for one in live
            if one.side == order.side
            and not one.opens
            and (one.kind in TRIGGERED) == (order.kind in TRIGGERED)
        ]
        if order.kind == "market":
            same = [one for one in live if one.side == order.side and not one.opens]
        shown = self._shown(order.side, now)
        if order.lots + sum(one.lots - one.done for one in same) > shown.lots:
            raise Code(50062)

    def _find(self, number: Any) -> Order:
        if type(number) is str and number.isdigit():
            number = int(number)
        if type(number) is not int:
            raise Code(40013)
        if number not in self.orders:
            raise Code(50009)
        return self.orders[number]

    def _info(self, query: dict[str, Any]) -> Any:
        if "order_id" not in query:
            raise Code(30006)
        return self._find(query["order_id"]).row()

    def _cancel(self, body: dict[str, Any]) -> Any:
        if "order_id" not in body:
            raise Code(30006)
        order = self._find(body["order_id"])
        if order.status.startswith("CANCELED"):
            raise Code(50026)
        if order.status == "FULLY_FILLED":
            raise Code(50027)
        order.canceled_at = self._now()
        order.status = "CANCELED_PARTIALLY_FILLED" if order.done else "CANCELED_UNFILLED"
        return order.row()

    def _infos(self, body: dict[str, Any]) -> Any:
        numbers = body.get("order_ids")
        if not isinstance(numbers, list):
            raise Code(30007)
        if len(numbers) > MOST_LIVE:
            raise Code(40015)
        return {"orders": [self.orders[one].row() for one in numbers if one in self.orders]}

    def _active(self, query: dict[str, Any]) -> Any:
        rows = [
            order.row()
            for order in self.orders.values()
            if order.is_live and (self._lists_stops or order.status != "INACTIVE")
        ]
        return {"orders": rows[::-1][: int(query.get("count", 100))]}

    def _history(self, query: dict[str, Any]) -> Any:
        rows = [
            row
            for row in self.executions
            if int(query.get("since", 0)) <= row["executed_at"] <= int(query.get("end", 10**15))
            and ("order_id" not in query or str(row["order_id"]) == str(query["order_id"]))
        ]
        if query.get("order", "desc") == "desc":
            rows.reverse()
        return {"trades": rows[: int(query.get("count", 60))]}

    def _worth(self) -> tuple[int, int, int]:
        """Total margin, unrealised profit, costs not collected, in 1/10000 yen."""
        now = self._now()
        mid = self._price(now)
        long, short = self.held["long"], self.held["short"]
        profit = mid * long.lots - long.product + short.product - mid * short.lots
        costs = sum(one.fee + one.interest(now) for one in self.held.values())
        return self.jpy + mid * self.coins // 2 + profit - costs, profit, costs

    def _available(self) -> int:
        total, *_ = self._worth()
        resting = sum(
            (one.lots - one.done) * (one.price or 0)
            for one in self.orders.values()
            if one.is_live and one.opens
        )
        return max(0, 2 * total - sum(one.product for one in self.held.values()) - resting)

    def _status(self, _: dict[str, Any]) -> Any:
        total, profit, costs = self._worth()
        product = sum(one.product for one in self.held.values())
        percentage = None if not product else f"{total * 100 * 100 // product / 100:.2f}"
        available = yen(self._available())
        told = {
            "status": "NORMAL",
            "total_margin_balance_percentage": percentage,
            "total_margin_balance": yen(total),
            "margin_position_profit_loss": yen(profit),
            "unrealized_cost": yen(costs),
            "total_margin_position_product": yen(product),
            "open_margin_position_product": yen(product),
            "open_margin_order_product": yen(0),
            "margin_call_percentage": None if not product else "100",
            "losscut_percentage": None if not product else "50",
            "buy_credit": available,
            "sell_credit": available,
            "available_balances": [{"pair": PAIR, "long": available, "short": available}],
        }
        zero = (
            "total_position_maintenance_margin",
            "total_long_position_maintenance_margin",
            "total_short_position_maintenance_margin",
            "total_open_order_maintenance_margin",
            "total_long_open_order_maintenance_margin",
            "total_short_open_order_maintenance_margin",
        )
        return told | dict.fromkeys(zero, yen(0))

    def _positions(self, _: dict[str, Any]) -> Any:
        now, rows = self._now(), []
        for pair in (PAIR, "xrp_jpy"):
            for side in ("long", "short"):
                one = self._shown(side, now) if pair == PAIR else Held()
                rows.append(
                    {
                        "pair": pair,
                        "position_side": side,
                        "open_amount": btc(one.lots),
                        "product": yen(one.product),
                        "average_price": average_text(one.product, one.lots),
                        "unrealized_fee_amount": yen(one.fee),
                        "unrealized_interest_amount": yen(one.interest(now)),
                    }
                )
        notice = dict.fromkeys(("what", "occurred_at", "amount", "due_date_at"))
        return {
            "notice": notice,
            "payables": {"amount": "0.0000"},
            "positions": rows,
            "losscut_threshold": {"individual": "0.5", "company": "0.5"},
        }

    # who asks

    def check_signature(self, headers: Any, payload: bytes) -> None:
        if not headers.get("ACCESS-KEY"):
            raise Code(20003)
        if headers["ACCESS-KEY"] != KEY:
            raise Code(20002)
        at, window = headers.get("ACCESS-REQUEST-TIME"), headers.get("ACCESS-TIME-WINDOW", "5000")
        if at is None:
            raise Code(20036)
        if not at.isdigit():
            raise Code(20037)
        if not window.isdigit() or int(window) > 60_000:
            raise Code(20038)
        said = f"{at}{headers.get('ACCESS-TIME-WINDOW', '')}".encode() + payload
        meant = hmac.new(SECRET.encode(), said, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(meant, headers.get("ACCESS-SIGNATURE", "")):
            raise Code(20005)
        now = self._now()
        if int(at) >= now + 1_000:
            raise Code(20034)
        if now - int(at) > int(window):
            raise Code(20035)


def _lots(text: Any) -> int:
    whole, _, rest = str(text).partition(".")
    if not whole.isdigit() or len(rest) > 4 or (rest and not rest.isdigit()):
        raise Code(40001)
    lots = int(whole) * UNITS + int(rest.ljust(4, "0") or 0)
    if lots < 1:
        raise Code(60004)
    if lots > 1_000 * UNITS:
        raise Code(60003)
    return lots


def _units(text: str) -> int:
    return int(text.replace(".", ""))


def _whole(text: Any, missing: int, invalid: int) -> int:
    if text is None:
        raise Code(missing)
    if not str(text).isdigit() or int(text) < 1:
        raise Code(invalid)
    return int(text)


@contextmanager
def second_bitbank(exchange: SecondBitbank) -> Iterator[str]:
    """Serve it on loopback; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def _run(self) -> None:
            payload = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = urlsplit(self.path)
            status, told = 200, b""
            with exchange.lock:
                try:
                    signed = payload if self.command == "POST" else self.path.encode()
                    exchange.check_signature(self.headers, signed)
                    try:
                        body = json.loads(payload) if payload else {}
                    except ValueError:
                        raise Code(10002) from None
                    query = dict(parse_qsl(address.query))
                    data = exchange.answer(self.command, address.path, query, body)
                    told = json.dumps({"success": 1, "data": data}).encode()
                except Code as error:
                    exchange.counts[f"code {error.number}"] += 1
                    status = 404 if error.number == 10000 else 400
                    told = json.dumps({"success": 0, "data": {"code": error.number}}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = _run  # noqa: N815

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
