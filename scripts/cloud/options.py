"""The options that every command for the cloud has."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

REGION = "asia-northeast1"
"""Tokyo: the exchange's own, and a Tier 1 price."""
STAGES = ("paper", "stage-10", "stage-50", "live")

Function = TypeVar("Function", bound=Callable[..., Any])


def cloud_options(function: Function) -> Function:
    """Give a command PART..., `--project`, `--region` and `--stage`."""
    for option in (
        click.option(
            "--stage",
            type=click.Choice(STAGES),
            envvar="BOT_STAGE",
            default="paper",
            show_default=True,
            help="How much of the capital may be used; BOT_STAGE is the same.",
        ),
        click.option("--region", default=REGION, show_default=True, help="Where all of it lies."),
        click.option(
            "--project",
            envvar="CLOUDSDK_CORE_PROJECT",
            required=True,
            help="The id of the project; CLOUDSDK_CORE_PROJECT is the same.",
        ),
        click.argument("parts", nargs=-1, metavar="[PART]..."),
    ):
        function = option(function)
    return function
