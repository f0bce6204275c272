"""What the private endpoints read: balances, orders, executions, margin."""

from typing import Any

from tests.support.second_bitbank.account import Held
from tests.support.second_bitbank.exchange import SecondBitbank
from tests.support.second_bitbank.figures import SATOSHIS, UNITS, Code, btc, number_of, yen
from tests.support.second_bitbank.orders import PAIR, Order, average_text

MOST_TOLD = 1_000
DEFAULT_ORDERS, DEFAULT_TRADES = 30, 10  # nobody says how many; so few that who asks must say
LATEST = 10**15


def locked_of(exchange: SecondBitbank) -> tuple[int, int]:
    """Yen and lots that spot orders hold."""
    live = [one for one in exchange.live() if one.side is None]
    jpy = sum((one.price or one.trigger or 0) * one.left for one in live if one.buys)
    fee = jpy // 1_000 if exchange.readings.locks_fee else 0
    return jpy + fee, sum(one.left for one in live if not one.buys)


def free_of(exchange: SecondBitbank) -> tuple[int, int]:
    """Yen and lots that no order holds."""
    jpy, coins = locked_of(exchange)
    return exchange.account.jpy - jpy, exchange.account.coins - coins


def worth_of(exchange: SecondBitbank) -> tuple[int, int, int]:
    """Total margin (all yen count, and half of the coins), unrealised profit, open costs."""
    account, now = exchange.account, exchange.market.now()
    mid = exchange.market.price(now)
    long, short = account.held["long"], account.held["short"]
    profit = mid * long.lots - long.product + short.product - mid * short.lots
    costs = long.fee + short.fee + account.interest(now) + account.owed
    return account.jpy + mid * account.coins // 2 + profit - costs, profit, costs


def products_of(exchange: SecondBitbank) -> tuple[int, int]:
    """What is held, and what orders would open."""
    held = sum(one.product for one in exchange.account.held.values())
    orders = sum((one.price or 0) * one.left for one in exchange.live() if one.opens)
    return held, orders


def available(exchange: SecondBitbank) -> int:
    """Twice the margin, less what is held or ordered."""
    return max(0, 2 * worth_of(exchange)[0] - sum(products_of(exchange)))


def assets(exchange: SecondBitbank) -> Any:
    account, (locked_jpy, locked_coins) = exchange.account, locked_of(exchange)
    is_mock = exchange.readings.dialect == "mock"

    def row(asset: str, onhand: int, locked: int, digits: int, fee: Any) -> dict[str, Any]:
        def text(amount: int) -> str:
            return yen(amount) if asset == "jpy" else btc(amount, places=8)

        told: dict[str, Any] = {
            "asset": asset,
            "free_amount": text(onhand - locked),
            "amount_precision": digits,
            "onhand_amount": text(onhand),
            "locked_amount": text(locked),
            "withdrawal_fee": fee,
            "stop_deposit": False,
            "stop_withdrawal": False,
        }
        if not is_mock:
            told["withdrawing_amount"] = text(0)
            told["collateral_ratio"] = "1" if asset == "jpy" else "0.5"
        return told

    bank = {"threshold": "30000.0000", "under": "540.0000", "over": "756.0000"}
    chain = {"min": "0.00060000", "max": "0.00060000"}
    coin = row("btc", account.coins, locked_coins, 8, chain)
    coin["network_list"] = [
        {
            "asset": "btc",
            "network": "bitcoin",
            "stop_deposit": False,
            "stop_withdrawal": False,
            "withdrawal_fee": "0.00060000",
        }
    ]
    return {"assets": [row("jpy", account.jpy, locked_jpy, 4, bank), coin]}


def active_orders(exchange: SecondBitbank, query: dict[str, str]) -> Any:
    check_pair(query, is_needed=False)
    first = number_of(query.get("from_id"), invalid=40009, default=0)
    last = number_of(query.get("end_id"), invalid=40008, default=LATEST)
    since, until = _period(exchange, query)
    count = number_of(query.get("count"), invalid=40006, default=DEFAULT_ORDERS)
    shown = [
        one
        for one in exchange.live()
        if is_listed(exchange, one) and first <= one.number <= last and since <= one.at <= until
        if one.status != "INACTIVE" or _shows_waiting(exchange, one)
    ]
    newest = shown[::-1][:count]
    rows = newest[::-1] if exchange.readings.orders_oldest_first else newest
    return {"orders": [one.row(exchange.readings) for one in rows]}


