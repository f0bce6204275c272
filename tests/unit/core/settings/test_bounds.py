"""Every setting is bounded, and one value gets one verdict, whichever way it was said."""

import json
import math
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

from functions.http import body_fields
from models.backtest.job import BadJob, Job, parse_job
from models.backtest.prepare import job_settings
from scripts.cli import parse_env
from scripts.commands.backtest import parse_change
from shared.core.errors import BadRequest, BadSettings, UserError
from shared.core.settings import Settings, load_settings
from shared.core.settings.values import hints_of

DEFAULTS = load_settings({"BOT_HOME": "/nowhere"})
OTHER_SIDE_OF_TIME = ("learning.", "gate.")
LEAST_SETTINGS, LEAST_NUMBERS = 200, 150


def every_setting(
    kind: Any = Settings, at: Any = DEFAULTS, path: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Name, type and default of each."""
    for field in fields(kind):
        hint, value = hints_of(kind)[field.name], getattr(at, field.name)
        if is_dataclass(hint):
            yield from every_setting(hint, value, f"{path}{field.name}.")
        elif get_origin(hint) is dict:
            for name, one in value.items():
                yield f"{path}{field.name}.{name}", get_args(hint)[1], one
        elif field.name != "profile":
            yield f"{path}{field.name}", hint, value


def plain(kind: Any) -> tuple[Any, msgspec.Meta]:
    """The type and the bounds of a setting; of an optional one, those of the value that it may
    have.
    """
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    metas = [one for one in getattr(kind, "__metadata__", ()) if isinstance(one, msgspec.Meta)]
    return (kind.__origin__, metas[0]) if metas else (kind, msgspec.Meta())


def one_of(base: Any) -> tuple[str, ...]:
    """The words of a setting that is one of a few."""
    if get_origin(base) is Literal:
        return get_args(base)
    return tuple(map(str, base)) if issubclass(base, StrEnum) else ()


EVERY = list(every_setting())
NUMBERS = [(name, kind, value) for name, kind, value in EVERY if plain(kind)[0] in (int, float)]

HOSTILE_NUMBERS = (
    *(
        math.nan,
        math.inf,
        -math.inf,
        1e308,
        -1e308,
        1.7976931348623157e308,
        5e-324,
        -5e-324,
        -0.0,
        0,
        1,
        -1,
        0.5,
        2.0,
        1e-9,
    ),
    *(10**30, -(10**30), 2**63, 2**64, 10**400, True, False, None, [], {}, [1], {"a": 1}),
    *(
        "",
        " ",
        "much",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "Infinity",
        "1e999",
        "1e308",
        "1_000",
        " 5 ",
        "５",
        "١",
        "0x10",
        "0b1",
        "1,5",
    ),
    *(
        "1e3",
        "+5",
        ".5",
        "5.",
        "--5",
        "5 5",
        "1/2",
        "1d",
        "5\u00a0",
        "９９",
        "true",
        "null",
        "None",
        "9" * 5_000,
        "-0",
        "00",
        "1e-400",
    ),
)
HOSTILE_TEXTS = (
    *(
        "",
        " ",
        "x" * 100_000,
        "\x00",
        "a\nb",
        "\ud800",
        "é",
        "日本",
        "\u2028",
        "..",
        "a/b",
        "{}",
        "[]",
        "null",
        "true",
        "http://[",
    ),
    *(None, True, 1, 1.5, [], {}, [1], {"a": 1}, math.nan, 10**400),
)
HOSTILE_LISTS = (
    *(
        [],
        [0.5],
        [math.nan],
        [math.inf],
        ["0.5"],
        ["x"],
        [2],
        [True],
        [None],
        [[0.5]],
        [0.5] * 20,
        [0.5] * 21,
        [0.5] * 10_000,
    ),
    *("", "[]", "[0.5]", "0.5", "0.5,0.6", "[nan]", "0.5," * 10_000, None, True, 0.5, {}),
)


def values_for(kind: Any) -> tuple[Any, ...]:
    """What is tried on a setting of this type, its own bounds and what lies beyond them
    included.
    """
    base, bounds = plain(kind)
    if base in (int, float):
        edges = [edge for edge in (bounds.ge, bounds.le, bounds.gt, bounds.lt) if edge is not None]
        beyond = [math.nextafter(edge, way) for edge in edges for way in (-math.inf, math.inf)]
        return (*HOSTILE_NUMBERS, *edges, *beyond)
    if base is bool:
        return (
            "true",
            "false",
            "TRUE",
            "yes",
            "on",
            "1",
            "0",
            "2",
            "",
            None,
            True,
            False,
            0,
            1,
            2,
            0.0,
            math.nan,
            [],
            {},
        )
    if words := one_of(base):
        return (
            *words,
            *(word.upper() for word in words),
            "",
            "x",
            None,
            True,
            1,
            [],
            {},
        )
    return HOSTILE_LISTS if get_origin(base) is tuple else HOSTILE_TEXTS


def written(value: Any) -> str:
    """The value as a person writes it into a variable."""
    if isinstance(value, str):
        return value
    return (
        "1" + "0" * 400 if value == 10**400 and not isinstance(value, bool) else json.dumps(value)
    )


def read_at(settings: Settings, name: str) -> Any:
    told: Any = settings
    for part in name.split("."):
        told = told[part] if isinstance(told, Mapping) else getattr(told, part)
    return told


def nested(name: str, value: Any) -> dict[str, Any]:
    *path, last = name.split(".")
    told: dict[str, Any] = {last: value}
    for part in reversed(path):
        told = {part: told}
    return told


def by_environment(name: str, value: Any) -> Settings:
    variable = f"BOT_{name.upper().replace('.', '__').replace('-', '_')}"
    return load_settings({"BOT_HOME": "/nowhere", variable: written(value)})


def by_env_file(name: str, value: Any) -> Settings:
    variable = f"BOT_{name.upper().replace('.', '__').replace('-', '_')}"
    return load_settings(
        {"BOT_HOME": "/nowhere", **parse_env(f"{variable}={written(value)}", ".env")}
    )


def by_option(name: str, value: Any) -> Settings:
    told, found = parse_change(f"{name}={written(value)}")
    return load_settings({"BOT_HOME": "/nowhere"}, overrides=nested(told, found))


def by_overrides(name: str, value: Any) -> Settings:
    return load_settings({"BOT_HOME": "/nowhere"}, overrides=nested(name, value))


def job_of(name: str, value: Any) -> Job:
    """The whole way of a job's body; NaN and infinities are no JSON, and no text holds half a
    character.
    """
    walk = name.startswith(OTHER_SIDE_OF_TIME)
    told = {
        "start": "2026-01-01",
        "end": "2026-02-01",
        "overrides": {name: "@"},
        "walk_forward": walk,
    }
    text = json.dumps(told).replace(
        '"@"', written(value) if value == 10**400 else json.dumps(value, ensure_ascii=False)
    )
    return parse_job(body_fields(text.encode("utf-8", "surrogatepass")))


def by_http(name: str, value: Any) -> Settings:
    return job_settings(
        job_of(name, value), lambda **more: load_settings({"BOT_HOME": "/nowhere"}, **more)
    )


WAYS = {
    "environment": by_environment,
    ".env": by_env_file,
    "--set": by_option,
    "overrides": by_overrides,
    "HTTP": by_http,
}


def over_http(name: str) -> bool:
    """Whether a job takes this setting among its overrides."""
    try:
        job_of(name, read_at(DEFAULTS, name))
    except BadJob as error:
        return "changes nothing" not in str(error) and "field of its own" not in str(error)
    return True


def verdict(name: str, value: Any, way: Any) -> tuple[bool, Any]:
    """Whether it was taken, and as what.

    A refusal names the setting and says what would be right.
    """
    try:
        settings = way(name, value)
    except (BadSettings, BadRequest) as caught:
        error: UserError = caught
    else:
        error = UserError("")
    if str(error):
        told = f"{getattr(error, 'field', '')} {error}"
        assert any(
            word in told
            for word in (name, name.rpartition(".")[2], "JSON", "body", "share for", "leverage")
        ), (
            name,
            told,
        )
        assert error.remedy
        assert len(told) < 600
        return False, None
    found = read_at(settings, name)
    for number in found if isinstance(found, tuple) else (found,):
        assert not isinstance(number, float) or math.isfinite(number), (name, value, number)
        assert not isinstance(number, float) or math.copysign(1.0, number) > 0 or number < 0, (
            f"{name} is a negative zero"
        )
    if way is by_environment:
        msgspec.json.encode(settings)
        assert settings.hash
    return True, found.strip() if isinstance(found, str) else found


def test_every_number_has_a_least_and_a_most_and_every_text_and_list_a_length() -> None:
    assert len(NUMBERS) >= LEAST_NUMBERS, len(NUMBERS)
    assert len(EVERY) >= LEAST_SETTINGS, len(EVERY)
    unbounded = []
    for name, kind, _ in EVERY:
        base, bounds = plain(kind)
        if base in (int, float):
            closed = (bounds.ge is not None or bounds.gt is not None) and (
                bounds.le is not None or bounds.lt is not None
            )
        elif get_origin(base) is tuple:
            closed = bounds.max_length is not None and plain(get_args(base)[0])[1].le is not None
        else:
            closed = (
                base is bool
                or bool(one_of(base))
                or bounds.max_length is not None
                or bounds.pattern is not None
            )
        if not closed:
            unbounded.append(name)
    assert not unbounded


def test_a_value_is_refused_by_name_or_taken_and_finite_with_one_verdict_on_every_way(
    full: bool,
) -> None:
    dice, tried, refused, taken, ways_tried = random.Random(7), 0, 0, 0, 0
    for name, kind, default in EVERY:
        values = list(values_for(kind))
        chosen = values if full else dice.sample(values, min(len(values), 3))
        ways = {told: way for told, way in WAYS.items() if told != "HTTP" or over_http(name)}
        for value in (*chosen, default):
            found = {
                told: verdict(name, value, way)
                for told, way in ways.items()
                if fits(value, told, kind)
            }
            assert len(set(map(repr, found.values()))) == 1, (name, value, found)
            tried, ways_tried = tried + 1, ways_tried + len(found)
            good = next(iter(found.values()))[0]
            taken, refused = taken + good, refused + (not good)
    print(
        f"{len(EVERY)} settings, {len(NUMBERS)} of them numbers; {tried} values, {ways_tried} times"
        " said"
    )
    print(f"{taken} values taken, {refused} refused")
    assert tried >= (20 if full else 4) * len(EVERY)
    assert ways_tried >= 3 * tried
    assert taken >= len(EVERY)
    assert refused >= len(EVERY)


def fits(value: Any, way: str, kind: Any) -> bool:
    """Whether the value can be said this way: a variable holds texts, and no structure but a list
    of numbers.
    """
    base = plain(kind)[0]
    if way not in {"environment", ".env", "--set"}:
        return True
    if base is str:  # what is no text would become one
        return (
            isinstance(value, str | int)
            and not isinstance(value, bool)
            and value != 10**400
            and not ("\n" in str(value) and way == ".env")
        )
    return not (isinstance(value, list) and any(isinstance(one, list | str) for one in value))


@pytest.mark.parametrize("text", ["inf", "nan", "1e308", "-inf"])
def test_a_cooldown_without_end_is_refused_by_name(text: str) -> None:
    with pytest.raises(
        BadSettings, match=r"risk\.cooldown_seconds was .*give a number from 0 to 31,536,000"
    ) as caught:
        load_settings({"BOT_RISK__COOLDOWN_SECONDS": text})
    assert "BOT_RISK__COOLDOWN_SECONDS" in caught.value.remedy


def test_a_value_in_the_place_of_a_group_is_refused_by_name() -> None:
    for told in (
        {"risk": 5},
        {"risk": {"max_drawdown": {"a": 1}}},
        {"stages": [1]},
        {"learning": {"weights": None}},
    ):
        with pytest.raises(BadSettings, match=r"risk|stages|weights"):
            load_settings({}, overrides=told)


@pytest.mark.parametrize(
    ("seconds", "is_good"), [("1.9", False), ("2", True), ("60", True), ("60.1", False)]
)
def test_a_request_window_is_one_that_bitbank_takes_and_that_a_request_can_leave_in(
    seconds: str, is_good: bool
) -> None:
    environ = {"BOT_EXCHANGE__REQUEST_WINDOW_SECONDS": seconds}
    if is_good:
        assert load_settings(environ).exchange.request_window_seconds == float(seconds)
    else:
        with pytest.raises(BadSettings, match="request_window_seconds"):
            load_settings(environ)


HERE, BITBANK = "http://127.0.0.1:8080", "https://api.bitbank.cc/v1"
IN_CLEAR = "http://api.bitbank.cc/v1"


@pytest.mark.parametrize(
    ("public", "private", "found", "remedy"),
    [
        (None, None, None, None),
        (HERE, HERE, None, None),
        (HERE, None, "only exchange.public_url lies", "point exchange.private_url"),
        (None, HERE, "only exchange.private_url lies", "point exchange.public_url"),
        (None, IN_CLEAR, "exchange.private_url was 'http://api.bitbank.cc/v1'", "https://"),
        ("http://public.bitbank.cc", None, "exchange.public_url was", "https://"),
        (HERE, IN_CLEAR, "only exchange.public_url lies", "point exchange.private_url"),
    ],
)
def test_live_orders_go_where_their_prices_come_from_and_never_in_clear(
    public: str | None, private: str | None, found: str | None, remedy: str | None
) -> None:
    told = {"BOT_EXCHANGE__PUBLIC_URL": public, "BOT_EXCHANGE__PRIVATE_URL": private}
    environ = {name: url for name, url in told.items() if url is not None}
    assert load_settings({**environ, "BOT_MODE": "paper"}).exchange.private_url == (
        private or BITBANK
    )
    live = {**environ, "BOT_MODE": "live"}
    if found is None:
        assert load_settings(live).mode == "live"
        return
    with pytest.raises(BadSettings, match=re.escape(found)) as caught:
        load_settings(live)
    assert remedy is not None
    assert remedy in caught.value.remedy
