"""The paper exchange: the pure account as a stored document, settled from the 1m candles since the
last look.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import msgspec

from shared.core.calendar import HOUR_MS
from shared.core.errors import AlreadyExists, BadData, Conflict, LeaseLost, StoreBroken, Unavailable
from shared.core.money import ZERO, jpy
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    Book,
    Candles,
    Counted,
    Entry,
    Holdings,
    Ledger,
    OpenIntent,
    Order,
    OrderIntent,
    Outcome,
    PairRules,
    Rejected,
    Unknown,
)
from shared.exchanges.paper import account as accounts
from shared.exchanges.paper.account import PaperAccount
from shared.orders.ports import Fence, PaperStore
from shared.stores.conflicts import repeat_on_conflict

ATTEMPTS = 5
STORE_EVERY_MS = HOUR_MS
"""Where only time has passed, the account is written this often: walking an hour again costs less
than a write a tick."""

MOST_UNCOUNTED = 400
"""So many fills may wait until they are counted: with as many trades, and the most that is kept, a
document can hold them."""

SCHEMA = 1
KNOWN = frozenset({"schema", *(field.name for field in fields(PaperAccount))})
"""What this version knows of the document; what a newer one wrote beside it stays as it is."""


def encode_account(account: PaperAccount) -> dict[str, Any]:
    """The account as JSON values; amounts as texts, so that no digit is lost."""
    data: dict[str, Any] = msgspec.to_builtins(account)
    return {"schema": SCHEMA, **data}


def decode_account(data: Mapping[str, Any]) -> PaperAccount:
    """The account of a stored document. Raises `BadData` where it is damaged."""
    if data.get("schema") != SCHEMA:
        raise BadData(
            f"the paper account document has schema {data.get('schema')!r}; this version reads"
            f" {SCHEMA}"
        )
    try:
        account = msgspec.convert(dict(data), PaperAccount)
    except msgspec.ValidationError as error:
        raise BadData(f"the paper account document is damaged: {error}") from error
    if not account.cash_jpy.is_finite():
        raise BadData(f"the paper account document is damaged: its cash is {account.cash_jpy}")
    if account.capital_jpy is not None and not account.capital_jpy.is_finite():
        raise BadData(
            f"the paper account document is damaged: its capital is {account.capital_jpy}"
        )
    if any(not _is_sound(entry) for held in account.positions for entry in held.entries):
        raise BadData(
            "the paper account document is damaged: a position has an entry without size, price or"
            " cost"
        )
    if any(not held.lots for held in account.positions):
        raise BadData("the paper account document is damaged: a position has no entries")
    if any(not 0 < order.remaining_lots <= order.intent.lots for order in account.orders):
        raise BadData(
            "the paper account document is damaged: an order's remaining size is not within its"
            " size"
        )
    return account


def _is_sound(entry: Entry) -> bool:
    """Whether it says what it cost. Of an entry that gave a part of itself to a close no whole lot
    may be left.
    """
    if entry.price <= 0:
        return False
    if entry.cost_jpy is None:
        return entry.lots > 0
    return entry.lots >= 0 and entry.cost_jpy.is_finite() and entry.cost_jpy > 0


class PaperExchange:
    """`orders.ports.Exchange` without an exchange.

    Every look settles the account first. Whoever loses a compare-and-set reads again and does the
    same work again: settling is deterministic and a known intent id is answered as before, so
    nothing happens twice.
    """

    def __init__(
        self, store: PaperStore, minutes: Callable[[int, int], Candles], settings: Settings
    ) -> None:
        """Keep the account in `store`; `minutes(start_ms, end_ms)` gives the 1m candles that opened
        in between.
        """
        self._store = store
        self._minutes = minutes
        self._settings = settings
        self._ahead: tuple[object | None, PaperAccount, int] | None = None
        """The version that is stored, how far it was walked since, and until when it is settled
        itself."""
        self._unknown: Mapping[str, Any] = {}

    is_attended = False
    requests = 0

    def reconcile(
        self,
        now_ms: int,
        *,
        counted: Counted | None = None,
        ledger: Ledger | None = None,
        intents: Sequence[OpenIntent] = (),
        fence: Fence | None = None,
    ) -> Holdings:
        """Settle from the final 1m candles and say what is held.

        Trades and fills are kept until they were `counted`. Where more than `MOST_UNCOUNTED` fills
        would wait for that, the rest of the path is left to the reconciles after them, so that the
        document stays within its size.

        Raises `Unavailable` where they cannot be read (the account stays as it was) and `BadData`
        for a damaged document. An idle account asks for no candles and is not written.
        """
        del ledger, intents  # the account itself knows every intent by its id
        until = accounts.full_minute(now_ms - int(self._settings.tick.settle_seconds * 1000))
        candles: Candles | None = None
        last_fill = None if counted is None else counted.fills + MOST_UNCOUNTED

        def settle() -> PaperAccount:
            nonlocal candles
            stored, token = self._load(now_ms)
            account = stored if counted is None else accounts.trim_account(stored, counted)
            if account.is_idle:
                if account.settled_until <= now_ms + self._settings.market.max_clock_skew_ms:
                    return replace(account, settled_until=max(until, account.settled_until))
                # A clock that was far ahead left this time, and nothing is at stake in it: it would
                # refuse every order.
                account = replace(account, settled_until=until)
                self._save(account, token, fence)
                return account
            if until <= account.settled_until:
                return account
            if candles is None or int(candles.opened_at[0]) > account.settled_until:
                candles = self._minutes(account.settled_until, until)
            settled = accounts.settle_account(account, candles, until, last_fill=last_fill)
            if not self._remember_walk(account, settled, token):
                self._save(settled, token, fence)
            return settled

        try:
            return self._account_holdings(repeat_on_conflict(settle, attempts=ATTEMPTS), now_ms)
        except Conflict as error:
            raise Conflict(
                f"the paper account was written by others {ATTEMPTS} times while it was settled"
            ) from error

    def holdings(
        self, now_ms: int, *, ledger: Ledger | None = None, intents: Sequence[OpenIntent] = ()
    ) -> Holdings:
        """The account as it is stored, not settled any further."""
        del ledger, intents
        return self._account_holdings(self._load(now_ms)[0], now_ms)

    def has_news(self) -> bool:
        """Nothing happens to a stored account by itself."""
        return False

    def submit(
        self,
        intent: OrderIntent,
        *,
        book: Book | None,
        rules: PairRules | None = None,
        now_ms: int,
        fence: Fence | None = None,
    ) -> Outcome:
        """Place one order.

        Without `rules` the account's own newest fees and no suspensions are taken.

        Without a `fence` nobody else may work on the account. Under one nothing changes once
        another tick has the lease, however long this process stood still in the middle of this
        call: `LeaseLost`.
        """
        return self._change_account(
            now_ms,
            fence,
            lambda account: accounts.place_order(
                account, intent, book=book, now_ms=now_ms, rules=rules or _rules(account)
            ),
        )

    def cancel(self, order: Order, *, now_ms: int, fence: Fence | None = None) -> Outcome:
        """Cancel one order: its life ends at `now_ms`; the path before that still counts.

        The fence is as in `submit`.
        """
        return self._change_account(
            now_ms, fence, lambda account: accounts.cancel_order(account, order, now_ms=now_ms)
        )

    def _change_account(
        self,
        now_ms: int,
        fence: Fence | None,
        change: Callable[[PaperAccount], tuple[PaperAccount, Outcome]],
    ) -> Outcome:
        if fence is not None and now_ms > fence.until:
            raise LeaseLost(
                "the lease was over before the request reached the paper account; nothing was"
                " changed"
            )

        def place() -> Outcome:
            account, token = self._load(now_ms)
            after, outcome = change(account)
            if after is account:
                return outcome
            try:
                self._save(after, token, fence)
            except StoreBroken as error:  # it was sent: nobody knows what became of it
                return Unknown(context={"why": str(error)})
            return outcome

        try:
            # Not an order sent twice: where another wrote first, nothing of this one was stored.
            return repeat_on_conflict(place, attempts=ATTEMPTS)
        except Unavailable as error:
            return Unknown(context={"why": str(error)})
        except Conflict:
            why = "the paper account was written by others again and again; nothing was changed"
            return Rejected(reason=Reason.REJECTED_BY_EXCHANGE, context={"why": why})

    def _load(self, now_ms: int) -> tuple[PaperAccount, object | None]:
        """The stored account.

        One at rest follows the settings; a first one is opened with the capital.
        """
        stored = self._store.load()
        paper, kind = self._settings, self._settings.account
        if stored is None:
            terms = accounts.account_terms(paper, PairRules())
            return accounts.open_account(
                Decimal(paper.capital_jpy), now_ms, kind=kind, terms=terms
            ), None
        self._unknown = {name: value for name, value in stored[0].items() if name not in KNOWN}
        account = self._recall_account(stored)
        if account.is_idle:
            account = replace(
                account, kind=kind, terms=accounts.account_terms(paper, _rules(account))
            )
        return self._with_capital(account), stored[1]

    def _with_capital(self, account: PaperAccount) -> PaperAccount:
        """One that nothing ever traded has the capital that the settings say; any other keeps its
        own money.

        A document that does not say its capital: what the cash was before all its trades, where
        these are all there.
        """
        asked = jpy(self._settings.capital_jpy)
        if account.is_idle and account.is_untouched:
            return replace(account, cash_jpy=asked, capital_jpy=asked)
        if account.capital_jpy is not None:
            return account
        whole = account.is_idle and len(account.trades) == account.next_trade_sequence - 1
        before = account.cash_jpy - sum((trade.net_jpy for trade in account.trades), ZERO)
        return replace(account, capital_jpy=before if whole else asked)

    def _recall_account(self, stored: tuple[Mapping[str, Any], object]) -> PaperAccount:
        """The stored account, walked as far as this instance has walked that very
        version already.
        """
        if self._ahead is not None and self._ahead[0] == stored[1]:
            return self._ahead[1]
        self._ahead = None
        return decode_account(stored[0])

    def _remember_walk(
        self, account: PaperAccount, settled: PaperAccount, token: object | None
    ) -> bool:
        """Whether only time has passed, and not for long: then nothing is written, and a crash
        loses nothing.
        """
        idle = replace(settled, settled_until=account.settled_until, last_price=account.last_price)
        stored_until = account.settled_until if self._ahead is None else self._ahead[2]
        if idle != account or settled.settled_until - stored_until >= STORE_EVERY_MS:
            return False
        self._ahead = (token, settled, stored_until)
        return True

    def _save(
        self, account: PaperAccount, token: object | None, fence: Fence | None = None
    ) -> None:
        """Raises `Conflict` where another wrote since `token`, and `LeaseLost`."""
        stored = {**self._unknown, **encode_account(account)}
        try:
            if fence is None:
                self._store.save(stored, token)
            else:
                self._store.save(stored, token, held=fence.held)
        except AlreadyExists as error:
            raise Conflict(str(error)) from error

    def _account_holdings(self, account: PaperAccount, now_ms: int) -> Holdings:
        return replace(
            accounts.holdings(account, account.last_price, now_ms), untouched=account.is_untouched
        )


def _rules(account: PaperAccount) -> PairRules:
    held = account.terms
    return PairRules(
        maker_fee_rate=held.maker_fee_rate,
        taker_fee_rate=held.taker_fee_rate,
        long_interest_rate_day=held.long_interest_rate_day,
        short_interest_rate_day=held.short_interest_rate_day,
        margin_ratio=held.margin_ratio,
    )
