"""The questions of a probe, each asked once while the smallest position is held."""

from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any

from shared.core.money import jpy, notional_jpy
from shared.core.types import OrderKind, PairRules, Purpose
from shared.exchanges.bitbank.bodies import query_request
from shared.exchanges.bitbank.envelope import read_data
from shared.exchanges.bitbank.private_answers import LIVE
from shared.exchanges.bitbank.probe.post import ProbePost
from shared.exchanges.bitbank.probe.sent import ProbeAnswer, probe_intent
from shared.orders.probing import ProbeFinding, ProbePlan

NO_SUCH_ID = 1
EXCEEDS_POSITION = 50062
SHOWS_WITHIN = 8
BETWEEN_MS = 2_500
HOUR_MS = 3_600_000
READS_OF_A_LIST = 2
ROUNDINGS = {"down": ROUND_DOWN, "half": ROUND_HALF_UP, "up": ROUND_UP}
STEPS = {"0.0001": Decimal("0.0001"), "1": Decimal(1)}


class ProbeQuestions:
    """Asks; what is not clear is told as `unclear`."""

    def __init__(self, post: ProbePost, plan: ProbePlan) -> None:
        """Ask with the orders of `post`."""
        self._post, self._plan = post, plan
        self._stop: int | None = None

    def has_entered(self) -> bool:
        """Open the position and protect it; whether both came true."""
        post, plan = self._post, self._plan
        answer = post.place(
            probe_intent(
                post.next_id(),
                OrderKind.LIMIT,
                Purpose.ENTRY,
                plan.lots,
                price=plan.cap_price,
                stop_price=plan.stop_price,
                target_price=plan.target_price,
            )
        )
        if answer.order is None or not self._is_shown(answer.order.order_id):
            return False
        return self._has_protected()

    def error_status(self) -> ProbeFinding:
        """The HTTP status of an error: an order that does not exist is asked for."""
        request = query_request(
            "user/spot/order", pair=self._post.settings.pair, order_id=NO_SUCH_ID
        )
        answer = self._post.carry(request)
        status = answer.http_status
        choice = "unclear"
        if answer.code is not None and status is not None:
            choice = "4xx" if status // 100 == 4 else str(status)  # noqa: PLR2004
        return _finding("error_status", choice, http=status, code=answer.code)

    def stops_listed(self) -> ProbeFinding:
        """Whether a stop that has not fired is among the active orders."""
        is_listed = False
        for _ in range(READS_OF_A_LIST):
            listed = {order.order_id for order in self._post.reader.read_resting()}
            is_listed = is_listed or self._stop in listed
            self._post.wait(BETWEEN_MS)
        told = None if self._stop is None else self._post.read_order(self._stop)
        if told is None or told.status != "INACTIVE":
            return _finding("stops_listed", "unclear", status=told and told.status)
        return _finding("stops_listed", "yes" if is_listed else "no", status=told.status)

    def closes(self) -> ProbeFinding:
        """Whether a target beside the stop counts against the same position."""
        post, plan = self._post, self._plan
        answer = post.place(
            probe_intent(
                post.next_id(),
                OrderKind.LIMIT,
                Purpose.TARGET,
                plan.lots,
                price=plan.target_price,
                post_only=True,
            )
        )
        if answer.code == EXCEEDS_POSITION:
            return _finding("closes", "together", code=answer.code)
        if answer.order is None:
            return _finding("closes", "unclear", code=answer.code, found=answer.found)
        told = post.read_order(answer.order.order_id)
        post.cancel(answer.order.order_id)
        choice = "apart" if told is not None and told.status in LIVE else "unclear"
        return _finding("closes", choice, status=told and told.status)

    def amountless(self) -> ProbeFinding:
        """Whether a stop_loss without an amount is taken, and how it is told.

        Where it is refused only beside the stop, the stop makes way for it, and comes back.
        """
        beside = "yes"
        answer = self._follow()
        if answer.code == EXCEEDS_POSITION and self._stop is not None:
            beside = "no"
            self._post.cancel(self._stop)
            answer = self._follow()
            if answer.order is None:
                self._has_protected()
        if answer.order is None:
            choice = "unclear" if answer.code is None else "refuse"
            return _finding("amountless", choice, code=answer.code, found=answer.found)
        told = self._post.read_order(answer.order.order_id) or answer.order
        choice = "follow" if told.lots is None else "fixed"
        if told.status not in LIVE:
            choice = "unclear"
        return _finding(
            "amountless", choice, status=told.status, lots=told.lots, beside_a_stop=beside
        )

    def since_unit(self) -> ProbeFinding:
        """The unit of `since`: the entry's execution is asked for with instants before and after
        it, in milliseconds and in seconds.
        """
        entry = next(one.order_id for one in self._post.sent if one.intent.is_opening)
        rows = self._rows_of({entry})
        if not rows:
            return _finding("since_unit", "unclear", found="the execution was not told in time")
        at = int(rows[0]["executed_at"])
        asked = {
            "ms_before": at - 1000,
            "ms_after": at + HOUR_MS,
            "s_before": at // 1000 - 1,
            "s_after": at // 1000 + HOUR_MS // 1000,
        }
        shown = {
            name: any(row["order_id"] == entry for row in self._rows(since=since))
            for name, since in asked.items()
        }
        known: dict[tuple[bool, ...], str] = {
            (True, False, True, True): "ms",
            (False, False, True, False): "s",
            (True, True, True, True): "ignored",
        }
        return _finding("since_unit", known.get(tuple(shown.values()), "unclear"), **shown)

    def interest(self, rules: PairRules) -> tuple[ProbeFinding, ProbeFinding]:
        """The sign of a close's interest, and by which roundings it can have come about."""
        closes = {one.order_id for one in self._post.sent if not one.intent.is_opening}
        rows = self._rows_of(closes)
        told = [row["interest"] for row in rows if row.get("interest") is not None]
        if not told:
            unclear = {"found": "no interest was told"}
            return (
                _finding("interest_sign", "unclear", **unclear),
                _finding("interest_rounding", "unclear", **unclear),
            )
        total = sum((Decimal(text) for text in told), Decimal(0))
        sign = "none" if not total else "minus" if total < 0 else "plus"
        exact = self._product_jpy() * rules.long_interest_rate_day
        by = [
            f"{name} to {step}"
            for step, quantum in STEPS.items()
            for name, rounding in ROUNDINGS.items()
            if (exact / quantum).to_integral_value(rounding) * quantum == abs(total)
        ]
        facts = {
            "told": f"{total:f}",
            "exact": f"{exact:f}",
            "rate": f"{rules.long_interest_rate_day:f}",
        }
        return (
            _finding("interest_sign", sign, **facts),
            _finding("interest_rounding", " or ".join(by) or "otherwise", **facts),
        )

    def cost_jpy(self) -> Decimal:
        """What the probe has cost: prices, fees and interest of all its executions."""
        ours = {one.order_id for one in self._post.sent}
        since = min((one.at for one in self._post.sent), default=0) - BETWEEN_MS
        cost = Decimal(0)
        for one in self._post.reader.read_trades(since):
            if one.order_id in ours:
                value = notional_jpy(one.price, one.lots)
                cost += value if one.is_buy else -value
                cost += one.fee_jpy + (one.interest_jpy or 0)
        return jpy(cost)

    def _product_jpy(self) -> Decimal:
        entry = next(one.order_id for one in self._post.sent if one.intent.is_opening)
        rows = self._rows_of({entry})
        return sum((Decimal(row["price"]) * Decimal(row["amount"]) for row in rows), Decimal(0))

    def _is_shown(self, entry: int) -> bool:
        """Whether the entry is filled and, on margin, the position shows it."""
        post, lots = self._post, self._plan.lots
        for _ in range(SHOWS_WITHIN):
            told = post.read_order(entry)
            is_filled = told is not None and told.executed_lots == lots
            if is_filled and (not post.is_margin or post.reader.read_positions().long.lots >= lots):
                return True
            post.wait(BETWEEN_MS)
        return False

    def _has_protected(self) -> bool:
        post, plan = self._post, self._plan
        stop = probe_intent(
            post.next_id(), OrderKind.STOP, Purpose.STOP, plan.lots, trigger_price=plan.stop_price
        )
        answer = post.place(stop)
        self._stop = None if answer.order is None else answer.order.order_id
        return self._stop is not None

    def _follow(self) -> ProbeAnswer:
        post, plan = self._post, self._plan
        trigger = plan.stop_price + (plan.cap_price - plan.stop_price) // 10
        intent = probe_intent(
            post.next_id(), OrderKind.STOP, Purpose.STOP, plan.lots, trigger_price=trigger
        )
        return post.place(intent, follows=True)

    def _rows_of(self, orders: set[int | None]) -> list[dict[str, Any]]:
        """The executions of these orders as bitbank tells them; it may tell them late."""
        for _ in range(2 * SHOWS_WITHIN):
            rows = [row for row in self._rows() if row["order_id"] in orders]
            if rows:
                return rows
            self._post.wait(BETWEEN_MS)
        return []

    def _rows(self, **more: int) -> list[dict[str, Any]]:
        request = query_request(
            "user/spot/trade_history",
            pair=self._post.settings.pair,
            count=100,
            order="desc",
            **more,
        )
        data = read_data(self._post.rest.carry(request), request.path)
        rows: list[dict[str, Any]] = data["trades"]
        return rows


def _finding(question: str, choice: str, **seen: object) -> ProbeFinding:
    return ProbeFinding(
        question=question,
        choice=choice,
        seen={name: str(value) for name, value in seen.items() if value is not None},
    )


Ask = Callable[[], ProbeFinding]
