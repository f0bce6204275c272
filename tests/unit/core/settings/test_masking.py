"""No secret is read anywhere: by its name, by its shape, in whatever text it turns up."""

import io
import json

import click
import pytest
from click.testing import CliRunner
from flask import Request
from werkzeug.test import EnvironBuilder

from functions import wiring
from functions.shell import Shell
from models.backtest.job import parse_job
from scripts.cli import _say
from shared.core import logs
from shared.core.errors import BadRequest, BadSettings, BotError, UserError
from shared.core.masking import (
    MASK,
    mask_secrets,
    mask_secrets_and_keys,
    quote_value,
    register_secret_variables,
)
from shared.core.settings import load_settings

TOKEN = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdEfGhIjKlMnOpQrStUvWxYz"
WEBHOOKS = [
    f"https://discord.com/api/webhooks/123456789012345678/{TOKEN}",
    f"https://discordapp.com/api/webhooks/123456789012345678/{TOKEN}",
    f"https://canary.discord.com/api/v10/webhooks/123456789012345678/{TOKEN}?wait=true&thread_id=5",
    f"HTTPS://DISCORD.COM/api/webhooks/123456789012345678/{TOKEN}",
    f"discord.com/api/webhooks/1/{TOKEN}",
    f"https:\\/\\/discord.com\\/api\\/webhooks\\/123456789012345678\\/{TOKEN}",
    f"https%3A%2F%2Fdiscord.com%2Fapi%2Fwebhooks%2F123456789012345678%2F{TOKEN}",
    f"'https://ptb.discord.com/api/webhooks/123456789012345678/{TOKEN}'",
]
KEYS = [
    "0123456789abcdef" * 4,
    "0123456789ABCDEF" * 4,
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "Aq3kR9xZ1mB7tY5nW2cD8vE4uF6gH0jK",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY9",
    "MTA1.GxYz1a.abcDEF123456ghiJKL789mnoPQR",
]
ADDRESSES = [
    "https://user:hunter22pass@host/path",
    "https://hunter22pass@host/path",
    "postgres://bot:hunter22pass@db:5432/bot",
    "https://host/path?token=hunter22pass",
    "https://host/path?a=b&api_key=hunter22pass&c=d",
    "https://host/?X-Amz-Signature=hunter22pass",
]
WRONG_PLACES = [
    *(
        "BOT_ALERTS",
        "BOT_ID",
        "BOT_STATE",
        "BOT_BUCKET",
        "BOT_CLOCK",
        "BOT_EXCHANGE__PUBLIC_URL",
        "BOT_CAPITAL_JPY",
        "BOT_PROFILE",
    ),
    *(
        "BOT_MODE",
        "BOT_RISK__EXIT_ON_OPPOSITE",
        "BOT_STRATEGIES__FIBONACCI_RETRACEMENT__LEVELS",
        "BOT_STUDY__ADDRESS",
    ),
]


def secret_of(text: str) -> str:
    """The part that must never be read."""
    return TOKEN if TOKEN in text else "hunter22pass" if "hunter22pass" in text else text


@pytest.mark.parametrize("secret", [*WEBHOOKS, *KEYS, *ADDRESSES])
def test_a_secret_in_the_wrong_variable_is_in_no_error_no_answer_and_no_repr(secret: str) -> None:
    refused = 0
    for variable in WRONG_PLACES:
        try:
            settings = wiring.settings_from({"BOT_HOME": "/nowhere", variable: secret})
            wiring.documents_for(settings)
            wiring.bucket_for(settings)
        except UserError as error:
            refused += 1
            told = f"{error} {error.remedy}"
        else:
            told = repr(settings)
        assert secret_of(secret) not in told, variable
        assert secret[-20:] not in told, variable
    assert refused >= 8
    for field in ("id", "model", "profile", "start", "capital_jpy", "timeframe"):
        with pytest.raises(BadRequest) as caught:
            parse_job({"start": "2026-01-01", "end": "2026-02-01", field: secret + " "})
        assert secret_of(secret) not in str(caught.value)


