"""What the bot really did against a replay of the same ticks: every difference, its cause and its
price.
"""

import math

import click

from scripts.operation.bot import Here, open_bot
from scripts.operation.parity import Parity, compare_since, read_stay, unknown_episodes
from scripts.output.console import emit, json_option
from shared.core.calendar import DAY_MS, jst_text
from shared.core.errors import UserError
from shared.core.money import ZERO
from shared.core.sentences import say
from shared.core.sentences.figures import yen
from shared.results.parity import CauseEpisode, Fills
from shared.tick.live.documents import LiveDocuments
from shared.tick.live.records import ParityResult

DIFFERENT, UNEXPLAINED = 3, 4
SHOWN_FACTS = 3


@click.command()
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How many days, back from now.",
)
@json_option
@click.pass_context
def command(context: click.Context, *, days: float, as_json: bool) -> None:
    """Compare what the bot did with a replay of the same ticks.

    Reads the stored reports, the candles (the archive's; what it lacks is collected into it) and
    the model that served. Ticks that were missed or late, and halts, are repeated; then it is said
    what the missed and the late ones cost. With real money it is also said what the orders brought
    beside the replay's, in yen by cause: latency, the queue, partial fills, the gap before the
    protection, slippage, another book, other orders. Exit code 0 where nothing differs, 3 where
    something does, 4 where no cause explains some of it.
    """
    if not math.isfinite(days):
        raise UserError(f"--days was {days}", remedy="give a number of days, like 7")
    with open_bot() as here:
        since_at = here.clock.now_ms() - round(days * DAY_MS)
        parity = compare_since(here, read_stay(here, days), since_at=since_at)
        if here.settings.mode == "live":
            _keep_result(here, parity)
    emit(parity, "\n".join(parity_lines(parity)), as_json=as_json)
    context.exit(_exit_code(parity))


def _exit_code(parity: Parity) -> int:
    if not parity.explained:
        return UNEXPLAINED
    return 0 if parity.equal else DIFFERENT


def _keep_result(here: Here, parity: Parity) -> None:
    """What it came to: the next stage of real money asks for it."""
    unknown = len(unknown_episodes(parity.bot))
    if parity.fills is not None:
        unknown += not parity.fills.is_explained
    LiveDocuments(here.bot.documents, here.settings.id).note_parity(
        ParityResult(
            at=here.clock.now_ms(),
            since=parity.start_at,
            until=parity.end_at,
            unexplained=unknown,
        )
    )


# for people


def parity_lines(parity: Parity) -> list[str]:
    """The answer as a person reads it."""
    told = [
        say(
            "parity.bot",
            bot=parity.bot_id,
            mode=parity.mode,
            start=jst_text(parity.start_at),
            end=jst_text(parity.end_at),
        ),
        say("parity.sentence", sentence=parity.sentence),
        say("parity.begins", begins=parity.begins),
        say(
            "parity.replay",
            hash=parity.settings_hash,
            model=parity.model or say("models.none"),
        ),
        *(_episode(episode) for episode in parity.bot.episodes),
    ]
    if parity.on_time is not None:
        cost = -parity.on_time.gap_jpy
        told.append(
            say(
                "parity.in_time_costs" if cost >= 0 else "parity.in_time_brings",
                equity=yen(parity.end_jpy["in_time"]),
                amount=yen(abs(cost)),
            )
        )
        told += [_episode(episode) for episode in parity.on_time.episodes if episode.price_jpy]
    if parity.fills is not None:
        told += [orders_line(parity.fills), fills_line(parity.fills), cash_line(parity.fills)]
    coarse = parity.end_jpy["from_15m"] - parity.end_jpy["replay"]
    told.append(
        say("parity.from_15m", equity=yen(parity.end_jpy["from_15m"]), gap=f"{coarse:+,.0f}")
    )
    return told


def fills_line(fills: Fills) -> str:
    """What each cause brought or cost, the dearest first."""
    still = say("parity.still_open", orders=fills.still_open) if fills.still_open else ""
    amounts = {cause: amount for cause, amount in fills.amounts.items() if amount}
    if not amounts:
        return say("parity.fills_equal", open=still)
    causes = sorted(amounts.items(), key=lambda one: (-abs(one[1]), one[0]))
    return say(
        "parity.fills",
        amount=f"{sum(amounts.values(), ZERO):+,.4f}",
        causes=", ".join(f"{cause} {amount:+,.4f}" for cause, amount in causes),
        open=still,
    )


def orders_line(fills: Fills) -> str:
    """How many orders there were, and what came of them."""
    return say(
        "parity.orders",
        orders=fills.orders,
        shared=fills.shared,
        replayed=fills.replayed,
        entries=fills.entries,
        exits=fills.exits,
    )


def cash_line(fills: Fills) -> str:
    """What the two differ by in all, and whether anything of it has no cause."""
    untold = "" if fills.is_explained else say("parity.untold", amount=f"{fills.untold_jpy:+,.4f}")
    return say(
        "parity.cash",
        gap=f"{fills.gap_jpy:+,.4f}",
        open=f"{fills.open_jpy:+,.4f}",
        untold=untold,
    )


def _episode(episode: CauseEpisode) -> str:
    """One cause and what follows from it."""
    shown = "; ".join(
        f"{fact.what} {fact.bot} | {fact.replay}" for fact in episode.facts[:SHOWN_FACTS]
    )
    more = (
        say("parity.more", facts=len(episode.facts) - SHOWN_FACTS)
        if len(episode.facts) > SHOWN_FACTS
        else ""
    )
    ticks = (
        say("parity.ticks", ticks=episode.ticks) if episode.ticks > 1 else say("parity.one_tick")
    )
    return say(
        "parity.episode",
        at=jst_text(episode.began_at),
        cause=episode.cause,
        price=f"{episode.price_jpy:+,.2f}",
        ticks=ticks,
        shown=shown,
        more=more,
    )
