"""From a job to its inputs: the history, the period, the fees, and what is refused by name."""

from dataclasses import replace
from decimal import Decimal
from functools import partial

import numpy as np
import pytest

from models.backtest.job import BadJob, parse_job
from models.backtest.prepare import candles_of, job_settings, prepare
from models.backtest.sources import FileSource
from shared.core.costs import assumed_rules
from shared.core.settings import load_settings
from shared.core.types import Candles, Timeframe
from shared.market.archive import CandleArchive
from shared.market.joined import KEEP, JoinedArchive
from shared.stores.memory import MemoryBucket
from shared.turn import pipeline
from tests.support.backtest_world import archive
from tests.support.made_replays import DAY, START, made_candles

DAYS = 40
settings = partial(load_settings, {})


def instant(days: float) -> str:
    return f"{np.datetime64(START + int(days * DAY), 'ms')}Z"


def job(first: float, last: float, **more):
    return parse_job({"start": instant(first), "end": instant(last), "model": "none", **more})


@pytest.fixture(scope="module")
def quarters() -> Candles:
    return made_candles(days=DAYS)


@pytest.fixture
def source(quarters) -> FileSource:
    return FileSource(name="the file", candles=quarters)


def without(candles: Candles, first: int, last: int) -> Candles:
    keep = np.ones(len(candles), dtype=bool)
    keep[first:last] = False
    names = ("opened_at", "open", "high", "low", "close", "volume")
    return replace(candles, **{name: getattr(candles, name)[keep] for name in names})


def test_a_walk_forward_has_a_whole_window_before_the_first_row_that_it_may_learn_from(
    source,
) -> None:
    asked = parse_job(
        {"start": instant(30), "end": instant(35), "walk_forward": True, "every_days": 3}
    )
    learning = settings(overrides={"learning": {"days": 10}, "retrain": {"every_days": 3}})
    known = candles_of(asked, source, learning)[0][Timeframe.M15]
    learned_from = (
        asked.start_at - (10 + 3) * DAY - learning.learning.horizon_candles * Timeframe.M15.ms
    )
    assert len(known.closed_by(learned_from)) == 1_000
    following = settings(overrides={"learning": {"days": 10}, "risk": {"policy": "target"}})
    assert (
        len(candles_of(asked, source, following)[0][Timeframe.M15].closed_by(asked.start_at))
        == 1_000
    ), "nothing is learned"


def test_a_whole_window_of_history_comes_before_the_start_also_across_holes(quarters) -> None:
    holed = FileSource(name="the file", candles=without(quarters, 2_000, 2_300))
    asked = job(30, 35)
    candles, minutes = candles_of(asked, holed, settings())
    known = candles[Timeframe.M15].closed_by(asked.start_at)
    assert len(known) == 1_000
    assert int(candles[Timeframe.M15].closed_at[-1]) == asked.end_at
    assert int(candles[Timeframe.H4].closed_at[-1]) == asked.end_at
    assert minutes is None


def test_the_result_of_a_short_history_says_so(source) -> None:
    made = prepare(
        job(30, 35),
        settings=settings(),
        source=source,
        bundle=None,
        notes=(),
        stages=pipeline.stages,
    )
    assert made.inputs.notes == (
        (
            "Short history before the start (180 of 4h candles of 1,000): the first decisions know"
            " less."
        ),
    )


def test_the_result_of_a_period_with_holes_says_so_and_a_few_missing_candles_are_ordinary(
    quarters,
) -> None:
    def notes(first: int, last: int) -> tuple[str, ...]:
        holed = FileSource(name="the file", candles=without(quarters, first, last))
        made = prepare(
            job(30, 35),
            settings=settings(),
            source=holed,
            bundle=None,
            notes=(),
            stages=pipeline.stages,
        )
        return tuple(note for note in made.inputs.notes if note.startswith("Holes"))

    assert notes(30 * 96 + 10, 30 * 96 + 14) == ()
    (said,) = notes(30 * 96 + 10, 32 * 96 + 10)
    assert said.startswith(
        "Holes: 192 of the 480 15m candles of the period are missing, the longest hole lasts 48"
        " hours: "
    )
    assert "lasts 24 hours" in notes(30 * 96, 31 * 96)[0], "also where it begins"


@pytest.mark.parametrize(
    ("first", "last", "field", "says"),
    [
        (30, 41, "end", "end at 2030-02-10 00:00 UTC"),
        (41, 42, "start", "holds no 15m candle from then"),
        (-2, 20, "start", "with no history before"),
    ],
)
def test_a_period_that_the_candles_do_not_cover_is_refused_by_name(
    source, first, last, field, says
) -> None:
    with pytest.raises(BadJob) as caught:
        candles_of(job(first, last), source, settings())
    assert caught.value.field == field
    assert says in str(caught.value)


