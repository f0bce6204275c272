"""The steps of a deployment. Pure: what is there goes in, what is to be done comes out.

    first       pause the schedule · tick with traffic · rehearse · others · wait · resume · protect
    afterwards  tick as a candidate · rehearse · other candidates · wait · traffic · protect

It is the first as long as a function is missing, so that one that ended half-way goes on as such.
Nothing that fails before the traffic moves has changed what serves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scripts.cloud.options import STAGES
from scripts.delivery.specs import (
    Release,
    Specs,
    deploy_words,
    schedule_words,
    traffic_words,
)
from shared.core.errors import UserError

ORDER = ("tick", "alerts", "retrain", "backtest")
"""The tick first: it is the one that is rehearsed, and the alerts are told its address."""
JOBS = ("tick", "retrain", "watch")
TICK_URL, NEWEST = "${tick_url}", "${newest}"
"""What stands in a step for what is known only when it is done."""

StepKind = Literal["gcloud", "wait", "rehearse", "protect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployStep:
    """One step: `gcloud` runs `words`; `wait` waits until nothing stands against other code;
    `rehearse` runs a dry tick at the address of a candidate, or of the service; `protect` runs a
    tick.

    `what` says it to people. `function`: whose revision the step makes, or gives traffic to.
    """

    kind: StepKind
    what: str
    words: tuple[str, ...] = ()
    function: str = ""
    of_candidate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedService:
    """A function as it is deployed.

    Attributes:
        url: Its own address.
        revision: The one that gets the most traffic.
        newest: The one that was made last.
        labels: What its newest deployment said of it: `commit`, `code`, `stage`.
        environ: The variables of that one, without its secrets.
        tags: The addresses of tagged revisions.
    """

    url: str
    revision: str
    newest: str
    labels: Mapping[str, str]
    environ: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedCloud:
    """What there is before a deployment: services by function, the jobs that run by the clock, and
    those of them that rest.
    """

    services: Mapping[str, DeployedService]
    jobs: Sequence[str]
    paused: Sequence[str] = ()


def plan_deployment(
    specs: Specs, release: Release, present: DeployedCloud, *, trees: Path
) -> tuple[DeployStep, ...]:
    """All steps in their order; `trees` is the folder of the staged trees.

    Raises `UserError` where a stage would be skipped, or something is missing that the functions
    need.
    """
    _refuse_skipped_stage(release, present)
    _refuse_missing(specs, release)
    deploys = [_deploy(name, specs, release, present, trees) for name in ORDER]
    is_first = not set(ORDER) <= set(present.services)
    has_tick = "tick" in present.services
    return (
        *(_schedule("pause", present.jobs, release) if is_first else ()),
        deploys[0],
        DeployStep(
            kind="rehearse",
            what=f"rehearse the {'candidate of the ' if has_tick else ''}tick",
            of_candidate=has_tick,
        ),
        *deploys[1:],
        DeployStep(kind="wait", what="wait until no tick is at work and no entry rests"),
        *(_traffic(name, release) for name in ORDER if name in present.services),
        *(_schedule("resume", (*present.jobs, *present.paused), release) if is_first else ()),
        DeployStep(kind="protect", what="run a tick: what is held has its stop"),
    )


def undo_traffic(
    done: Sequence[str], present: DeployedCloud, region: str
) -> tuple[DeployStep, ...]:
    """What gives the traffic of some functions back to the revisions that had it."""
    return tuple(
        DeployStep(
            kind="gcloud",
            what=f"{name} is served by {present.services[name].revision} again",
            words=traffic_words(name, region, present.services[name].revision),
            function=name,
        )
        for name in reversed(done)
        if present.services[name].revision
    )


def warnings_of(release: Release, present: DeployedCloud) -> tuple[str, ...]:
    """What a person should know before it begins."""
    tick = present.services.get("tick")
    if tick is None:
        return ("Nothing is deployed yet: the schedule rests until the first tick was rehearsed.",)
    told = []
    if present.paused and set(ORDER) <= set(present.services):
        told.append(f"The schedule rests, and goes on resting: {', '.join(present.paused)}.")
    if tick.labels.get("code") != release.code:
        told.append(
            "The code that decides is another than what serves: a proof is of the code that made"
            " it, and what was proven for the old one enters nothing with the new one."
        )
    if release.commit.endswith("-changed"):
        told.append("The checkout differs from its commit.")
    return tuple(told)


def _refuse_skipped_stage(release: Release, present: DeployedCloud) -> None:
    tick = present.services.get("tick")
    before = -1 if tick is None else STAGES.index(tick.labels.get("stage", STAGES[0]))
    if STAGES.index(release.stage) > before + 1:
        raise UserError(
            f"{release.stage} cannot follow {'nothing' if before < 0 else STAGES[before]}",
            remedy=f"deploy --stage {STAGES[before + 1]} first",
        )


def _refuse_missing(specs: Specs, release: Release) -> None:
    needed = ["BOT_BUNDLE_PUBLIC_KEY"]
    needed += ["BOT_CAPITAL_JPY"] if release.stage != "paper" else []
    for name in needed:
        if not release.settings.get(name):
            raise UserError(
                f"{name} is not set for the functions",
                remedy=f"say it once with --set {name}=VALUE; later deployments keep it",
            )
    secrets = {name for one in ORDER for name in specs.function_spec(one).secrets_at(release.stage)}
    if missing := sorted(secrets - set(release.versions)):
        raise UserError(
            f"{', '.join(missing)}: no version of the secret is enabled",
            remedy="store it with `scripts/bot setup`",
        )


def _deploy(
    name: str, specs: Specs, release: Release, present: DeployedCloud, trees: Path
) -> DeployStep:
    is_new = name not in present.services
    words = deploy_words(
        name, specs, release, folder=trees / name, tick_url=TICK_URL, is_new=is_new
    )
    what = f"deploy {name}{'' if is_new else ' as a candidate'}"
    return DeployStep(kind="gcloud", what=what, words=words, function=name)


def _traffic(name: str, release: Release) -> DeployStep:
    return DeployStep(
        kind="gcloud",
        what=f"the candidate of {name} serves",
        words=traffic_words(name, release.region, NEWEST),
        function=name,
    )


def _schedule(action: str, jobs: Sequence[str], release: Release) -> tuple[DeployStep, ...]:
    return tuple(
        DeployStep(
            kind="gcloud",
            what=f"{action} the schedule of {job}",
            words=schedule_words(action, job, release.region),
        )
        for job in JOBS
        if job in jobs
    )
