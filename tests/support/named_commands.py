"""Whether a command that a text names is one of `scripts/bot`, with options, arguments and values
that it takes.
"""

import shlex

import click

from scripts.cli import cli


def check_command(command: str) -> None:
    """Fail unless it exists as it is written.

    Raises `AssertionError` or `click.UsageError`.
    """
    program, *words = shlex.split(command)
    assert program == "scripts/bot", command
    found: click.Command = cli
    # A command keeps the names of its help from the first context that asks for them.
    context = click.Context(found, info_name=program, **found.context_settings)
    while True:
        options, left, _ = found.make_parser(context).parse_args(list(words))
        _check_values(found, context, options, command)
        if not isinstance(found, click.Group):
            assert not left, f"{command}: {left} is too much"
            return
        if not left:
            assert found.invoke_without_command, f"{command}: a command of it is missing"
            return
        name, *words = left
        below = found.get_command(context, name)
        assert below is not None, f"{command}: no such command"
        found = below
        context = click.Context(found, parent=context, info_name=name, **found.context_settings)


def _check_values(
    found: click.Command, context: click.Context, options: dict[str, object], command: str
) -> None:
    """What must be given is there, and what is given can be read; whether a file exists is asked of
    no example.
    """
    for item in found.params:
        value = options.get(str(item.name))
        if not isinstance(value, str | bool | list | tuple):  # not given: None, or click's own word
            assert not item.required, f"{command}: needs {item.name}"
        elif not isinstance(item.type, click.Path):
            item.type_cast_value(context, value)
