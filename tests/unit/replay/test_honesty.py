"""A model is not asked about its own past: every instant around what it learned from, the override,
and what is said.
"""

from dataclasses import replace

import pytest

from shared.core import settings as configuration
from shared.core.calendar import utc_text
from shared.core.errors import UserError
from shared.core.types import Barriers
from shared.model.manifest import SCHEMA, Calibration, Golden, Interval, Manifest, Verdict
from shared.replay.honesty import learned_interval, refuse_training

CANDLE = 900_000
DAY = 86_400_000
T0 = 1_767_225_600_000  # 2026-01-01 00:00 UTC
HORIZON = 48
SETTINGS = configuration.load_settings({})


def part(from_at: int, to_at: int, *, label_end_at: int | None = None) -> Interval:
    return Interval(
        from_at=from_at,
        to_at=to_at,
        label_end_at=to_at if label_end_at is None else label_end_at,
        rows=1,
        effective_rows=1.0,
    )


def manifest(**parts: Interval) -> Manifest:
    """Trained on days 10 to 20, calibrated on 21 to 22, judged on 23 to 25."""
    days = {"training": (10, 20), "calibrating": (21, 22), "validation": (23, 25)}
    made = {name: part(T0 + first * DAY, T0 + last * DAY) for name, (first, last) in days.items()}
    return Manifest(
        schema=SCHEMA,
        version="20260126T0000Z-abc-12345678",
        purpose="retraining",
        files={},
        features=("rsi_14",),
        feature_code="",
        classes=("lower", "neither", "upper"),
        members=(),
        calibration=Calibration(slope=1.0, offsets=(0.0, 0.0, 0.0)),
        barriers=Barriers(atr_multiple=4.0, horizon_candles=HORIZON),
        as_of=T0 + 26 * DAY,
        data_hash="",
        trials={},
        metrics={},
        libraries={},
        settings_hash="",
        commit="",
        seed=7,
        parent=None,
        golden=Golden(rows=(), probabilities=()),
        verdict=Verdict(may_serve=True, may_enter=True),
        **{**made, **parts},
    )


FIRST_AT = T0 + 10 * DAY
LAST_AT = T0 + 25 * DAY
ALLOWED_AT = LAST_AT + 2 * HORIZON * CANDLE


def notes(
    start_at: int, end_at: int, *, told: Manifest | None = None, settings=SETTINGS, **more
) -> tuple[str, ...]:
    return refuse_training(
        start_at=start_at, end_at=end_at, manifest=told or manifest(), settings=settings, **more
    )


def is_refused(start_at: int, end_at: int, **more) -> bool:
    try:
        notes(start_at, end_at, **more)
    except UserError:
        return True
    return False


def embargo_of(candles: int):
    return configuration.load_settings({}, overrides={"replay": {"embargo_candles": candles}})


@pytest.mark.parametrize(
    ("start_at", "end_at", "refused"),
    [
        (ALLOWED_AT, ALLOWED_AT + DAY, False),
        (ALLOWED_AT - 1, ALLOWED_AT + DAY, True),  # the newest candle at the start is one too early
        (ALLOWED_AT - CANDLE, ALLOWED_AT, True),
        (LAST_AT + CANDLE, LAST_AT + 2 * CANDLE, True),  # inside the label horizon
        (LAST_AT + HORIZON * CANDLE, LAST_AT + (HORIZON + 1) * CANDLE, True),  # inside the embargo
        (FIRST_AT + DAY, FIRST_AT + 2 * DAY, True),
        (
            T0 + 22 * DAY + 12 * 3_600_000,
            T0 + 22 * DAY + 13 * 3_600_000,
            True,
        ),  # the gap between two parts
        (FIRST_AT - DAY, FIRST_AT, False),
        (FIRST_AT - DAY, FIRST_AT + 1, True),  # its last candle is the first that was learned from
        (FIRST_AT - DAY, ALLOWED_AT + DAY, True),  # all of it lies within the period
        (FIRST_AT, FIRST_AT, False),  # an empty period asks nothing
    ],
)
def test_every_candle_from_the_first_row_to_the_embargos_end_is_refused_and_no_other(
    start_at, end_at, refused
) -> None:
    assert is_refused(start_at, end_at) is refused


