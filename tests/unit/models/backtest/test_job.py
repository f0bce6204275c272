"""What a backtest may be asked: every field is checked, and what is accepted says the same again
when it is told.
"""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.backtest.job import BadJob, Job, encode_job, parse_instant, parse_job
from shared.core.types import Timeframe

PERIOD = {"start": "2026-01-01", "end": "2026-02-01"}
JANUARY = 1_767_225_600_000
QUARTER = 900_000


def text(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()


def nested(depth: int) -> dict:
    inner: dict = {"a": 1}
    for _ in range(depth):
        inner = {"a": inner}
    return inner


def test_the_defaults_are_a_million_yen_on_15m_candles_with_the_champion() -> None:
    job = parse_job(PERIOD)
    assert job == Job(start_at=JANUARY, end_at=JANUARY + 31 * 86_400_000)
    assert (job.capital_jpy, job.timeframe, job.model, job.inside_training) == (
        1_000_000,
        Timeframe.M15,
        "champion",
        False,
    )
    assert job.nested_overrides == {"capital_jpy": 1_000_000}


@given(
    start=st.integers(0, 200_000),
    quarters=st.integers(1, 100_000),
    timeframe=st.sampled_from(["15m", "1m"]),
    capital=st.integers(1, 10**12),
    fee=st.none() | st.floats(-0.01, 0.05),
    slippage=st.none() | st.floats(0, 0.05),
    profile=st.none() | st.sampled_from(["loose", "seeds"]),
    overrides=st.dictionaries(
        st.sampled_from(["risk.max_drawdown", "consensus.agreement"]), st.floats(0, 1)
    ),
    model=st.sampled_from(["champion", "none", "20260101T0000Z-abc"]),
    inside=st.booleans(),
)
def test_a_job_that_is_told_and_read_again_is_the_same(
    start, quarters, timeframe, capital, fee, slippage, profile, overrides, model, inside
) -> None:
    job = parse_job(
        {
            "id": "a.b-c_1",
            "start": text(JANUARY + start * QUARTER),
            "end": text(JANUARY + (start + quarters) * QUARTER),
            "timeframe": timeframe,
            "capital_jpy": capital,
            "maker_fee_rate": fee,
            "taker_fee_rate": fee,
            "slippage_rate": slippage,
            "profile": profile,
            "overrides": overrides,
            "model": model,
            "inside_training": inside,
        }
    )
    assert parse_job(encode_job(job)) == job
    assert parse_job({**encode_job(job), "id": "other"}).hash == job.hash
    assert parse_job({**encode_job(job), "end": text(job.end_at + QUARTER)}).hash != job.hash


def test_nested_and_dotted_overrides_are_the_same_job() -> None:
    dotted = parse_job({**PERIOD, "overrides": {"risk.max_drawdown": 0.1, "risk.max_losses": 3}})
    nested = parse_job({**PERIOD, "overrides": {"risk": {"max_drawdown": 0.1, "max_losses": 3}}})
    assert dotted == nested
    assert dotted.hash == nested.hash
    fees = parse_job(
        {
            **PERIOD,
            "maker_fee_rate": 0.0012,
            "slippage_rate": 0.001,
            "overrides": {"paper.volume_share": 0.1},
        }
    )
    assert fees.nested_overrides == {
        "capital_jpy": 1_000_000,
        "replay": {"maker_fee_rate": 0.0012},
        "paper": {"slippage_rate": 0.001, "volume_share": 0.1},
    }


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"start": None}, "start"),
        ({"start": 5}, "start"),
        ({"start": "2026-13-01"}, "start"),
        ({"start": "2026-01-01T00:01:00Z"}, "start"),
        ({"start": "2016-01-01"}, "start"),
        ({"end": "9999-12-31T23:45:00-14:00"}, "end"),
        ({"end": "2026-01-01"}, "end"),
        ({"end": ""}, "end"),
        ({"timeframe": "4h"}, "timeframe"),
        ({"timeframe": ["15m"]}, "timeframe"),
        ({"capital_jpy": 0}, "capital_jpy"),
        ({"capital_jpy": 1e6}, "capital_jpy"),
        ({"capital_jpy": 10**13}, "capital_jpy"),
        ({"maker_fee_rate": math.nan}, "maker_fee_rate"),
        ({"maker_fee_rate": 0.5}, "maker_fee_rate"),
        ({"taker_fee_rate": "0.1"}, "taker_fee_rate"),
        ({"slippage_rate": math.inf}, "slippage_rate"),
        ({"profile": ""}, "profile"),
        ({"overrides": [1]}, "overrides"),
        ({"overrides": {"": 1}}, "overrides"),
        ({"overrides": {"x" * 101: 1}}, "overrides"),
        ({"overrides": {"risk.max_losses": 2**63}}, "overrides.risk.max_losses"),
        ({"overrides": nested(900)}, "overrides"),
        ({"overrides": {"replay": {"maker_fee_rate": 0.1}}}, "overrides.replay.maker_fee_rate"),
        ({"overrides": {"learning.days": 5}}, "overrides.learning.days"),
        ({"overrides": {"mode": "live"}}, "overrides.mode"),
        ({"overrides": {"risk": 1, "risk.max_losses": 2}}, "overrides.risk"),
        ({"model": None, "inside_training": "yes"}, "inside_training"),
        ({"model": "a/b"}, "model"),
        ({"id": ".hidden"}, "id"),
        ({"id": "x" * 65}, "id"),
        ({"time_limit_seconds": 0}, "time_limit_seconds"),
        ({"walk_forward": {"folds": 4}}, "walk_forward"),
        ({"walk_forward": 1}, "walk_forward"),
        ({"every_days": 7}, "every_days"),
        ({"walk_forward": False, "every_days": 7}, "every_days"),
        ({"walk_forward": True, "every_days": 0}, "every_days"),
        ({"walk_forward": True, "every_days": 367}, "every_days"),
        ({"walk_forward": True, "every_days": True}, "every_days"),
        ({"walk_forward": True, "model": "champion"}, "model"),
        ({"walk_forward": True, "model": "none"}, "model"),
        ({"walk_forward": True, "inside_training": True}, "inside_training"),
        (
            {"walk_forward": True, "overrides": {"retrain.every_days": 3}},
            "overrides.retrain.every_days",
        ),
        (
            {"walk_forward": True, "overrides": {"retrain.promote": False}},
            "overrides.retrain.promote",
        ),
        ({"walk_forward": True, "overrides": {"study.jobs": 3}}, "overrides.study.jobs"),
        ({"overrides": {"gate.shuffles": 3}}, "overrides.gate.shuffles"),
        ({"strat": "2026-01-01"}, "strat"),
    ],
)
def test_a_bad_field_is_named_and_what_would_be_right_is_said(changed, field) -> None:
    with pytest.raises(BadJob) as caught:
        parse_job({**PERIOD, **changed})
    assert caught.value.field == field
    assert str(caught.value) == f"{field} {caught.value.found}"
    assert caught.value.remedy


