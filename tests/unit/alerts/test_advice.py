"""Every alert says what the bot did, what a person should do, by when, and what to type."""

import re

import click
import pytest

from shared.alerts.advice import advice_fields
from shared.alerts.embeds import (
    MAX_CHARACTERS,
    MAX_EMBEDS,
    MAX_FIELDS,
    MAX_NAME,
    MAX_TITLE,
    MAX_VALUE,
    messages,
)
from shared.core.sentences import chapter
from shared.core.types import Level
from tests.support.every_alert import AT, every_alert
from tests.support.named_commands import check_command

ALERTS = list(every_alert())
PARTS = {"did": "what was done", "do": "what to do", "type": "type"}
COMMAND = re.compile(r"(?:; )(?:then )?")


def units(text):
    return len(text.encode("utf-16-le")) // 2


def test_every_kind_that_can_be_composed_says_what_was_done_what_to_do_and_what_to_type():
    assert len(ALERTS) > 400
    for alert in ALERTS:
        assert list(alert.fields)[:2] == ["what was done", "what to do"], alert.kind
        assert all(alert.fields[name] for name in PARTS.values())
        assert alert.title.endswith("."), alert.title


def test_by_when_is_five_minutes_for_critical_half_an_hour_for_warnings_and_nothing_for_info():
    seen = set()
    for alert in ALERTS:
        seen.add(alert.level)
        told = alert.fields.get("by when", "")
        assert (
            told.partition(":")[0]
            == {
                Level.CRITICAL: "within 5 minutes",
                Level.WARNING: "within 30 minutes",
                Level.INFO: "",
            }[alert.level]
        )
    assert seen == set(Level)
    assert advice_fields("late", Level.WARNING, at=AT)["by when"].endswith(
        ": by 2030-01-01 09:30 JST"
    )
    assert advice_fields("late", Level.CRITICAL, at=AT)["by when"].endswith("09:05 JST")


def test_no_advice_is_unused():
    used = {text for alert in ALERTS for text in alert.fields.values()}
    advice = {key: text for key, text in chapter("advice").items() if ".by." not in key}
    assert len(advice) > 100
    assert {key for key, text in advice.items() if text not in used} == set()


def test_every_case_of_the_table_belongs_to_a_kind():
    kinds = {alert.kind for alert in ALERTS}
    for key in chapter("advice"):
        _, part, case = key.split(".")
        assert part == "by" or any(case == kind or case.startswith(f"{kind}_") for kind in kinds)
    for kind in kinds:
        for part in PARTS:
            assert f"advice.{part}.{kind}" in chapter("advice")


def test_a_kind_without_advice_is_refused():
    with pytest.raises(LookupError, match=r"advice\.did\.nonsense"):
        advice_fields("nonsense", Level.INFO, at=AT, variant="more")


def commands():
    told = [text for key, text in chapter("advice").items() if ".type." in key]
    return {command for text in told for command in COMMAND.split(text)}


def test_every_command_that_is_named_exists_with_these_options():
    assert len(commands()) > 8
    for command in commands():
        check_command(command)


@pytest.mark.parametrize(
    "wrong", ["scripts/bot nonsense", "scripts/bot halt --sure", "scripts/bot paper", "bot halt"]
)
def test_a_command_that_there_is_not_is_found(wrong):
    with pytest.raises((AssertionError, click.UsageError)):
        check_command(wrong)


def test_every_kind_with_the_longest_facts_keeps_discords_limits():
    shown = 0
    for level in Level:
        mine = [alert for alert in ALERTS if alert.level is level]
        for group, body in messages(mine, mask=lambda text: text):
            assert len(body["embeds"]) == len(group) <= MAX_EMBEDS
            total = 0
            for alert, embed in zip(group, body["embeds"], strict=True):
                assert 0 < units(embed["title"]) <= MAX_TITLE
                assert len(embed["fields"]) <= MAX_FIELDS
                for item in embed["fields"]:
                    assert 0 < units(item["name"]) <= MAX_NAME
                    assert 0 < units(item["value"]) <= MAX_VALUE
                names = [item["name"] for item in embed["fields"]]
                advised = [name for name in ("by when", "type") if name in alert.fields]
                assert set(names) >= {"what was done", "what to do", *advised}, alert.kind
                total += units(embed["title"]) + units(embed["footer"]["text"])
                total += sum(units(item["name"]) + units(item["value"]) for item in embed["fields"])
                shown += 1
            assert total <= MAX_CHARACTERS
    assert shown == len(ALERTS)