def _shows_waiting(exchange: SecondBitbank, order: Order) -> bool:
    lists = exchange.readings.lists
    return lists == "all" or (lists == "no_stop_limits" and order.kind != "stop_limit")


def is_listed(exchange: SecondBitbank, order: Order) -> bool:
    return exchange.market.now() - order.at >= exchange.readings.lists_after_ms


def trade_history(exchange: SecondBitbank, query: dict[str, str]) -> Any:
    check_pair(query, is_needed="order_id" in query)
    since, until = _period(exchange, query)
    count = number_of(query.get("count"), invalid=40006, default=DEFAULT_TRADES)
    if not 1 <= count <= MOST_TOLD:
        raise Code(40006)
    told_until = exchange.market.now() - exchange.readings.history_ms
    order_id = number_of(query.get("order_id"), invalid=40013, default=0)
    rows = [
        row
        for row in exchange.account.executions
        if since <= row["executed_at"] <= min(until, told_until)
        and order_id in (0, row["order_id"])
    ]
    if query.get("order", "desc") == "desc":
        rows.reverse()
    return {"trades": rows[:count]}


def _period(exchange: SecondBitbank, query: dict[str, str]) -> tuple[int, int]:
    unit = 1 if exchange.readings.since_unit == "ms" else 1_000
    since = number_of(query.get("since"), invalid=40022, default=0)
    return since * unit, number_of(query.get("end"), invalid=40007, default=LATEST) * unit


def check_pair(asked: dict[str, Any], *, is_needed: bool) -> None:
    if is_needed and "pair" not in asked:
        raise Code(30009)
    if asked.get("pair", PAIR) != PAIR:
        raise Code(40025)


def margin_status(exchange: SecondBitbank) -> Any:
    total, profit, costs = worth_of(exchange)
    held, orders = products_of(exchange)
    is_flat = not held
    room = yen(available(exchange))
    percentage = total * SATOSHIS // (held or 1)
    zero = [
        f"total_{side}{what}_maintenance_margin"
        for what in ("position", "open_order")
        for side in ("", "long_", "short_")
    ]
    return {
        "status": "NORMAL",
        "total_margin_balance_percentage": None if is_flat else f"{percentage // 10**6}.00",
        "total_margin_balance": yen(total),
        "margin_position_profit_loss": yen(profit),
        "unrealized_cost": yen(costs),
        "total_margin_position_product": yen(held + orders),
        "open_margin_position_product": yen(held),
        "open_margin_order_product": yen(orders),
        **dict.fromkeys(zero, yen(0)),
        "margin_call_percentage": None if is_flat else "100",
        "losscut_percentage": None if is_flat else "50",
        "buy_credit": str(available(exchange) // UNITS),
        "sell_credit": str(available(exchange) // UNITS),
        "available_balances": [{"pair": PAIR, "long": room, "short": room}],
    }


def margin_positions(exchange: SecondBitbank) -> Any:
    now, account, readings = exchange.market.now(), exchange.account, exchange.readings
    rows = []
    for pair in (PAIR, "xrp_jpy", "eth_jpy"):
        for side in ("long", "short"):
            one = account.shown(side, now) if pair == PAIR else Held()
            rows.append(
                {
                    "pair": pair,
                    "position_side": side,
                    "open_amount": btc(one.lots),
                    "product": yen(one.product),
                    "average_price": average_text(one.product, one.lots, readings),
                    "unrealized_fee_amount": yen(one.fee),
                    "unrealized_interest_amount": yen(one.interest(now, by=readings.interest_by)),
                }
            )
    threshold = ("0.5", "0.5") if readings.dialect == "mock" else ("80", "60")
    return {
        "notice": dict.fromkeys(("what", "occurred_at", "amount", "due_date_at")),
        "payables": {"amount": "0.0000"},
        "positions": rows,
        "losscut_threshold": dict(zip(("individual", "company"), threshold, strict=True)),
    }
