"""Say where the project on Google Cloud is not as it should be."""

import os

import click

from scripts.cloud.options import cloud_options
from scripts.cloud.project import CloudProject
from scripts.cloud.words import browser_lines, plan_data, plan_lines
from scripts.output.console import emit, json_option
from shared.core.sentences import say

DIFFERS = 3


@click.command()
@cloud_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    *,
    project: str,
    region: str,
    stage: str,
    parts: tuple[str, ...],
    as_json: bool,
) -> None:
    """Read the project on Google Cloud, or some PARTs of it, and print every difference from
    infra/resources.yaml: what is missing, what is otherwise, what waits; and which function's
    traffic is pinned to an old revision. Changes nothing.

    Exit code 0 where everything is as it should be, 3 where not.
    """
    cloud = CloudProject.open(project, region=region, stage=stage, parts=parts, environ=os.environ)
    plan = cloud.plan()
    lines = [*plan_lines(plan, stage=stage), *browser_lines(plan)]
    if plan.is_empty:
        lines.append(say("cloud.empty"))
    emit(plan_data(plan, stage=stage), "\n".join(lines), as_json=as_json)
    context.exit(0 if plan.is_empty else DIFFERS)
