"""Deploy the four functions to Cloud Run."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from scripts.cloud.options import REGION, STAGES
from scripts.delivery.asking import DeployedTick, gcloud_token
from scripts.delivery.carrying import DeployHands, carry_out_plan
from scripts.delivery.cloud_run import GcloudAnswer, gcloud_of, newest_versions, read_present
from scripts.delivery.deployment import (
    ORDER,
    DeployedCloud,
    DeployStep,
    plan_deployment,
    warnings_of,
)
from scripts.delivery.settings import chosen_settings
from scripts.delivery.specs import Release, Specs, environment_of, load_specs
from scripts.delivery.staged import StagedTree, stage_function, write_tree
from scripts.delivery.target import open_target
from scripts.output.console import emit, json_option
from shared.core import deciding
from shared.core.errors import UserError


@click.command()
@click.option(
    "--project",
    envvar="CLOUDSDK_CORE_PROJECT",
    required=True,
    help="The id of the project; CLOUDSDK_CORE_PROJECT is the same.",
)
@click.option("--region", default=REGION, show_default=True, help="Where all of it lies.")
@click.option("--stage", type=click.Choice(STAGES), required=True, help="The share of the capital.")
@click.option(
    "--set",
    "chosen",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the bot, like BOT_CAPITAL_JPY=300000; kept by later deployments.",
)
@click.option(
    "--documents",
    metavar="ADDRESS",
    help="Where the bot's documents lie, like sqlite:///PATH; the project's database unless told.",
)
@click.option(
    "--require",
    "required",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A file that must be there, as a check leaves it that has passed; else nothing is done.",
)
@click.option("--plan", "plan_only", is_flag=True, help="Say the steps, and do none.")
@json_option
def command(
    *,
    project: str,
    region: str,
    stage: str,
    chosen: tuple[str, ...],
    documents: str | None,
    required: tuple[Path, ...],
    plan_only: bool,
    as_json: bool,
) -> None:
    """Deploy the four functions to Cloud Run. Asks nothing.

    The first time the schedule rests until a tick was rehearsed. Afterwards new revisions get no
    traffic until the candidate of the tick was rehearsed, and no tick is at work, no entry rests
    and no order is open; a position with its stop is no obstacle. What fails leaves serving what
    served before. A stage cannot be skipped.
    """
    gcloud, specs = gcloud_of(project, os.environ), load_specs()
    present = read_present(gcloud, region)
    trees = [stage_function(function) for function in ORDER]
    release = _release(
        gcloud,
        specs,
        trees[0],
        project=project,
        region=region,
        stage=stage,
        settings=chosen_settings(present, specs, chosen),
    )
    with tempfile.TemporaryDirectory() as folder:
        steps = plan_deployment(specs, release, present, trees=Path(folder))
        warnings = warnings_of(release, present)
        told = {"stage": stage, "commit": release.commit, "warnings": warnings}
        if plan_only:
            lines = [*warnings, *(_line(step) for step in steps)]
            emit({**told, "steps": steps}, "\n".join(lines), as_json=as_json)
            return
        for line in warnings:
            click.echo(line, err=True)
        for tree in trees:
            write_tree(tree, Path(folder) / tree.function)
        environ = {**os.environ, **environment_of("tick", specs, release)}
        environ |= {"BOT_STATE": documents} if documents else {}
        serving = _carry_out(
            steps, present, release, gcloud=gcloud, environ=environ, required=required
        )
    lines = [f"{name}: {revision}" for name, revision in serving.items()]
    emit({**told, "revisions": serving}, "\n".join(lines), as_json=as_json)


def _carry_out(
    steps: Sequence[DeployStep],
    present: DeployedCloud,
    release: Release,
    *,
    gcloud: GcloudAnswer,
    environ: dict[str, str],
    required: Sequence[Path],
) -> dict[str, str]:
    with open_target(environ) as target:
        hands = DeployHands(
            gcloud=gcloud,
            ask_tick=DeployedTick(gcloud_token(os.environ)),
            wait_until_quiet=target.wait,
            tell=lambda line: click.echo(line, err=True),
        )

        def do() -> dict[str, str]:
            _refuse_missing(required)
            return carry_out_plan(steps, present, release.region, hands)

        return target.tell_outcome(release, do)


def _refuse_missing(required: Sequence[Path]) -> None:
    missing = [path.name for path in required if not path.is_file()]
    if missing:
        raise UserError(
            f"{' and '.join(missing)} did not pass", remedy="read the log of the step, and mend it"
        )


def _release(
    gcloud: GcloudAnswer, specs: Specs, tree: StagedTree, *, stage: str, **where: Any
) -> Release:
    secrets = {name for one in ORDER for name in specs.function_spec(one).secrets_at(stage)}
    return Release(
        stage=stage,
        commit=tree.commit,
        epoch=tree.epoch,
        code=deciding.files_hash(),
        versions=newest_versions(gcloud, sorted(secrets)),
        **where,
    )


def _line(step: DeployStep) -> str:
    return f"{step.what}{f': gcloud {chr(32).join(step.words)}' if step.words else ''}"
