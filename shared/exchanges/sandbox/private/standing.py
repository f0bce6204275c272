"""What the account truly is at an instant: two paper accounts that share their yen, and every order
that was ever sent. Pure values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.core.costs import Costs
from shared.core.frozen import copy_with
from shared.core.money import ZERO, jpy, notional_jpy, rate
from shared.core.types import (
    AccountKind,
    Candles,
    Entry,
    Order,
    OrderIntent,
    PairRules,
    Position,
    Side,
)
from shared.exchanges.paper.ledger import PaperAccount, Terms, open_account
from shared.exchanges.sandbox.private.settings import PrivateSettings

FIRST_ORDER_ID = 51_245_764_461
FIRST_FILL = 1_400_000_001
"""bitbank numbers over all users and pairs, beyond 32 bits since long."""

LIFE_MS = 180 * 86_400_000
LIVE = ("INACTIVE", "UNFILLED", "PARTIALLY_FILLED")
TRIGGERED_TYPES = ("stop", "stop_limit", "take_profit", "stop_loss")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOrder:
    """An order as it was sent, and what became of it.

    `type` is bitbank's; `follows`: it has no amount of its own but the position's. `value` is the
    sum of price x lots over what was executed.
    """

    order_id: int
    kind: AccountKind
    type: str
    intent: OrderIntent
    ordered_at: int
    status: str
    follows: bool = False
    executed_lots: int = 0
    value: int = 0
    executed_at: int | None = None
    triggered_at: int | None = None
    canceled_at: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status not in LIVE

    @property
    def ended_at(self) -> int | None:
        """When it was executed whole or cancelled."""
        if not self.is_over:
            return None
        return self.executed_at if self.canceled_at is None else self.canceled_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The account at `at`.

    `waiting` are live orders that no paper account holds: what has not been triggered, and what
    outlived its position. `row`, `point` and `budget` tell how far the path is walked: the next
    point of which candle, and what is left of that candle's volume.
    """

    at: int
    spot: PaperAccount
    margin: PaperAccount
    orders: Mapping[int, SentOrder]
    waiting: tuple[Order, ...] = ()
    row: int = 0
    point: int = 0
    budget: int = 0

    def account(self, kind: AccountKind) -> PaperAccount:
        """One of the two."""
        return self.margin if kind.has_debt else self.spot

    @property
    def yen(self) -> Decimal:
        """All yen on hand."""
        return self.spot.cash_jpy + self.margin.cash_jpy

    @property
    def live_orders(self) -> list[SentOrder]:
        """Those that have not ended, in the order in which they were sent."""
        held = [*self.spot.orders, *self.margin.orders, *self.waiting]
        return [self.orders[order_id] for order_id in sorted(order.order_id for order in held)]

    def resting(self, order_id: int) -> Order | None:
        """The live order itself."""
        for order in (*self.spot.orders, *self.margin.orders, *self.waiting):
            if order.order_id == order_id:
                return order
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the account stands on: the path, the pair's rules, the exchange's settings, and what it
    lies about.

    `is_lying` asks for a lie by its name, which counts it as told.
    """

    minutes: Candles
    rules: Mapping[AccountKind, PairRules]
    settings: PrivateSettings
    spread_rate: float
    is_lying: Callable[[str], bool] = lambda _name: False


def open_standing(
    at: int, price: int | None, settings: PrivateSettings, rules: PairRules, spread_rate: float
) -> Standing:
    """A new account: yen, and coins bought at `price`."""
    terms = Terms(
        maker_fee_rate=rules.maker_fee_rate,
        taker_fee_rate=rules.taker_fee_rate,
        long_interest_rate_day=rules.long_interest_rate_day,
        short_interest_rate_day=rules.short_interest_rate_day,
        margin_ratio=rules.margin_ratio,
        costs=Costs(
            spread_rate=rate(spread_rate),
            slippage_rate=settings.slippage_rate,
            volume_share=settings.volume_share,
        ),
        keep_trades=1,
    )
    spot = open_account(settings.yen, at, kind=AccountKind.SPOT, terms=terms)
    if settings.btc_lots:
        coins = Entry(at=at, price=price or 1, lots=settings.btc_lots, fee_jpy=ZERO)
        spot = copy_with(spot, positions=(Position(side=Side.LONG, entries=(coins,)),))
    margin = open_account(0, at, kind=AccountKind.MARGIN, terms=terms)
    numbers = {"next_order_id": FIRST_ORDER_ID, "next_fill_sequence": FIRST_FILL}
    return Standing(
        at=at, spot=copy_with(spot, **numbers), margin=copy_with(margin, **numbers), orders={}
    )


def lent_jpy(standing: Standing, kind: AccountKind, mark: int | None, share: Decimal) -> Decimal:
    """What one account may count on beside its own cash: the yen of the other and, on margin,
    `share` of the coins' worth.
    """
    other = standing.spot if kind.has_debt else standing.margin
    coins = standing.spot.lots(Side.LONG) if kind.has_debt and mark is not None else 0
    return jpy(other.cash_jpy + (notional_jpy(mark or 0, coins) * share))


def funded_account(
    standing: Standing, kind: AccountKind, mark: int | None, share: Decimal
) -> PaperAccount:
    """One account with what it may count on as its cash."""
    account = standing.account(kind)
    return copy_with(account, cash_jpy=account.cash_jpy + lent_jpy(standing, kind, mark, share))
