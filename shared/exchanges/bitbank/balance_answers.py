"""What bitbank says of balances: exact, in yen and in bitcoin. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.core.errors import BadData
from shared.exchanges.bitbank.private_answers import decimal_or_none, list_from
from shared.exchanges.bitbank.private_schema import AssetFields, read_fields

ROUNDED_WITHIN = {"jpy": Decimal("0.0002"), "btc": Decimal("0.00000002")}
"""How much more the two parts may make up than the whole: each is rounded to its last place. What
is being withdrawn may count as locked and no longer as held: that is not documented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetBalance:
    """What is held of one asset; bitcoin in bitcoin, for an owner's coins need be no whole lots."""

    asset: str
    onhand: Decimal
    locked: Decimal
    free: Decimal
    withdrawing: Decimal | None
    collateral_ratio: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """The two assets that the bot deals in."""

    jpy: AssetBalance
    btc: AssetBalance


def balances_from(data: Mapping[str, Any]) -> Balances:
    """What is held of yen and bitcoin; both must be there."""
    found: dict[str, AssetBalance] = {}
    for row in list_from(data, "assets"):
        if not isinstance(row, dict):
            raise BadData("assets: a row is no object")
        if row.get("asset") not in ("jpy", "btc"):
            continue
        fields = read_fields(row, AssetFields, "assets")
        if fields.asset in found:
            raise BadData(f"assets: {fields.asset} stands twice")
        found[fields.asset] = _balance(fields)
    if len(found) != 2:  # noqa: PLR2004 (yen and bitcoin)
        raise BadData("assets: yen or bitcoin is missing")
    return Balances(jpy=found["jpy"], btc=found["btc"])


def _balance(fields: AssetFields) -> AssetBalance:
    onhand, free = Decimal(fields.onhand_amount), Decimal(fields.free_amount)
    if free > onhand:
        raise BadData(f"assets: more {fields.asset} is free than there is")
    locked = Decimal(fields.locked_amount)
    withdrawing = decimal_or_none(fields.withdrawing_amount)
    most = onhand + (withdrawing or 0) + ROUNDED_WITHIN[fields.asset]
    if free + locked > most:
        raise BadData(f"assets: more {fields.asset} is free and locked than there is")
    return AssetBalance(
        asset=fields.asset,
        onhand=onhand,
        locked=locked,
        free=free,
        withdrawing=withdrawing,
        collateral_ratio=decimal_or_none(fields.collateral_ratio),
    )
