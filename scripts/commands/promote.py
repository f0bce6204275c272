"""Let a model bundle serve."""

import click

from scripts.operation.bot import open_bot, reason_option, who_asks, why_asked
from scripts.operation.registry import look, move_by_hand, pointer_lines, registry_of
from scripts.output.console import emit, json_option
from shared.core.errors import BadBundle, UserError
from shared.core.sentences import say
from shared.model.registry import BundleRegistry, ServingPointer
from shared.tick.acts import tell_moves
from shared.turn.champion import unproven_reason


@click.command()
@click.argument("version")
@reason_option
@click.option("--by", help="Who asks; the user of this machine unless told.")
@json_option
def command(*, version: str, why: str | None, by: str | None, as_json: bool) -> None:
    """Let the bundle VERSION serve; it comes back from the archive if it lies there.

    It must load as a tick loads it, be made to serve (a backtest's own is not), answer the question
    that these settings ask (the same features and label), and its checks must let it serve. Whether
    it may enter is the gate's word: in live mode a bundle without proof serves and enters nothing.
    """
    who = by or who_asks()
    reason = why_asked(why, "the promotion")
    with open_bot() as here:
        registry = registry_of(here)
        found = look(here, registry, version)
        if found.bundle is None:
            known = (
                ", ".join([*registry.versions(), *registry.archived_versions()][-5:])
                or "none yet: scripts/bot train"
            )
            raise UserError(
                f"{version} cannot serve: {found.wrong}", remedy=f"the newest there are: {known}"
            )
        if found.unfit:
            raise UserError(
                f"{version} cannot serve: {found.unfit}",
                remedy=(
                    "`scripts/bot models` lists the bundles that may; one of another profile needs"
                    " that profile's settings"
                ),
            )
        if not found.bundle.manifest.verdict.may_serve:
            raise UserError(
                f"{version} may not serve: its own checks failed",
                remedy="`scripts/bot models` lists the bundles that may",
            )
        now_ms, before = here.clock.now_ms(), _before(registry)
        after = move_by_hand(lambda: registry.promote(version, at=now_ms, why=reason, by=who))
        changed = before is None or before.version != version
        lacks = unproven_reason(found.bundle, here.settings)
        tell_moves(here.bot.documents, after, bot=here.settings.id, now_ms=now_ms)
    head = (
        say("models.serves_now", model=version)
        if changed
        else say("models.serves_already", model=version)
    )
    proof = [] if lacks is None else [say("models.no_proof", lacks=lacks)]
    data = {
        "promoted": changed,
        "may_enter": lacks is None,
        "pointer": after,
        "who": who,
        "why": reason,
    }
    emit(data, "\n".join([head, *pointer_lines(before, after), *proof]), as_json=as_json)


def _before(registry: BundleRegistry) -> ServingPointer | None:
    """What served, as far as can be told: a damaged pointer is what this command mends."""
    try:
        return registry.current()
    except BadBundle:
        return None
