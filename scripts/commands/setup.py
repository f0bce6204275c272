"""Make the project on Google Cloud as it should be."""

import os

import click

from scripts.cloud.applying import StepFailure
from scripts.cloud.asking import ask_values, confirm
from scripts.cloud.options import cloud_options
from scripts.cloud.planning import PlanStep
from scripts.cloud.project import CloudPlan, CloudProject
from scripts.cloud.words import (
    browser_lines,
    failure_data,
    failure_lines,
    plan_data,
    plan_lines,
    short_name,
)
from scripts.output.console import emit, json_option
from shared.core.sentences import say


@click.command()
@cloud_options
@click.option("--email", default="", metavar="ADDRESS", help="Whom to mail; kept once it is set.")
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
    email: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Make the project on Google Cloud as infra/resources.yaml says, or some PARTs of it: apis,
    accounts, stores, secrets, topics, schedules, policies, builds.

    Reads what is there, prints the plan, asks, and makes it so through gcloud. What is there
    already stays; a second run has nothing to do. What needs the address of a function waits until
    that is deployed: run it again then. Values of secrets are asked for, hidden, and are never on a
    command line. Exit code 0 where all that could be done is done, 1 where something failed.
    """
    cloud = CloudProject.open(
        project, region=region, stage=stage, parts=parts, email=email, environ=os.environ
    )
    plan = cloud.plan()
    failures: list[StepFailure] = []
    if not as_json:
        click.echo("\n".join(plan_lines(plan, stage=stage)))
    todo = plan.steps_of("create", "change")
    if todo:
        confirm(yes=yes)
        values = ask_values(todo, project)
        plan, failures = cloud.apply_plan(plan, value_of=values, tell=_tell)
    emit(
        {**plan_data(plan, stage=stage), "failed": [failure_data(one) for one in failures]},
        "\n".join(_left_lines(plan, failures, stage=stage, has_acted=bool(todo))),
        as_json=as_json,
    )
    context.exit(1 if failures else 0)


def _tell(step: PlanStep) -> None:
    resource = step.resource
    click.echo(say("cloud.done", kind=resource.kind, name=short_name(resource)), err=True)


def _left_lines(
    plan: CloudPlan, failures: list[StepFailure], *, stage: str, has_acted: bool
) -> list[str]:
    lines = [] if not has_acted else list(plan_lines(plan, stage=stage))
    lines += [*failure_lines(failures), *browser_lines(plan)]
    return [*lines, say("cloud.empty")] if plan.is_empty else lines
