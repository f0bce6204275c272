"""Settings, read once: `shared/bot.yaml`, then a profile, then the environment (`BOT_`, `__` for
levels).
"""

import difflib
import operator
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import reduce
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from shared.core.errors import BadSettings
from shared.core.masking import is_webhook, quote_value
from shared.core.settings import strategies
from shared.core.settings.checks import check_settings
from shared.core.settings.kinds import Text
from shared.core.settings.origin import defaults
from shared.core.settings.schema import Settings
from shared.core.settings.values import BadValue, convert_value, hints_of

PREFIX = "BOT_"

NOT_SETTINGS = frozenset(
    {
        "BOT_REQUIRE",
        "BOT_MATRIX_SECONDS",
        "BOT_BUNDLE_SIGNING_KEY",
        "BOT_PROFILE",
        "BOT_VENV",
        "BOT_SECOND_CHANNEL",
        "BOT_MAIL_PASSWORD",
    }
)


def load_settings(
    environ: Mapping[str, str],
    *,
    profile: Text | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read defaults, then the profile, then `environ`, then `overrides` (nested mappings).

    Raises `BadSettings`.

    >>> load_settings({"BOT_RISK__MAX_DRAWDOWN": "0.1"}).risk.max_drawdown
    0.1
    >>> load_settings({}, profile="trend").risk.policy.value
    'target'
    """
    told = defaults()
    told["strategies"] = strategies.with_defaults(told["strategies"])
    profiles = told.pop("profiles", {})
    name = profile or environ.get("BOT_PROFILE") or None
    if name is not None:
        if name not in profiles:
            raise BadSettings(
                f"BOT_PROFILE was {quote_value(name)}, which bot.yaml does not know",
                remedy=f"choose one of: {', '.join(sorted(profiles))}",
            )
        _overlay(told, profiles[name], f"profile {name}")
        told["profile"] = name
    for key in sorted(environ):
        if key.startswith(PREFIX) and key not in NOT_SETTINGS:
            _set(told, key, environ[key])
    if overrides:
        _overlay(told, overrides, "overrides")
    settings = _convert(told)
    check_settings(settings)
    return settings


def leaves(kind: type = Settings, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting that holds a value: its dotted name, and its type with its bounds.

    >>> [name for name, _ in leaves()][:4]
    ['mode', 'stage', 'id', 'pair']
    """
    for name, hint in hints_of(kind).items():
        if is_dataclass(hint) and isinstance(hint, type):
            yield from leaves(hint, f"{path}{name}.")
        elif get_origin(hint) is dict:
            group: Any = reduce(operator.getitem, [*path.split(".")[:-1], name], defaults())
            yield from ((f"{path}{name}.{key}", get_args(hint)[1]) for key in group)
        elif name != "profile":
            yield f"{path}{name}", hint


def _suggest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word[:_LONGEST_NAME], known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"


def _overlay(base: dict[str, Any], extra: Mapping[str, Any], where: str) -> None:
    for key, value in extra.items():
        if key not in base and key != "profile":
            found = f"{where} has an unknown setting {quote_value(key)}"
            raise BadSettings(found, remedy=_suggest(str(key), [str(one) for one in base]))
        if isinstance(base.get(key), dict) and isinstance(value, Mapping):
            _overlay(base[key], value, f"{where}.{key}")
        else:
            base[key] = value


def _set(told: dict[str, Any], variable: str, text: str) -> None:
    *path, last = variable.removeprefix(PREFIX).lower().split("__")
    level: Any = told
    for depth, part in enumerate(path):
        if not isinstance(level.get(part), dict):
            known = [PREFIX + "__".join([*path[:depth], name]).upper() for name in level]
            raise BadSettings(
                f"the environment has an unknown setting {variable}",
                remedy=_suggest(variable, known),
            )
        level = level[part]
    names = {str(name).replace("-", "_"): name for name in level}
    if last not in names or isinstance(level[names[last]], dict):
        known = [PREFIX + "__".join([*path, name]).upper() for name in names]
        raise BadSettings(
            f"the environment has an unknown setting {variable}", remedy=_suggest(variable, known)
        )
    level[names[last]] = text


def _convert_setting(value: Any, kind: Any, path: str) -> Any:
    """Give every value the type and the bounds of its setting, and name the setting where that
    fails.
    """
    if is_dataclass(kind) and isinstance(kind, type):
        hints = hints_of(kind)
        for key in _group(value, path):
            if key not in hints:
                raise BadSettings(
                    f"unknown setting {path}{str(key)[:_LONGEST_NAME]}",
                    remedy=_suggest(str(key), list(hints)),
                )
        for key in hints:
            if key not in value and key != "profile":
                raise BadSettings(
                    f"the setting {path}{key} is missing", remedy="give it in bot.yaml"
                )
        return {
            key: _convert_setting(item, hints[key], f"{path}{key}.") for key, item in value.items()
        }
    if get_origin(kind) is dict:
        return {
            key: _convert_setting(item, get_args(kind)[1], f"{path}{key}.")
            for key, item in _group(value, path).items()
        }
    name = path.removesuffix(".")
    if isinstance(value, str) and is_webhook(value):
        found = f"the setting {name} was the address of a webhook, which is a secret"
        raise BadSettings(found, remedy="put it into DISCORD_WEBHOOK_URL and take it out here")
    try:
        return convert_value(value, kind)
    except BadValue as error:
        raise BadSettings(
            f"the setting {name} was {quote_value(value)}: {error}",
            remedy=(
                f"{_explained_in(name)} explains {name}; the environment calls it"
                f" {PREFIX}{name.upper().replace('.', '__')}"
            ),
        ) from error


def _explained_in(name: str) -> str:
    """The file in which a person reads what a setting means."""
    group, _, rest = name.partition(".")
    return f"shared/strategies/{rest.partition('.')[0]}.py" if group == "strategies" else "bot.yaml"


def _group(value: Any, path: str) -> Mapping[Any, Any]:
    if isinstance(value, Mapping):
        return value
    found = (
        f"the setting {path.removesuffix('.')} was {quote_value(value)}: it is a group of settings"
    )
    raise BadSettings(found, remedy="name one of its settings")


_LONGEST_NAME = 100


def _convert(told: dict[str, Any]) -> Settings:
    told = _convert_setting(told, Settings, "")
    home = _data_folder(told["home"])
    told["home"] = str(home)
    told["state"] = told["state"] or f"sqlite:///{home / 'state.sqlite'}"
    told["bucket"] = told["bucket"] or f"file:///{home / 'bucket'}"
    return settings_of(told)


def settings_of(told: Mapping[str, Any]) -> Settings:
    """The settings that nested mappings say, each of its type. Raises `msgspec.ValidationError`.

    >>> settings_of(msgspec.to_builtins(load_settings({}))) == load_settings({})
    True
    """
    read = {**told, "strategies": msgspec.convert(told["strategies"], strategies.kind())}
    settings: Settings = msgspec.convert(read, Settings)
    return settings


def _data_folder(text: str) -> Path:
    try:
        home = Path(text).expanduser().absolute() if text else None
    except RuntimeError:  # ~somebody, whom this machine does not know
        home = None
    if home is None:
        found = f"the setting home was {quote_value(text)}: it names no folder"
        raise BadSettings(found, remedy="set BOT_HOME to a folder, like ~/.crypto-bot")
    return home
