"""Settle an order that stays open, by name."""

import click

from functions import wiring
from scripts.operation.bot import Here, open_bot, reason_option, who_asks, why_asked
from scripts.operation.moving import refuse_moved
from scripts.operation.open_orders import OpenOrder, open_order_line, open_orders
from scripts.output.console import emit, json_option
from shared.core.errors import Conflict, NotThere, UserError
from shared.core.sentences import say
from shared.tick.commands import settle_by_name


@click.command()
@click.argument("intent")
@click.option(
    "--found", type=int, metavar="ORDER_ID", help="It is this order at the exchange: its number."
)
@click.option("--absent", is_flag=True, help="It never came to the exchange.")
@reason_option
@click.option("--by", help="Who asks; the user of this machine unless told.")
@json_option
def command(
    *,
    intent: str,
    found: int | None,
    absent: bool,
    why: str | None,
    by: str | None,
    as_json: bool,
) -> None:
    """Settle an order of which nobody knows what came: it blocks every entry until it is.

    Look at the exchange first. With --found the next tick follows that order and books what it
    did; in live mode it must have the form of the order that was meant. With --absent it is closed:
    should it be there after all, it is a stranger's, and never touched. `status` names the orders
    that are open.
    """
    if absent == (found is not None):
        raise UserError(
            "say what became of it", remedy="give --found ORDER_ID, or --absent, and not both"
        )
    reason = why_asked(why, "the settling")
    with open_bot() as here:
        refuse_moved(here)
        one = _find(here, intent)
        if found is not None:
            _check_form(here, one, found)
        now_ms, who = here.clock.now_ms(), by or who_asks()
        try:
            settle_by_name(here.bot, intent, order_id=found, who=who, why=reason, now_ms=now_ms)
        except Conflict as error:
            raise UserError(str(error), remedy="run it again in a moment") from error
        except NotThere as error:
            raise UserError(
                str(error), remedy="`scripts/bot status` names those that are"
            ) from error
    text = (
        say("acts.settled_absent", intent=intent)
        if found is None
        else say("acts.settled_found", intent=intent, order_id=str(found))
    )
    emit({"intent": intent, "order_id": found, "absent": absent, "who": who}, text, as_json=as_json)


def _find(here: Here, name: str) -> OpenOrder:
    known = open_orders(here)
    for one in known:
        if one.name == name:
            return one
    named = "; ".join(open_order_line(one) for one in known)
    raise UserError(
        f"no order {name!r} is open", remedy=named or "none is: there is nothing to settle"
    )


def _check_form(here: Here, one: OpenOrder, order_id: int) -> None:
    """Raise `UserError` where the exchange shows another order under that number, or none."""
    if here.settings.mode != "live":
        return
    differing = wiring.examine_order(here.settings, here.environ, order_id, one.intent)
    if differing is None:
        raise UserError(
            f"the exchange shows no order {order_id} of this pair",
            remedy="give the number that the exchange shows, or --absent",
        )
    if differing:
        raise UserError(
            f"the order {order_id} is not that one: it differs in {', '.join(differing)}",
            remedy=f"it was to be: {open_order_line(one)}",
        )
