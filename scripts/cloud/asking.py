"""The values of secrets: asked for at the terminal, hidden, and never told again."""

import sys
from collections.abc import Mapping, Sequence

import click

from scripts.cloud.applying import ValueOf
from scripts.cloud.planning import PlanStep
from shared.core.errors import UserError
from shared.core.masking import register_secrets
from shared.core.sentences import say
from shared.model.signing import make_keys

SIGNING_KEY = "BOT_BUNDLE_SIGNING_KEY"


def is_interactive() -> bool:
    """Whether a person sits at the terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(*, yes: bool) -> None:
    """Ask whether to do what was printed, unless `yes` says so.

    Raises `UserError` where nobody can be asked, `click.Abort` where the answer is no.
    """
    if yes:
        return
    if not is_interactive():
        raise UserError("nobody could be asked whether to do this", remedy="say it with --yes")
    click.confirm(say("cloud.ask"), abort=True, err=True)


def ask_values(steps: Sequence[PlanStep], project: str) -> ValueOf:
    """Ask for every value that the steps need; what gives them one by one.

    Where nobody sits at the terminal it raises `UserError` for each, with the command to type.
    """
    wanted = [call.secret for step in steps for call in step.calls if call.secret]
    values = {secret: _ask(secret) for secret in wanted} if is_interactive() else {}
    register_secrets(*values.values())
    return lambda secret: _value(secret, values, project)


def _value(secret: str, values: Mapping[str, str], project: str) -> str:
    if secret in values:
        return values[secret]
    raise UserError(
        f"nobody could be asked for the value of {secret}",
        remedy=(
            f"type it into `gcloud secrets versions add {secret} --data-file=- --project={project}`"
            " and end it with Ctrl-D twice, or run setup in a terminal"
        ),
    )


def _ask(secret: str) -> str:
    can_be_made = secret == SIGNING_KEY
    text = say("cloud.value.ask_or_make" if can_be_made else "cloud.value.ask", secret=secret)
    while True:
        value = str(click.prompt(text, hide_input=True, default="", show_default=False, err=True))
        if value.strip():
            return value.strip()
        if can_be_made:
            private, public = make_keys()
            click.echo(say("cloud.value.made", public=public), err=True)
            return private
