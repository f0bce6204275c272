"""Making a plan so. Nothing is repeated blindly: after a call whose answer was lost, or that met
somebody else, the resource is read again, and what is still missing is done.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from scripts.cloud.gcloud import Gcloud, NotAllowed
from scripts.cloud.kinds import KINDS
from scripts.cloud.planning import PlanStep, plan_steps
from scripts.cloud.reading import CloudReading
from scripts.cloud.resource import GcloudCall, Resource
from shared.core.errors import AlreadyExists, BotError, Conflict, Unavailable

PAUSES_SECONDS = (1.0, 5.0, 15.0, 30.0)
"""Before a resource is looked at again: what was just made may take a minute to be known."""

ValueOf = Callable[[str], str]
"""Gives the value of a secret. Raises `UserError` where nobody can be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailure:
    """A step that could not be done, and why."""

    resource: Resource
    error: BotError


def apply_steps(
    gcloud: Gcloud,
    steps: Sequence[PlanStep],
    *,
    value_of: ValueOf,
    tell: Callable[[PlanStep], None],
    pauses: Sequence[float] = PAUSES_SECONDS,
) -> list[StepFailure]:
    """Do what the steps say, those of one kind at once. `tell` hears of each that is done.

    What fails does not hold the rest back. Raises `NotAllowed` at once: nothing else would go.
    """
    failures: list[StepFailure] = []

    def try_step(step: PlanStep) -> StepFailure | None:
        try:
            _do(gcloud, step, value_of, pauses)
        except NotAllowed:
            raise
        except BotError as error:
            return StepFailure(resource=step.resource, error=error)
        tell(step)
        return None

    for kind, wave in _waves(steps):
        with ThreadPoolExecutor(max_workers=KINDS[kind].at_once) as threads:
            failures += filter(None, threads.map(try_step, wave))
    return failures


def _waves(steps: Sequence[PlanStep]) -> Iterator[tuple[str, list[PlanStep]]]:
    """Steps of one kind that follow each other; all APIs are one call."""
    acting = [step for step in steps if step.action in {"create", "change"}]
    for kind, group in groupby(acting, key=lambda step: step.resource.kind):
        wave = list(group)
        if kind == "api":
            names = tuple(step.resource.id for step in wave)
            enable = GcloudCall(arguments=("services", "enable", *names))
            first = PlanStep(resource=wave[0].resource, action="create", calls=(enable,))
            wave = [first]
        yield kind, wave


def _do(gcloud: Gcloud, step: PlanStep, value_of: ValueOf, pauses: Sequence[float]) -> None:
    if KINDS[step.resource.kind].reads_first:
        step = _look_again(gcloud, step.resource)
    for pause in (*pauses, None):
        try:
            for call in step.calls:
                gcloud.run(call, value=value_of(call.secret) if call.secret else "")
            return
        except (AlreadyExists, Conflict, Unavailable):
            if pause is None:
                raise
        time.sleep(pause)
        step = _look_again(gcloud, step.resource)


def _look_again(gcloud: Gcloud, resource: Resource) -> PlanStep:
    found = CloudReading(gcloud, has_all_apis=True).resources([resource])
    [step] = plan_steps([resource], found)
    return step