@given(
    every=st.none() | st.integers(1, 366),
    overrides=st.dictionaries(
        st.sampled_from(["learning.days", "gate.shuffles", "risk.max_losses"]), st.integers(0, 400)
    ),
)
def test_a_walk_forward_that_is_told_and_read_again_is_the_same(every, overrides) -> None:
    job = parse_job(
        {**PERIOD, "walk_forward": True, "every_days": every, "overrides": overrides, "model": None}
    )
    assert job.walk_forward
    assert parse_job(encode_job(job)) == job
    assert "model" not in encode_job(job)
    assert job.nested_overrides.get("retrain") == (None if every is None else {"every_days": every})
    plain = parse_job(PERIOD)
    assert job.hash != plain.hash
    assert "walk_forward" not in encode_job(plain)


def test_a_misspelt_field_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadJob) as caught:
        parse_job({**PERIOD, "timefrane": "1m"})
    assert caught.value.remedy == "did you mean timeframe?"


def test_instants_are_dates_in_utc_or_carry_their_offset() -> None:
    assert parse_instant("start", "2026-01-01") == JANUARY
    assert parse_instant("start", "2026-01-01T09:00:00+09:00") == JANUARY
    assert parse_instant("start", "2026-01-01T00:15:00") == JANUARY + QUARTER
    assert parse_instant("start", "2026-01-01T00:15:00Z") == JANUARY + QUARTER
