"""Take the project on Google Cloud away."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from functions import wiring
from scripts.cloud.applying import StepFailure
from scripts.cloud.asking import confirm
from scripts.cloud.deleting import DeletionStep, delete_all, kept_names
from scripts.cloud.options import cloud_options
from scripts.cloud.project import CloudProject, DeletionPlan
from scripts.cloud.remains import export_books, things_held
from scripts.cloud.resource import GcloudCall, Resource
from scripts.cloud.words import failure_data, failure_lines, short_name
from scripts.operation.bot import Here, open_bot
from scripts.output.console import emit, json_option
from shared.core.errors import UserError
from shared.core.sentences import say

ALL_STAGES = "every"


@click.command()
@cloud_options
@click.option(
    "--with", "also", multiple=True, metavar="NAME", help="Delete database or bucket too, by name."
)
@click.option(
    "--despite", multiple=True, metavar="NAME", help="Leave this behind, as a refusal named it."
)
@click.option(
    "--export",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("books"),
    show_default=True,
    help="A new folder for trades, fills, days and audit.",
)
@click.option("--yes", is_flag=True, help="Do it without asking.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    *,
    project: str,
    region: str,
    stage: str,
    parts: tuple[str, ...],
    also: tuple[str, ...],
    despite: tuple[str, ...],
    folder: Path,
    yes: bool,
    as_json: bool,
) -> None:
    """Take away what setup and deployments made in the project, or some PARTs of it.

    Refused while a tick works, an order is open, or the exchange holds an order or a position of
    the bot's, unless --despite names each. Prints what goes, and asks. Trades, fills, days and
    audit are exported first. The database and the bucket stay unless --with names them: a tax
    return needs what is in them. APIs stay enabled. Run again after a failure, it goes on.
    """
    del stage  # what any stage needs goes
    cloud = CloudProject.open(
        project, region=region, stage=ALL_STAGES, parts=parts, environ=os.environ
    )
    plan = cloud.deletion_plan(also=also)
    for name in also:
        if name not in kept_names(plan.facts):
            raise UserError(
                f"--with {name} names neither", remedy=f"name {' or '.join(kept_names(plan.facts))}"
            )
    if not as_json:
        click.echo("\n".join(_plan_lines(plan.steps, plan.facts.project)))
    exported: Mapping[str, int] = {}
    failures: list[StepFailure] = []
    if plan.steps:
        confirm(yes=yes)
        with _bot_of(plan) as here:
            if here is not None:
                exported = _put_to_rest(cloud, plan, here, despite, folder)
            failures = delete_all(cloud.gcloud, plan.steps, tell=_tell)
    names = [one.resource.name for one in plan.steps]
    data = {"deleted": names, "exported": exported, "failed": [failure_data(f) for f in failures]}
    emit(data, "\n".join(_end_lines(exported, folder, failures)), as_json=as_json)
    context.exit(1 if failures else 0)


@contextmanager
def _bot_of(plan: DeletionPlan) -> Iterator[Here | None]:
    """The bot whose documents lie in the project; None where it has no database.

    Raises `UserError` where the settings are of a bot elsewhere.
    """
    if not plan.has_database:
        yield None
        return
    address = f"firestore://{plan.facts.project}/"
    with open_bot() as here:
        if not here.settings.state.startswith(address):
            raise UserError(
                f"BOT_STATE was {here.settings.state}, which is not in this project: whether the"
                " bot holds anything could not be seen",
                remedy=f"set BOT_STATE={address}(default), and what else the bot runs with",
            )
        yield here


def _put_to_rest(
    cloud: CloudProject, plan: DeletionPlan, here: Here, despite: Sequence[str], folder: Path
) -> Mapping[str, int]:
    """Let nothing tick any more where the schedule goes, see that nothing is held, and export.

    The schedule is resumed where any of this fails.
    """
    _refuse_held(here, despite)
    has_paused = plan.has_schedule
    if has_paused:
        _tell_schedule(cloud, "pause")
    try:
        _refuse_held(here, despite)  # a tick may have been at work
        return export_books(here.bot.documents, folder)
    except BaseException:
        if has_paused:
            _tell_schedule(cloud, "resume")
        raise


def _refuse_held(here: Here, despite: Sequence[str]) -> None:
    ports = wiring.ports(here.settings, here.environ, dry_run=True)
    now_ms = here.clock.now_ms()
    held = list(things_held(here.bot, ports.exchange, here.settings, now_ms=now_ms))
    if left := [name for name in held if name not in despite]:
        raise UserError(
            f"the bot still holds {', '.join(left)}",
            remedy="`scripts/bot flatten` closes all of it; --despite NAME leaves one behind",
        )


def _tell_schedule(cloud: CloudProject, verb: str) -> None:
    where = f"--location={cloud.region}"
    cloud.gcloud.run(GcloudCall(arguments=("scheduler", "jobs", verb, "tick", where)))


def _plan_lines(steps: Sequence[DeletionStep], project: str) -> Iterator[str]:
    yield say("cloud.teardown.head", project=project, count=len(steps))
    for step in steps:
        resource = step.resource
        yield say("cloud.teardown.goes", kind=resource.kind, name=short_name(resource))


def _tell(resource: Resource) -> None:
    line = say("cloud.teardown.gone", kind=resource.kind, name=short_name(resource))
    click.echo(line, err=True)


def _end_lines(
    exported: Mapping[str, int], folder: Path, failures: Sequence[StepFailure]
) -> Iterator[str]:
    if exported:
        counts = ", ".join(f"{count} {name}" for name, count in exported.items())
        yield say("cloud.teardown.exported", folder=str(folder), counts=counts)
    yield from failure_lines(failures)
    if not failures:
        yield say("cloud.teardown.done")
