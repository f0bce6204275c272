"""Carrying a deployment out: its steps one after another, and the traffic given back where one of
them fails.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scripts.delivery.cloud_run import GcloudAnswer, describe_service
from scripts.delivery.deployment import (
    NEWEST,
    TICK_URL,
    DeployedCloud,
    DeployStep,
    undo_traffic,
)
from scripts.delivery.specs import CANDIDATE
from shared.core.errors import BotError


class TickAsker(Protocol):
    """Runs a tick at an address, as whoever deploys."""

    def __call__(self, url: str, *, audience: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post `body` to the tick at `url`, with a token for `audience`; its report. Raises
        `BotError` where it did not answer with one.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployHands:
    """What a deployment needs of the world: gcloud, the tick's address, the bot's documents."""

    gcloud: GcloudAnswer
    ask_tick: TickAsker
    wait_until_quiet: Callable[[], None]
    tell: Callable[[str], None]


def carry_out_plan(
    steps: Sequence[DeployStep], present: DeployedCloud, region: str, hands: DeployHands
) -> dict[str, str]:
    """Do all steps; the revision of each function that serves afterwards.

    Raises what failed, with what serves as it was: traffic that has moved is given back, of every
    function that lets it.
    """
    moved: list[str] = []
    serving: dict[str, str] = {}
    try:
        for step in steps:
            hands.tell(step.what)
            if any(NEWEST in word for word in step.words):
                moved.append(step.function)  # before: an answer may be lost
            _do(step, region, hands, serving)
    except BaseException:
        for step in undo_traffic(moved, present, region):
            hands.tell(step.what)
            try:
                hands.gcloud(step.words)
            except BotError as error:
                hands.tell(f"{step.function} may serve the new revision: {error}")
        if any("pause" in step.words for step in steps):
            hands.tell("the schedule may rest: deploy again, or `scripts/bot setup` lets it run")
        raise
    return serving


def _do(step: DeployStep, region: str, hands: DeployHands, serving: dict[str, str]) -> None:
    if step.kind == "wait":
        hands.wait_until_quiet()
    elif step.kind == "gcloud":
        hands.gcloud(_fill_words(step, region, hands, serving))
        if step.function and step.function not in serving:
            serving[step.function] = describe_service(hands.gcloud, step.function, region).newest
    else:
        tick = describe_service(hands.gcloud, "tick", region)
        url = tick.tags[CANDIDATE] if step.of_candidate else tick.url
        is_dry = step.kind == "rehearse"
        # A token is for the service's own address, never for that of a tag.
        report = hands.ask_tick(url, audience=tick.url, body={"dry_run": True} if is_dry else {})
        _refuse_failed(report, is_dry=is_dry)


def _fill_words(
    step: DeployStep, region: str, hands: DeployHands, serving: Mapping[str, str]
) -> tuple[str, ...]:
    """The words of a step, with what is known by now in the place of what was not: the revision is
    the one that this deployment made, whatever else was made meanwhile.
    """
    known = {NEWEST: serving.get(step.function, "")}
    if any(TICK_URL in word for word in step.words):
        known[TICK_URL] = describe_service(hands.gcloud, "tick", region).url
    words = step.words
    for mark, value in known.items():
        words = tuple(word.replace(mark, value) for word in words)
    return words


def _refuse_failed(report: dict[str, Any], *, is_dry: bool) -> None:
    """A rehearsal has to come to its end: without a model or a market it decides nothing, and
    protects all the same. A real tick may find another one at work, which protects in its place.
    """
    good = {"done", "degraded", "halted"} | (set() if is_dry else {"busy", "duplicate"})
    if report.get("status") not in good:
        what = "the rehearsal" if is_dry else "the protecting tick"
        raise BotError(
            f"{what} ended {report.get('status')}: {report.get('reason') or report.get('error')}"
            f" {report.get('detail') or ''}".rstrip()
        )
