"""What an account looks like before an order, where a test does not care."""

from decimal import Decimal

from shared.exchanges.bitbank.balance_answers import AssetBalance, Balances
from shared.exchanges.bitbank.sending import AccountBefore


def made_before(*, newest_order_id: int = 0) -> AccountBefore:
    money = {
        name: AssetBalance(
            asset=name,
            onhand=Decimal(1),
            locked=Decimal(0),
            free=Decimal(1),
            withdrawing=None,
            collateral_ratio=None,
        )
        for name in ("jpy", "btc")
    }
    return AccountBefore(
        read_at=0,
        newest_order_id=newest_order_id,
        balances=Balances(**money),
        positions=None,
    )