def test_missing_minutes_are_refused_and_a_silent_quarter_is_not(quarters, source) -> None:
    with pytest.raises(BadJob, match="lacks the 1m candles of 480 of 480") as caught:
        candles_of(job(30, 35, timeframe="1m"), source, settings())
    assert caught.value.field == "timeframe"
    opened = quarters.opened_at[30 * 96 : 35 * 96]
    once = replace(
        quarters.rows(30 * 96, 35 * 96), timeframe=Timeframe.M1, opened_at=opened
    )  # a minute a quarter

    class Both(FileSource):
        def read(self, timeframe, start_ms, end_ms):
            return (
                once.rows(2, None)
                if timeframe is Timeframe.M1
                else super().read(timeframe, start_ms, end_ms)
            )

    _, minutes = candles_of(
        job(30, 35, timeframe="1m"), Both(name="both", candles=quarters), settings()
    )
    assert len(minutes) == 478


def test_fees_come_from_the_job_then_the_settings_then_the_exchange() -> None:
    assert assumed_rules(settings()).taker_fee_rate == Decimal("0.001")
    seeds = job_settings(job(1, 2, profile="seeds"), settings)
    assert (assumed_rules(seeds).maker_fee_rate, assumed_rules(seeds).taker_fee_rate) == (
        Decimal("0.0012"),
        Decimal("0.0012"),
    )
    named = job_settings(
        job(1, 2, profile="seeds", maker_fee_rate=-0.0002, slippage_rate=0.001), settings
    )
    assert (assumed_rules(named).maker_fee_rate, assumed_rules(named).taker_fee_rate) == (
        Decimal("-0.0002"),
        Decimal("0.0012"),
    )
    assert named.paper.slippage_rate == 0.001


def test_a_setting_that_does_not_fit_is_named(source) -> None:
    for overrides, field in (
        ({"risk.max_drawdown": 5}, "overrides.risk.max_drawdown"),
        ({"risk.max_drawdwon": 0.5}, "overrides.risk.max_drawdwon"),
        ({"nothing": {"at_all": 1}}, "overrides"),
    ):
        with pytest.raises(BadJob) as caught:
            job_settings(job(1, 2, overrides=overrides), settings)
        assert caught.value.field == field
        assert caught.value.remedy


def test_the_fingerprint_changes_with_what_a_result_depends_on_and_with_nothing_else(
    source, quarters
) -> None:
    def of(asked, base=settings, given=source):
        made = prepare(
            asked,
            settings=job_settings(asked, base),
            source=given,
            bundle=None,
            notes=(),
            stages=pipeline.stages,
        )
        return made.fingerprint

    plain = of(job(30, 31))
    assert of(job(30, 31, id="named")) == plain
    assert (
        of(
            job(30, 31),
            partial(load_settings, {"BOT_HOME": "/elsewhere", "BOT_BACKTEST__STEP_SECONDS": "9"}),
        )
        == plain
    )
    other = [
        of(job(30, 32)),
        of(job(29, 31)),
        of(job(30, 31, capital_jpy=5)),
        of(job(30, 31, taker_fee_rate=0.002)),
        of(job(30, 31, overrides={"risk.max_losses": 4})),
        of(job(30, 31), given=FileSource(name="the file", candles=without(quarters, 2_890, 2_891))),
    ]
    assert len({plain, *other}) == 7


def test_the_joined_archive_gives_what_the_archive_gives_and_notices_a_file_that_was_written_again(
    quarters,
) -> None:
    bucket = MemoryBucket()
    archive(bucket, quarters.rows(0, 30 * 96))
    joined = JoinedArchive(bucket)
    start, end = START + DAY // 2, START + 20 * DAY
    for _ in range(2):  # made, then found
        assert_equal(
            joined.read(Timeframe.M15, start, end),
            CandleArchive(bucket).read(Timeframe.M15, start, end),
        )
    assert len(bucket.keys("candles/joined/")) == 1
    archive(bucket, without(quarters, 500, 510))
    again = joined.read(Timeframe.M15, start, end)
    assert len(again) == (end - start) // 900_000 - 10
    assert joined.extent(Timeframe.M15) == (START, START + DAYS * DAY)
    for days in range(2, 10):
        joined.read(Timeframe.M15, start, START + days * DAY)
    assert len(bucket.keys("candles/joined/")) == KEEP


def test_a_damaged_joined_object_is_made_again(quarters) -> None:
    bucket = MemoryBucket()
    archive(bucket, quarters)
    joined = JoinedArchive(bucket)
    whole = joined.read(Timeframe.M15, START, START + DAYS * DAY)
    (key,) = bucket.keys("candles/joined/")
    blob = bucket.get(key)
    for damaged in (blob.data[:1000], b"", blob.data[:-8] + b"\0" * 8):
        bucket.put(key, damaged)
        assert_equal(joined.read(Timeframe.M15, START, START + DAYS * DAY), whole)


def assert_equal(one: Candles, other: Candles) -> None:
    assert len(one) == len(other) > 0
    for name in ("opened_at", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
