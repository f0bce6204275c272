"""A probe from its beginning to its end: look, enter, ask, end flat."""

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Self

from shared.core.clock import Clock
from shared.core.errors import BotError, UserError
from shared.core.settings import Settings
from shared.core.types import Market, PairRules, Traces
from shared.exchanges.bitbank.account import AccountReader
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.bitbank.probe.asking import Ask, ProbeQuestions
from shared.exchanges.bitbank.probe.danger import probe_plan
from shared.exchanges.bitbank.probe.ending import ProbeEnding
from shared.exchanges.bitbank.probe.post import ProbePost
from shared.exchanges.bitbank.probe.sent import ProbeOrder, probe_order_from
from shared.exchanges.bitbank.signed import SignedRest
from shared.orders.probing import ProbeFinding, ProbeJournal, ProbeOutcome, ProbePlan


class Probe:
    """Asks bitbank what no document says. Not for threads."""

    def __init__(
        self,
        rest: SignedRest,
        reader: AccountReader,
        settings: Settings,
        clock: Clock,
        *,
        read_market: Callable[[], Market],
    ) -> None:
        """Ask with `rest`, read with `reader`; connect to nothing yet."""
        self._rest, self._reader, self._settings = rest, reader, settings
        self._clock, self._read_market = clock, read_market

    @classmethod
    def open(
        cls,
        settings: Settings,
        clock: Clock,
        *,
        key: str,
        secret: str,
        read_market: Callable[[], Market],
        limits: AccountPace | None = None,
    ) -> Self:
        """The account of this key."""
        rest = SignedRest(
            settings.exchange,
            clock,
            key=key,
            secret=secret,
            limits=limits or AccountPace(monotonic=time.monotonic, sleep=time.sleep),
        )
        reader = AccountReader(
            rest,
            settings.exchange,
            clock,
            pair=settings.pair,
            is_margin=settings.account.has_debt,
            jitter=random.random,
        )
        return cls(rest, reader, settings, clock, read_market=read_market)

    def plan_position(self) -> ProbePlan:
        """Read market and account; what would be opened, and the largest loss.

        Raises `UserError` beside any position or order of the pair, in a market that is not
        ordinary, without the money for it, and where more than 500 yen would be at stake.
        """
        return self._plan_position()[0]

    def run(
        self, journal: ProbeJournal, *, name: str, named_jpy: int, cash_jpy: Decimal
    ) -> ProbeOutcome:
        """Ask everything, once, and end flat.

        Args:
            journal: Where each order is written down before it is sent.
            name: Of this probe; its intents' ids begin with it.
            named_jpy: The loss that was named before and confirmed.
            cash_jpy: What the bot's own book says of the yen on hand.

        Raises:
            UserError: What was confirmed is not enough any more, or the probe could not be ended
                flat.
        """
        plan, rules, base = self._plan_position(cash_jpy)
        if plan.loss_jpy > named_jpy:
            raise UserError(
                f"the market moved: {plan.loss_jpy} yen are at stake, and {named_jpy} were named",
                remedy="run it again",
            )
        post = self._post(journal, name=name, base=base)
        questions = ProbeQuestions(post, plan)
        findings: list[ProbeFinding] = []
        trouble = ""
        try:
            self._ask_while_held(questions, findings)
        except (BotError, KeyboardInterrupt) as error:
            trouble = str(error) or "it was interrupted"
        ending = ProbeEnding(post, read_market=self._read_market)
        ending.end_flat()
        if post.is_margin and not trouble:
            try:
                findings += questions.interest(rules)
            except BotError as error:
                trouble = str(error)
        return ProbeOutcome(
            findings=tuple(findings),
            cost_jpy=self._cost(questions),
            requests=self._rest.requests,
            trouble=trouble or _unseen(ending),
        )

    def recover(
        self,
        journal: ProbeJournal,
        written: Sequence[Mapping[str, Any]],
        *,
        name: str,
        others: Collection[int] = (),
    ) -> str:
        """End flat what an earlier process has `written` down; what is to be told of it.

        `others` are orders that a tick placed meanwhile to protect it.
        """
        if not written:
            return ""
        sent = tuple(probe_order_from(data) for data in written)
        post = self._post(journal, name=name, base=sent[0].before, sent=sent)
        self._reader.newest_order_id = max(one.before.newest_order_id for one in sent)
        ending = ProbeEnding(post, read_market=self._read_market, others=others)
        ending.end_flat()
        return _unseen(ending)

    def _ask_while_held(self, questions: ProbeQuestions, findings: list[ProbeFinding]) -> None:
        findings.append(questions.error_status())
        if not questions.has_entered():
            raise UserError("the entry did not come about, or its stop was not taken")
        asks: list[Ask] = [questions.stops_listed]
        if self._settings.account.has_debt:
            asks += [questions.closes, questions.amountless]
        asks.append(questions.since_unit)
        findings += [ask() for ask in asks]

    def _cost(self, questions: ProbeQuestions) -> Decimal:
        try:
            return questions.cost_jpy()
        except BotError:
            return Decimal(0)

    def _post(
        self, journal: ProbeJournal, *, name: str, base: Traces, sent: tuple[ProbeOrder, ...] = ()
    ) -> ProbePost:
        return ProbePost(
            self._rest,
            self._reader,
            self._settings,
            self._clock,
            journal,
            name=name,
            base=base,
            sent=sent,
        )

    def _plan_position(self, cash_jpy: Decimal = Decimal(0)) -> tuple[ProbePlan, PairRules, Traces]:
        market = self._read_market()
        rules = market.rules
        if market.book is None or market.book.is_crossed or rules.is_suspended:
            raise UserError("there is no ordinary market", remedy="probe at another time")
        if rules.circuit_break_mode != "NONE" or rules.status != "NORMAL" or not rules.stop_orders:
            raise UserError(
                f"the exchange is {rules.status}, its mode {rules.circuit_break_mode}",
                remedy="probe when both are as always",
            )
        plan = probe_plan(market.book, rules)
        before = self._reader.read_before_order()
        if resting := self._reader.read_resting():
            raise UserError(
                f"{len(resting)} orders of the pair rest: {resting[0].order_id}",
                remedy="end them first; a probe touches no order but its own",
            )
        held = before.positions
        if held is not None and (held.long.lots or held.short.lots):
            raise UserError(
                f"{held.long.lots} lots long and {held.short.lots} short are held",
                remedy="close them first; a probe holds nothing but its own position",
            )
        needed = plan.cap_price * plan.lots / Decimal(10_000) * 2
        if before.balances.jpy.free < needed:
            raise UserError(
                f"{before.balances.jpy.free} yen are free", remedy=f"have {needed:.0f} or more"
            )
        base = Traces(
            read_at=before.read_at,
            newest_order_id=before.newest_order_id,
            jpy=before.balances.jpy.onhand - cash_jpy,
            btc=before.balances.btc.onhand,
        )
        return plan, rules, base


def _unseen(ending: ProbeEnding) -> str:
    if not ending.unseen:
        return ""
    shown = ", ".join(str(one.intent.trigger_price) for one in ending.unseen)
    return (
        f"whether a stop was taken whose answer was lost is not known (trigger {shown}); look among"
        " the orders at bitbank, and cancel it there"
    )
