"""Declared studies: what is read, and what is refused by the name of its field."""

from pathlib import Path

import msgspec
import pytest

from models.study import BadStudy, parse_study
from models.study.declared import flatten_settings, nest_settings
from shared.core.settings import load_settings
from shared.core.types import Timeframe

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "docs" / "studies").glob("*.yaml"))
WHOLE = """
name: wide
question: Is wider better?
notes: [Read this.]
data:
  - name: old
    candles: a.csv
    candles_4h: b.csv
    start: 2018-05-01
    end: 2018-06-01T09:00:00+09:00
  - {candles: folder/new.csv.gz}
timeframe: 1m
profile: seeds
every_days: 14
seed: 3
overrides: {risk: {stop_atr: 3}, learning.days: 90}
variants:
  plain:
  wide: {says: further away, profile: loose, overrides: {risk.stop_atr: 6}}
"""
WITHOUT = WHOLE.partition("variants:")[0]


def test_everything_that_can_be_declared_is_read():
    study = parse_study(WHOLE)
    old, new = study.data
    assert (old.name, old.candles, old.candles_4h) == ("old", "a.csv", "b.csv")
    assert (old.start_at, old.end_at) == (1_525_132_800_000, 1_527_811_200_000)
    assert (new.name, new.candles, new.start_at) == ("new", "folder/new.csv.gz", None)
    assert (study.timeframe, study.every_days, study.seed, study.notes) == (
        Timeframe.M1,
        14,
        3,
        ("Read this.",),
    )
    plain, wide = study.variants
    assert study.variant_settings(plain) == (
        "seeds",
        {
            "retrain": {"every_days": 14},
            "learning": {"seed": 3, "days": 90},
            "risk": {"stop_atr": 3},
        },
    )
    assert study.variant_settings(wide)[0] == "loose"
    assert study.variant_settings(wide)[1]["risk"] == {"stop_atr": 6}
    assert wide.says == "further away"


def test_the_hash_changes_with_everything_that_is_declared():
    first = parse_study(WHOLE).hash
    changed = [
        WHOLE.replace(*pair)
        for pair in (("Is wider", "Is it"), ("stop_atr: 6", "stop_atr: 7"), ("seed: 3", "seed: 4"))
    ]
    assert len({first, *(parse_study(text).hash for text in changed)}) == 4
    assert parse_study(WHOLE).hash == first


def test_other_candles_another_period_and_further_settings_can_be_asked_for():
    study = parse_study(WHOLE)
    other = (
        study.on("made.csv")
        .within(start_at=900_000, end_at=None)
        .under({"risk": {"target_atr": 5}, "sides": "both"})
    )
    assert [(one.name, one.candles, one.start_at, one.end_at) for one in other.data] == [
        ("made", "made.csv", 900_000, None)
    ]
    assert other.overrides == {
        "risk.stop_atr": 3,
        "learning.days": 90,
        "risk.target_atr": 5,
        "sides": "both",
    }
    assert other.variant_settings(other.variants[1])[1]["risk"] == {
        "stop_atr": 6,
        "target_atr": 5,
    }, "a variant's own still wins"


REFUSED = {
    "no mapping": ("- a\n- b", "the file was"),
    "no YAML": ("a: [1", "the file is no YAML"),
    "an unknown field": (WHOLE.replace("every_days", "every_day"), "every_day is not a field"),
    "no name": (WHOLE.replace("name: wide", ""), "name is missing"),
    "no question": (WHOLE.replace("question: Is wider better?", ""), "question is missing"),
    "no variants": (WITHOUT, "variants is missing"),
    "a list of variants": (WITHOUT + "variants: [a]", "variants was"),
    "a variant's field": (WHOLE.replace("says:", "say:"), "variants.wide.say is not"),
    "an empty question": (WHOLE.replace("Is wider better?", "''"), "question was"),
    "a seed that is none": (WHOLE.replace("seed: 3", "seed: three"), "seed was 'three'"),
    "a truth as a number": (WHOLE.replace("seed: 3", "seed: true"), "seed was True"),
    "a name that YAML takes for a truth": (
        WHOLE.replace("  plain:", "  off:"),
        "put the name in quotes",
    ),
    "a resolution": (WHOLE.replace("1m", "5m"), "timeframe was '5m'"),
    "a time": (WHOLE.replace("2018-05-01", "someday"), "data[0].start was 'someday'"),
    "an end before the start": (
        WHOLE.replace("2018-06-01", "2018-04-01"),
        "data[0].end is not after",
    ),
    "a field of the data": (WHOLE.replace("candles_4h", "candles_1h"), "data[0].candles_1h is not"),
    "candles twice": (WHOLE + "candles: a.csv\n", "candles was given beside data"),
    "two of one name": (
        WHOLE.replace("candles: folder/new.csv.gz", "candles: c.csv, name: old"),
        "data has 'old' twice",
    ),
    "a setting twice": (
        WHOLE.replace("learning.days: 90", "risk.stop_atr: 4"),
        "risk.stop_atr was given twice",
    ),
    "settings that are none": (
        WHOLE.replace("{risk.stop_atr: 6}", "6"),
        "variants.wide.overrides was 6",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_by_name_and_with_a_remedy(case):
    text, found = REFUSED[case]
    with pytest.raises(BadStudy) as refused:
        parse_study(text)
    assert found in f"{refused.value} {refused.value.remedy}"
    assert refused.value.remedy


def test_a_near_name_is_suggested():
    with pytest.raises(BadStudy) as refused:
        parse_study(WHOLE.replace("every_days", "evry_days"))
    assert refused.value.remedy == "did you mean every_days?"


def test_settings_go_from_nested_to_dotted_and_back():
    told = {"risk": {"stop_atr": 3, "exposure": {"band": 0.1}}, "sides": "both"}
    dotted = flatten_settings(told, "overrides")
    assert dotted == {"risk.stop_atr": 3, "risk.exposure.band": 0.1, "sides": "both"}
    assert nest_settings(dotted) == told
    with pytest.raises(BadStudy, match="a value and a group"):
        nest_settings({"risk": 1, "risk.stop_atr": 2})


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_every_example_is_read_and_its_settings_load(path):
    study = parse_study(path.read_text(encoding="utf-8"))
    assert study.name == path.stem
    assert len(study.variants) >= 3
    asked = map(study.variant_settings, study.variants)
    found = {
        msgspec.json.encode(load_settings({}, profile=profile, overrides=told))
        for profile, told in asked
    }
    assert len(found) == len(study.variants), "two variants are the same"


def test_there_are_the_examples_that_the_documents_name():
    assert {path.stem for path in EXAMPLES} >= {
        "original-label",
        "volatility-head",
        "meta-veto",
        "label-horizon",
        "profiles",
        "trend",
    }