def test_each_part_alone_can_be_the_one_that_reaches_furthest() -> None:
    far = LAST_AT + 10 * DAY
    for name in ("training", "calibrating", "validation"):
        told = manifest(**{name: part(far - DAY, far)})
        assert learned_interval(told, SETTINGS).allowed_at == far + 2 * HORIZON * CANDLE
        early = manifest(**{name: part(FIRST_AT - 5 * DAY, FIRST_AT)})
        assert learned_interval(early, SETTINGS).from_at == FIRST_AT - 5 * DAY


def test_a_label_that_was_known_later_than_the_horizon_says_counts() -> None:
    late = LAST_AT + 100 * CANDLE + 1
    told = manifest(validation=part(LAST_AT - DAY, LAST_AT, label_end_at=late))
    assert learned_interval(told, SETTINGS).known_at == late
    assert (
        learned_interval(told, SETTINGS).allowed_at == LAST_AT + (101 + HORIZON) * CANDLE
    )  # on the grid of candles


def test_the_refusal_says_what_was_found_and_names_the_first_instant_that_is_allowed() -> None:
    with pytest.raises(UserError) as error:
        notes(FIRST_AT - DAY, LAST_AT)
    found, remedy = str(error.value), error.value.remedy
    assert "20260126T0000Z-abc-12345678 knows 1440 of the 1536 candles" in found
    assert "2026-01-11 00:00 UTC to 2026-01-26 00:00 UTC" in found
    assert "label horizon of 48 candles" in found
    assert "embargo of 48" in found
    assert "begin at 2026-01-27 00:00 UTC or later" in remedy
    assert "end by 2026-01-11 00:00 UTC" in remedy
    assert utc_text(ALLOWED_AT).startswith("2026-01-27T00:00")
    assert not is_refused(ALLOWED_AT, ALLOWED_AT + 1)
    assert not is_refused(FIRST_AT - DAY, FIRST_AT)


def test_a_period_that_begins_inside_is_not_told_to_end_before_it() -> None:
    with pytest.raises(UserError) as error:
        notes(FIRST_AT, LAST_AT)
    assert "end by" not in error.value.remedy


def test_the_override_replays_and_says_so_on_the_results_face() -> None:
    (note,) = notes(LAST_AT, LAST_AT + 2 * DAY, inside_training=True)
    assert note.startswith("INSIDE TRAINING: 96 of 192 candles")
    assert "says nothing about the future" in note


def test_a_clean_later_period_has_nothing_to_say_even_with_the_override() -> None:
    assert notes(ALLOWED_AT, ALLOWED_AT + 30 * DAY) == ()
    assert notes(ALLOWED_AT, ALLOWED_AT + 30 * DAY, inside_training=True) == ()


def test_an_earlier_period_is_allowed_but_said() -> None:
    (note,) = notes(FIRST_AT - 5 * DAY, FIRST_AT - DAY)
    assert "learned from later candles" in note


def test_a_period_before_and_inside_says_both() -> None:
    said = notes(FIRST_AT - DAY, LAST_AT, inside_training=True)
    assert [("INSIDE" in note, "later candles" in note) for note in said] == [
        (True, False),
        (False, True),
    ]


def test_without_a_model_there_is_nothing_to_refuse() -> None:
    assert (
        refuse_training(start_at=FIRST_AT, end_at=LAST_AT, manifest=None, settings=SETTINGS) == ()
    )


def test_the_embargo_is_a_setting_and_a_short_one_is_said() -> None:
    known_at = LAST_AT + HORIZON * CANDLE
    assert notes(known_at + 96 * CANDLE, known_at + DAY * 2, settings=embargo_of(96)) == ()
    assert is_refused(known_at + 95 * CANDLE, known_at + DAY * 2, settings=embargo_of(96))
    (note,) = notes(known_at, known_at + DAY, settings=embargo_of(0))
    assert "set to 0 candles, less than its label horizon of 48" in note
    assert is_refused(known_at - 1, known_at + DAY, settings=embargo_of(0))


def test_another_horizon_moves_the_border_twice() -> None:
    told = replace(manifest(), barriers=Barriers(atr_multiple=4.0, horizon_candles=10))
    assert learned_interval(told, SETTINGS).allowed_at == LAST_AT + 20 * CANDLE
