"""Which runs a study has."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.study.grid import Period, grid_points, parse_variation, periods, runs, sample
from models.study.grid.points import nest_point
from shared.core.errors import BadSettings, UserError
from shared.core.settings import load_settings
from shared.core.types import PairRules

QUARTER = 900_000
VARY = {"risk.stop_atr": (2, 3, 4), "consensus.agreement": (0.3, 0.4), "sides": ("long", "both")}


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("risk.stop_atr=2,3,4", "risk.stop_atr", (2, 3, 4)),
        ("risk.stop_atr=2.5", "risk.stop_atr", (2.5,)),
        ("consensus.agreement=0.3:0.6:0.1", "consensus.agreement", (0.3, 0.4, 0.5, 0.6)),
        ("risk.stop_atr=1:2:0.4", "risk.stop_atr", (1.0, 1.4, 1.8)),
        ("risk.max_losses=9:1:-4", "risk.max_losses", (9, 5, 1)),
        ("risk.stop_atr=1,2:4:1,9", "risk.stop_atr", (1, 2, 3, 4, 9)),
        ("risk.exit_on_opposite=true,false", "risk.exit_on_opposite", (True, False)),
        ("sides=long, both", "sides", ("long", "both")),
        (
            "replay.maker_fee_rate=null,-0.0002,1e-3",
            "replay.maker_fee_rate",
            (None, -0.0002, 0.001),
        ),
        ("stages.stage-10=0.1,0.2", "stages.stage-10", (0.1, 0.2)),
    ],
)
def test_a_setting_and_its_values_are_read(text, name, values):
    told = parse_variation(text)
    assert told == (name, values)
    assert list(map(type, told[1])) == list(map(type, values))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "risk.stop_atr",
        "risk.stop_atr=",
        "=2",
        "risk..stop_atr=2",
        "RISK=2",
        "risk.stop_atr=1:2",
        "risk.stop_atr=1:2:3:4",
        "risk.stop_atr=1:2:0",
        "risk.stop_atr=1:2:-1",
        "risk.stop_atr=a:b:c",
        "risk.stop_atr=0:1:0.000001",
        "risk.stop_atr=0:inf:1",
        "risk.stop_atr=nan:1:1",
        "risk.stop_atr=2,3,2",
        "risk.stop_atr=2,2.0",
        "home=/a,/b",
        "learning.days=90,180",
        "study.jobs=1,2",
    ],
)
def test_what_cannot_be_varied_is_refused_with_a_remedy(text):
    with pytest.raises(UserError, match="--vary was") as caught:
        parse_variation(text)
    assert caught.value.remedy


def test_true_and_1_are_two_values():
    assert parse_variation("risk.exit_on_opposite=true,1")[1] == (True, 1)


def test_a_grid_is_every_combination_and_the_last_setting_changes_quickest():
    told = [tuple(point.values()) for point in grid_points(VARY)]
    assert told == list(itertools.product(*VARY.values()))
    assert all(list(point) == list(VARY) for point in grid_points(VARY))
    assert grid_points({}) == [{}]


@given(st.integers(1, 12), st.integers(0, 99))
def test_a_sample_is_a_part_of_the_grid_in_its_order_and_the_same_for_the_same_seed(count, seed):
    whole = grid_points(VARY)
    chosen = sample(VARY, count, seed=seed)
    places = [whole.index(point) for point in chosen]
    assert len(chosen) == count
    assert places == sorted(set(places))
    assert sample(VARY, count, seed=seed) == chosen


def test_a_sample_as_large_as_the_grid_is_the_grid_and_other_seeds_choose_others():
    assert sample(VARY, 12, seed=1) == sample(VARY, 500, seed=2) == grid_points(VARY)
    assert len({str(sample(VARY, 3, seed=seed)) for seed in range(10)}) > 5
    with pytest.raises(UserError, match="a sample of 0 runs"):
        sample(VARY, 0, seed=1)


def test_a_sample_of_a_vast_grid_does_not_make_the_grid():
    vast = {f"risk.x{number}": tuple(range(100)) for number in range(8)}
    chosen = sample(vast, 50, seed=1)
    assert len({tuple(point.values()) for point in chosen}) == 50


@given(st.integers(1, 40), st.integers(0, 3000), st.integers(0, QUARTER - 1))
def test_periods_follow_each_other_and_are_cut_at_whole_candles(count, more, rest):
    start, end = 7 * QUARTER, (7 + count + more) * QUARTER + rest
    spans = periods(start, end, count)
    assert len(spans) == count
    assert (spans[0].start_at, spans[-1].end_at) == (start, end)
    assert all(one.end_at == two.start_at for one, two in itertools.pairwise(spans))
    lengths = [(span.end_at - span.start_at) // QUARTER for span in spans]
    assert max(lengths) - min(lengths) <= 1
    assert all(span.start_at % QUARTER == 0 for span in spans)


@pytest.mark.parametrize(
    ("start", "end", "count"), [(0, QUARTER, 2), (QUARTER, 0, 1), (0, 0, 1), (0, QUARTER, 0)]
)
def test_a_period_that_is_too_short_is_refused(start, end, count):
    with pytest.raises(UserError, match="cannot be cut"):
        periods(start, end, count)


def test_runs_are_numbered_points_with_all_their_periods_together():
    spans = [Period(start_at=0, end_at=1), Period(start_at=1, end_at=2)]
    told = runs(grid_points({"risk.stop_atr": (2, 3)}), spans)
    assert [(run.number, run.changed, run.settings.risk.stop_atr, run.period) for run in told] == [
        (0, {"risk.stop_atr": 2}, 2.0, spans[0]),
        (1, {"risk.stop_atr": 2}, 2.0, spans[1]),
        (2, {"risk.stop_atr": 3}, 3.0, spans[0]),
        (3, {"risk.stop_atr": 3}, 3.0, spans[1]),
    ]
    assert told[0].rules == PairRules()


def test_the_points_lie_over_environment_and_profile_and_the_rules_follow_the_settings():
    seen = []

    def rules(settings):
        seen.append(settings.replay.maker_fee_rate)
        return PairRules(min_lots=int(settings.risk.stop_atr))

    def load_small(**asked):
        return load_settings({"BOT_RISK__TARGET_ATR": "9", "BOT_RISK__STOP_ATR": "9"}, **asked)

    told = runs(
        [{"risk.stop_atr": 2}],
        [Period(start_at=0, end_at=1)],
        load=load_small,
        profile="seeds",
        rules=rules,
    )[0]
    assert (told.settings.risk.stop_atr, told.settings.risk.target_atr, told.settings.profile) == (
        2.0,
        9.0,
        "seeds",
    )
    assert seen == [0.0012]
    assert told.rules.min_lots == 2


@pytest.mark.parametrize(
    ("point", "named"),
    [
        ({"risk.stop_at": 2}, "did you mean stop_atr"),
        ({"rsk.stop_atr": 2}, "did you mean risk"),
        ({"risk.stop_atr": -1}, "explains risk.stop_atr"),
        ({"risk.stop_atr": "wide"}, "explains risk.stop_atr"),
        ({"sides": "up"}, "explains sides"),
        ({"account": "spot", "sides": "both"}, "BOT_ACCOUNT"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused_before_anything_runs(point, named):
    with pytest.raises(BadSettings) as caught:
        runs([{}, point], [Period(start_at=0, end_at=1)])
    assert named in caught.value.remedy


def test_the_same_point_twice_is_refused():
    with pytest.raises(UserError, match="twice"):
        runs(
            [{"risk.stop_atr": 2, "sides": "both"}, {"sides": "both", "risk.stop_atr": 2}],
            [Period(start_at=0, end_at=1)],
        )


def test_dotted_names_become_levels():
    assert nest_point({"a.b": 1, "a.c.d": 2, "e": 3}) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
