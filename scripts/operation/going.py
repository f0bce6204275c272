"""Going live, for the commands that show it and act: what was read, and each check in words."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from functions import wiring
from scripts.operation.bot import Here
from scripts.operation.channels import channels_of
from shared.core.sentences import say
from shared.core.settings.origin import defaults
from shared.tick.live.preflight import PreflightFacts
from shared.tick.live.raising import PreflightCheck
from shared.tick.live.reading import Surroundings, read_preflight


def look_before_start(here: Here, *, confirmed: Sequence[int] = ()) -> PreflightFacts:
    """Read all that the preflight judges; what leaves are readings alone."""
    missing = [name for name in wiring.EXCHANGE_KEY if not here.environ.get(name)]
    around = Surroundings(
        missing_secrets=missing,
        is_capital_said=has_said_capital(here),
        channels=tuple(channels_of(here)),
        confirmed_orders=confirmed,
    )
    settings = here.settings
    openable = replace(settings, mode="paper") if missing else settings
    ports = replace(
        wiring.ports(openable, here.environ, dry_run=True),
        documents=here.bot.documents,
        key=wiring.key_fingerprint_of(settings, here.environ),
    )
    return read_preflight(ports, settings, around)


def has_said_capital(here: Here) -> bool:
    """Whether a person set `capital_jpy`, by the environment or in a profile."""
    if here.environ.get("BOT_CAPITAL_JPY"):
        return True
    profiles = defaults().get("profiles") or {}
    profile = profiles.get(here.settings.profile) if here.settings.profile else None
    return bool(profile and "capital_jpy" in profile)


def check_lines(checks: Sequence[PreflightCheck]) -> Iterator[str]:
    """One line a check, and one for what mends it."""
    for check in checks:
        mark = "note" if check.is_note else "met" if check.is_met else "missing"
        yield say(
            "going.line",
            mark=f"{say(f'going.mark.{mark}'):<5}",
            name=f"{check.name:<11}",
            said=check.said,
        )
        if check.remedy and not check.is_met:
            yield say("going.line_remedy", remedy=check.remedy)