def test_a_webhook_in_a_setting_is_refused_with_the_variable_where_it_belongs() -> None:
    for variable in (
        "BOT_ALERTS",
        "BOT_ID",
        "BOT_HOME",
        "BOT_STATE",
        "BOT_CAPITAL_JPY",
        "BOT_EXCHANGE__PUBLIC_URL",
    ):
        with pytest.raises(BadSettings, match="webhook") as caught:
            load_settings({"BOT_HOME": "/nowhere", variable: WEBHOOKS[0]})
        assert "DISCORD_WEBHOOK_URL" in caught.value.remedy


@pytest.mark.parametrize("secret", [*WEBHOOKS, *ADDRESSES])
def test_lines_answers_and_the_console_tell_no_secret(secret: str, capsys) -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    logs.log(
        "x",
        error=f"could not reach {secret}",
        inner={"list": [secret]},
        trace=f'File "a"\nValueError: {secret}',
    )
    logs.configure()

    def work(_request: Request):
        raise BotError(f"could not reach {secret}")

    request = Request(EnvironBuilder(method="GET").get_environ())
    answer = Shell("x", wire=dict, usage="").respond(request, {"GET": work})
    _say(BotError(f"could not reach {secret}"))
    _say(click.UsageError(f"No such option: {secret}"))
    _say(ValueError(secret))
    told = [stream.getvalue(), answer.get_data(as_text=True), capsys.readouterr().err]
    for text in told:
        assert secret_of(secret) not in text
        assert MASK in text
    json.loads(stream.getvalue().splitlines()[0])


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_not_repeated_by_an_error(key: str, capsys) -> None:
    assert key not in quote_value(key)
    assert key not in quote_value({"a": [key]}) or "/" in key
    if "/" not in key:
        _say(UserError(f"it was {key!r}"))
        assert key not in capsys.readouterr().err


def test_what_is_no_secret_stays_readable() -> None:
    plain = [
        *(
            "/home/somebody/.crypto-bot/state.sqlite",
            "sqlite:////home/somebody/bot/state.sqlite",
            "https://public.bitbank.cc/btc_jpy/depth",
        ),
        *(
            "BOT_STRATEGIES__FIBONACCI_RETRACEMENT__LEVELS",
            "risk.exposure.volatility_target",
            "20260301T120000Z-3f2a9c1b2d4e",
        ),
        *(
            "2026-11-29T10:55:00.123Z",
            "tests/unit/core/settings/test_masking.py::test_what_stays",
            "1,000,000",
        ),
        *(
            "walk-forward-of-the-slow-trend-2026-11-29",
            "http://127.0.0.1:54321/spot/status?pair=btc_jpy",
            "https://discord.com/developers",
        ),
    ]
    assert [
        text for text in plain if mask_secrets_and_keys(text) != text or mask_secrets(text) != text
    ] == []
    digest = "a3f5" * 16
    assert mask_secrets(f"sha256 {digest}") == f"sha256 {digest}", (
        "a hash of ours in a report stays"
    )


def test_the_value_of_a_variable_with_a_secret_name_is_masked_whatever_it_looks_like() -> None:
    named = {
        "SOME_API_KEY": "plain words one",
        "my_password": "plain words two",
        "X_TOKEN": "plain words three",
        "BITBANK_API_SECRET": "plain words four",
        "GOOGLE_APPLICATION_CREDENTIALS": "/a/path/to/a/file.json",
        "BOT_BUNDLE_PUBLIC_KEY": "plain words five",
        "SHORT_TOKEN": "true",
    }
    register_secret_variables(named)
    for name, value in named.items():
        hidden = name in {"SOME_API_KEY", "my_password", "X_TOKEN", "BITBANK_API_SECRET"}
        assert (mask_secrets(f"it says {value} here") == f"it says {MASK} here") is hidden, name


def test_the_command_line_masks_what_it_prints() -> None:
    from scripts.output.console import emit

    @click.command()
    def say() -> None:
        emit({"state": ADDRESSES[2]}, f"state {ADDRESSES[2]}", as_json=True)
        emit({}, f"state {ADDRESSES[2]}", as_json=False)

    said = CliRunner().invoke(say).output
    assert "hunter22pass" not in said
    assert said.count(MASK) == 2
