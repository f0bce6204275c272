"""Let the bot's book take over a position, or forget one that is gone."""

import secrets
from decimal import Decimal, InvalidOperation

import click

from functions import wiring
from scripts.operation.bot import Here, open_bot, reason_option, who_asks, why_asked
from scripts.operation.moving import refuse_moved
from scripts.operation.open_orders import open_orders, settle_line
from scripts.output.console import emit, json_option
from shared.core.errors import Conflict, UserError
from shared.core.money import btc_from_lots, lots_from_btc
from shared.core.reasons import Reason
from shared.core.sentences import say
from shared.core.sentences.figures import btc, yen
from shared.core.types import Adoption, Correction, Holdings, Ledger, Side
from shared.tick.commands import order_correction
from shared.turn.state import State


@click.command()
@click.option(
    "--side",
    type=click.Choice([str(side) for side in Side]),
    required=True,
    help="The side of the position.",
)
@click.option("--size", metavar="BTC", required=True, help="Its size, like 0.0100.")
@click.option(
    "--price", type=click.IntRange(min=1), required=True, help="At which it came, or went: yen."
)
@click.option("--forget", is_flag=True, help="The book holds it, and the exchange does not.")
@reason_option
@click.option("--by", help="Who asks; the user of this machine unless told.")
@json_option
def command(
    *,
    side: str,
    size: str,
    price: int,
    forget: bool,
    why: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """Let the bot take over a position that lies at the exchange and not in its book.

    From its next tick on it is the bot's: booked at the price that you name, protected, and closed
    like any other. Refused unless the exchange shows exactly that much beyond the book, now and at
    the last tick; on a spot account as many coins beside the book. With --forget the book lets go
    of what the exchange does not hold any more, as closed at the price that you name. For live mode
    only.
    """
    reason = why_asked(why, "the forgetting" if forget else "the adoption")
    lots = _lots(size)
    with open_bot() as here:
        refuse_moved(here)
        ledger = _ledger(here)
        _refuse_open_orders(here)
        holdings = _read(here, ledger)
        _refuse_untold(holdings, Side(side))
        (_check_missing if forget else _check_surplus)(here, holdings, Side(side), lots)
        now_ms = here.clock.now_ms()
        asked = Adoption(
            id=f"{now_ms}-{secrets.token_hex(4)}",
            what=Correction.FORGET if forget else Correction.ADOPT,
            side=Side(side),
            lots=lots,
            price=price,
            at=now_ms,
            who=by or who_asks(),
            why=reason,
        )
        try:
            order_correction(here.bot, asked, corrected_by=ledger.corrected_by)
        except Conflict as error:
            raise UserError(str(error), remedy="run a tick first: scripts/bot tick") from error
        bot = here.settings.id
    text = say(
        "acts.forgot" if forget else "acts.adopted",
        bot=bot,
        side=side,
        size=btc(lots),
        price=yen(price),
    )
    emit({"bot": bot, "ordered": asked}, text, as_json=as_json)


def _lots(size: str) -> int:
    try:
        meant = Decimal(size)
        lots = lots_from_btc(meant)
    except (InvalidOperation, ValueError, OverflowError):
        meant, lots = Decimal(0), 0
    if lots <= 0 or btc_from_lots(lots) != meant:
        raise UserError(f"--size was {size!r}", remedy="give whole 0.0001 BTC, like 0.0100")
    return lots


def _ledger(here: Here) -> Ledger:
    """The book that the last tick left."""
    if here.settings.mode != "live":
        raise UserError(
            f"BOT_MODE is {here.settings.mode}: a paper account holds what its book says",
            remedy="adopt on the bot that trades live",
        )
    stored = here.bot.peek()
    state = State.decode_state(None if stored is None else stored.data.get("state"), here.settings)
    if state.ledger is None:
        raise UserError(
            "the bot has no book of this account yet", remedy="run a tick first: scripts/bot tick"
        )
    return state.ledger


def _refuse_open_orders(here: Here) -> None:
    known = open_orders(here)
    if known:
        raise UserError(
            f"the order {known[0].name} is open: what lies there may be its own",
            remedy=settle_line(known[0]),
        )


def _refuse_untold(holdings: Holdings, side: Side) -> None:
    """What an order of the bot's executed would be booked against what is adopted."""
    tracked = () if holdings.ledger is None else holdings.ledger.tracked
    for one in tracked:
        if one.unbooked_lots > 0 and one.order.intent.side is side:
            raise UserError(
                f"the bot's order {one.order.order_id} executed {btc(one.unbooked_lots)} that its"
                " book does not tell yet: what lies there may be its own",
                remedy="run a tick, and ask again; within fifteen minutes it is told or let go",
            )


def _read(here: Here, ledger: Ledger) -> Holdings:
    ports = wiring.ports(here.settings, here.environ, dry_run=True)
    return ports.exchange.holdings(here.clock.now_ms(), ledger=ledger)


def _check_surplus(here: Here, holdings: Holdings, side: Side, lots: int) -> None:
    traces = None if holdings.ledger is None else holdings.ledger.traces
    if here.settings.account.has_locks:
        beside = Decimal(0) if traces is None else traces.btc
        if side is not Side.LONG or lots_from_btc(beside) < lots:
            raise UserError(
                f"the account holds {beside} BTC beside the book", remedy="name no more than that"
            )
        return
    surplus = _lots_there(holdings, side) - _lots_held(holdings, side)
    if surplus != lots:
        raise UserError(
            f"the exchange shows {btc(max(0, surplus))} {side} beyond the book, not {btc(lots)}",
            remedy="name exactly what it shows" if surplus > 0 else "there is nothing to adopt",
        )
    _refuse_news(holdings, side, Reason.POSITION_UNEXPLAINED)


def _check_missing(here: Here, holdings: Holdings, side: Side, lots: int) -> None:
    del here
    missing = _lots_held(holdings, side) - _lots_there(holdings, side)
    if missing != lots:
        raise UserError(
            f"the exchange shows {btc(max(0, missing))} {side} less than the book, not {btc(lots)}",
            remedy="name exactly what is gone" if missing > 0 else "there is nothing to forget",
        )
    _refuse_news(holdings, side, Reason.POSITION_SHORT)


def _refuse_news(holdings: Holdings, side: Side, reason: Reason) -> None:
    """What no tick has seen yet may be the exchange's own delay."""
    seen = any(
        issue.reason is reason and issue.context.get("side") == str(side)
        for issue in holdings.issues
    )
    if not seen:
        raise UserError(
            "the last tick did not see it yet: the exchange may only be late",
            remedy="run a tick, and ask again 15 seconds after it",
        )


def _lots_there(holdings: Holdings, side: Side) -> int:
    return 0 if holdings.there_lots is None else holdings.there_lots.get(side, 0)


def _lots_held(holdings: Holdings, side: Side) -> int:
    return sum(position.lots for position in holdings.positions if position.side is side)
