"""What a probe sends and reads: each order written down before it leaves, and sent once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.core.clock import Clock
from shared.core.errors import BadData, BotError, LeaseLost
from shared.core.frozen import copy_with
from shared.core.settings import Settings
from shared.core.types import OrderIntent, Traces
from shared.exchanges.bitbank.account import AccountReader
from shared.exchanges.bitbank.bodies import SignedRequest, cancel_request, order_request
from shared.exchanges.bitbank.codes import meaning_of
from shared.exchanges.bitbank.envelope import read_envelope
from shared.exchanges.bitbank.errors import NoAnswer, NotSent
from shared.exchanges.bitbank.private_answers import ExchangeOrder, order_from
from shared.exchanges.bitbank.probe.sent import ProbeAnswer, ProbeOrder
from shared.exchanges.bitbank.signed import SignedRest
from shared.orders.probing import ProbeJournal

ARRIVES_MS = 3_000
"""What clocks differ, and how long bitbank may work on a request after its window."""


class ProbePost:
    """The requests of one probe, under the bot's lease. Not for threads."""

    def __init__(
        self,
        rest: SignedRest,
        reader: AccountReader,
        settings: Settings,
        clock: Clock,
        journal: ProbeJournal,
        *,
        name: str,
        base: Traces,
        sent: tuple[ProbeOrder, ...] = (),
    ) -> None:
        """`name` begins the ids of the intents; `base` is what was there before the first order,
        `sent` what an earlier process has written down.
        """
        self.rest, self.reader, self.clock = rest, reader, clock
        self.settings, self._journal, self._name, self.base = settings, journal, name, base
        self.sent: list[ProbeOrder] = list(sent)

    @property
    def is_margin(self) -> bool:
        """Whether it trades on margin."""
        return self.settings.account.has_debt

    def next_id(self) -> str:
        """The id of the next order's intent."""
        return f"{self._name}~{len(self.sent) + 1}"

    def wait(self, milliseconds: int) -> None:
        """Let time pass, and keep the lease."""
        self.clock.sleep_until(self.clock.now_ms() + milliseconds)
        self._journal.keep_lease()

    def place(self, intent: OrderIntent, *, follows: bool = False) -> ProbeAnswer:
        """Write one order down, send it once, and write down what was answered.

        Raises `LeaseLost` where it could still arrive when the lease is over; nothing was sent.
        """
        held_until, at = self._journal.keep_lease(), self.clock.now_ms()
        order = ProbeOrder(
            number=len(self.sent) + 1,
            intent=intent,
            at=at,
            until=at + self.rest.window_ms,
            before=copy_with(self.base, newest_order_id=self.reader.newest_order_id),
            follows=follows,
        )
        if order.until + ARRIVES_MS > held_until:
            raise LeaseLost("the lease ends too soon for another request; nothing more was sent")
        self._journal.write_order(order.number, order.document())
        self.sent.append(order)
        body = order.body(self.settings.pair, is_margin=self.is_margin)
        answer = self.carry(order_request(body), at_ms=at)
        self.learn(order, answer)
        return answer

    def learn(self, order: ProbeOrder, answer: ProbeAnswer) -> None:
        """Keep and write down what is known of an order now."""
        known = order
        outcome: dict[str, Any] = {"outcome": "unknown", "found": answer.found}
        if answer.order is not None:
            known = replace(order, order_id=answer.order.order_id)
            outcome = {"outcome": "accepted", "order_id": answer.order.order_id}
            newest = max(self.reader.newest_order_id, answer.order.order_id)
            self.reader.newest_order_id = newest
        elif not answer.is_sent:
            known, outcome = replace(order, is_over=True), {"outcome": "not_sent"}
        elif answer.code is not None and meaning_of(answer.code).is_refusal:
            known = replace(order, is_over=True)
            outcome = {"outcome": "rejected", "code": answer.code}
        self.sent[order.number - 1] = known
        self._journal.record_answer(order.number, outcome)

    def give_up(self, order: ProbeOrder) -> None:
        """An order whose answer was lost, and that certainly is not in the market."""
        self.sent[order.number - 1] = replace(order, is_over=True)
        over = {"outcome": "not_sent", "found": "it never arrived"}
        self._journal.record_answer(order.number, over)

    def cancel(self, order_id: int) -> None:
        """Cancel one order; what came of it is read, not believed."""
        self._journal.keep_lease()
        request = cancel_request(order_id, pair=self.settings.pair)
        self.carry(request, at_ms=self.clock.now_ms())

    def carry(self, request: SignedRequest, *, at_ms: int | None = None) -> ProbeAnswer:
        """Send once. Never raises for an unclear answer."""
        try:
            came = self.rest.carry(request, at_ms=at_ms)
        except NotSent as error:
            return ProbeAnswer(is_sent=False, found=str(error))
        except NoAnswer as error:
            return ProbeAnswer(found=str(error))
        found = read_envelope(came)
        if found.code is not None:
            text = meaning_of(found.code).text
            return ProbeAnswer(code=found.code, http_status=came.status, found=text)
        if found.data is None:
            return ProbeAnswer(http_status=came.status, found=found.problem)
        try:
            order = order_from(found.data, pair=self.settings.pair)
        except BadData as error:
            return ProbeAnswer(http_status=came.status, found=str(error))
        return ProbeAnswer(order=order, http_status=came.status)

    def read_own(self) -> Mapping[int, ExchangeOrder]:
        """Our orders as they are now. Raises `BadData` where one is not answered."""
        wanted = [one.order_id for one in self.sent if one.order_id is not None]
        if not wanted:
            return {}
        told = self.reader.read_orders(wanted)
        if told.missing:
            raise BadData(f"orders_info: {sorted(told.missing)} were not answered")
        return {order.order_id: order for order in told.orders}

    def read_order(self, order_id: int) -> ExchangeOrder | None:
        """One order; None where it could not be read."""
        try:
            return self.reader.read_order(order_id)
        except BotError:
            return None
