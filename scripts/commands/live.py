"""Trade with real money: what is missing, the start, less of it, and the stop."""

from typing import Any

import click

from scripts.operation.bot import Here, open_bot, reason_option, who_asks, why_asked
from scripts.operation.going import check_lines, look_before_start
from scripts.output.console import emit, json_option
from shared.core.calendar import jst_text
from shared.core.errors import BotError, UserError
from shared.core.sentences import say
from shared.tick.control import StageCap
from shared.tick.live.documents import LiveDocuments
from shared.tick.live.preflight import PreflightFacts, is_passed, preflight
from shared.tick.live.raising import PreflightCheck, present_stage
from shared.tick.live.records import KeyRights, LiveRecord
from shared.tick.live.stages import LIVE_STAGES, is_live_stage

by_option = click.option("--by", help="Who asks; the user of this machine unless told.")
theirs_option = click.option(
    "--theirs",
    type=int,
    multiple=True,
    metavar="ORDER",
    help="An order of the bot's own form that is somebody else's, by its number; may be repeated.",
)


@click.group(invoke_without_command=True)
@theirs_option
@json_option
@click.pass_context
def command(context: click.Context, *, theirs: tuple[int, ...], as_json: bool) -> None:
    """Show whether the bot may trade with real money, what is missing, and what mends it.

    Reads only: the store, the exchange and the account. Exit code 1 where something is missing.
    """
    if context.invoked_subcommand is not None:
        return
    with open_bot() as here:
        facts = look_before_start(here, confirmed=theirs)
    checks = preflight(facts)
    text = "\n".join([*_standing_lines(facts), *check_lines(checks), _verdict(checks)])
    emit({"ready": is_passed(checks), "checks": checks}, text, as_json=as_json)
    context.exit(0 if is_passed(checks) else 1)


@command.command("start")
@theirs_option
@reason_option
@by_option
@json_option
def start_trading(
    *, theirs: tuple[int, ...], why: str | None, by: str | None, as_json: bool
) -> None:
    """Let the bot enter with real money, in the stage that BOT_STAGE names.

    It checks everything, shows it, and writes down who, when, with which key, stage and settings.
    The first stage is stage-10; each further one asks what the one before has shown. Exit code 1
    where something is missing: then nothing is written.
    """
    reason = why_asked(why, "the start")
    with open_bot() as here:
        facts = look_before_start(here, confirmed=theirs)
        checks = preflight(facts)
        lines = list(check_lines(checks))
        if not is_passed(checks):
            lines += [_verdict(checks), say("going.refused")]
            emit({"started": False, "checks": checks}, "\n".join(lines), as_json=as_json)
            raise SystemExit(1)
        record = _record_of(facts, who=by or who_asks(), why=reason, theirs=theirs)
        LiveDocuments(here.bot.documents, here.settings.id).write_start(record, here.settings)
    started = say(
        "going.started",
        who=record.who,
        bot=facts.settings.id,
        at=jst_text(record.at),
        stage=record.stage,
        key=record.key,
    )
    data = {"started": True, "checks": checks, "record": record}
    emit(data, "\n".join([*lines, started]), as_json=as_json)


@command.command("stop")
@reason_option
@by_option
@json_option
def stop_trading(*, why: str | None, by: str | None, as_json: bool) -> None:
    """Enter nothing with real money any more, and give the account's sides free.

    What is held stays protected by every tick that runs.
    """
    reason = why_asked(why, "the stop")
    with open_bot() as here:
        live, bot = LiveDocuments(here.bot.documents, here.settings.id), here.settings.id
        was = live.has_taken_back(who=by or who_asks(), why=reason, now_ms=here.clock.now_ms())
    text = say("going.stopped_now" if was else "going.was_not_started", bot=bot)
    emit({"stopped": was, "bot": bot}, text, as_json=as_json)


@command.command("lower")
@click.argument("stage", type=click.Choice(LIVE_STAGES))
@reason_option
@by_option
@json_option
def lower_trading(*, stage: Any, why: str | None, by: str | None, as_json: bool) -> None:
    """Let the bot use less of the capital from its next tick on: STAGE at most.

    It never raises: going up is `live start` with BOT_STAGE set.
    """
    reason = why_asked(why, "the lower stage")
    with open_bot() as here:
        cap = StageCap(stage=stage, at=here.clock.now_ms(), who=by or who_asks(), why=reason)
        LiveDocuments(here.bot.documents, here.settings.id).allow_at_most(cap)
        bot = here.settings.id
    emit(
        {"bot": bot, "stage_at_most": cap},
        say("going.lowered", bot=bot, stage=stage),
        as_json=as_json,
    )


@command.command("rights")
@click.argument("key", metavar="FINGERPRINT")
@reason_option
@by_option
@json_option
def confirm_key(*, key: str, why: str | None, by: str | None, as_json: bool) -> None:
    """Say that the key of this FINGERPRINT may read and trade, and not withdraw.

    bitbank's API does not show it: look at the key on bitbank's page. `scripts/bot live` names the
    fingerprint.
    """
    reason = why_asked(why, "the key's rights")
    with open_bot() as here:
        _check_fingerprint(here, key)
        told = KeyRights(at=here.clock.now_ms(), who=by or who_asks(), why=reason, key=key)
        LiveDocuments(here.bot.documents, here.settings.id).confirm_rights(told)
    emit(told, say("going.rights_kept", key=key, who=told.who), as_json=as_json)


def _check_fingerprint(here: Here, key: str) -> None:
    from functions import wiring

    mine = wiring.key_fingerprint_of(here.settings, here.environ)
    if mine != key:
        raise UserError(
            f"the key here has the fingerprint {mine or 'of none'}, not {key}",
            remedy="`scripts/bot live` names it; set BOT_MODE=live and BITBANK_API_KEY first",
        )


def _record_of(facts: PreflightFacts, *, who: str, why: str, theirs: tuple[int, ...]) -> LiveRecord:
    """What is written down of a start that passed."""
    settings, state, standing = facts.settings, facts.state, facts.standing
    if state is None or state.ledger is None or not is_live_stage(settings.stage):
        raise BotError("the start passed without a book or a stage")
    before = standing.record
    is_same = (
        before is not None
        and not before.stopped_at
        and before.is_of(settings)
        and present_stage(standing) == settings.stage
    )
    return LiveRecord(
        at=facts.now_ms,
        who=who,
        why=why,
        key=facts.key,
        stage=settings.stage,  # type: ignore[arg-type]
        stage_since=standing.stage_since if is_same else facts.now_ms,
        account=str(settings.account),
        pair=settings.pair,
        sides=settings.sides,
        capital_jpy=settings.capital_jpy,
        book_opened_at=state.ledger.opened_at,
        settings_hash=settings.hash,
        model=facts.model,
        confirmed_orders=theirs,
    )


def _standing_lines(facts: PreflightFacts) -> list[str]:
    record, cap = facts.standing.record, facts.standing.cap
    lines = []
    if record is not None and not record.stopped_at:
        lines.append(
            say(
                "going.stands",
                who=record.who,
                at=jst_text(record.at),
                why=record.why,
                stage=record.stage,
                since=jst_text(record.stage_since),
                key=record.key,
            )
        )
    if cap is not None:
        lines.append(
            say(
                "going.stands_lowered",
                stage=cap.stage,
                who=cap.who,
                at=jst_text(cap.at),
                why=cap.why,
            )
        )
    return lines


def _verdict(checks: tuple[PreflightCheck, ...]) -> str:
    names = ", ".join(dict.fromkeys(check.name for check in checks if not check.is_met))
    return say("going.not_ready", names=names) if names else say("going.ready")
