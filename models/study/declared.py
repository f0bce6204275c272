"""What an experiment declares: a question, candles, settings, and the variants that are compared.

Read from YAML.

    name: label-horizon
    question: Is the direction easier to tell over a longer time?
    data:
      - name: bitbank 2018
        candles: ../shared/data/bitbank_btcjpy_15m_2018.csv.gz
        start: 2018-05-01
    overrides: {learning.days: 120}
    variants:
      12 hours: {overrides: {learning.horizon_candles: 48}}
      a day: {overrides: {learning.horizon_candles: 96}}

Every field is checked; a wrong one is named, with what was found and what would be right.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import msgspec
import yaml

from models.backtest.job import BadJob, parse_instant
from shared.core.errors import UserError
from shared.core.types import Timeframe

ARCHIVE = "archive"
MOST_VARIANTS = 1_000
MOST_TEXT = 2_000
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._-]{0,63}")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 8


class BadStudy(UserError):
    """A field of a study is wrong: `field` is its place in the file, like `variants.a
    day.overrides`.

    >>> parse_study("name: spring")
    Traceback (most recent call last):
        ...
    models.study.declared.BadStudy: question is missing
    """

    def __init__(self, name: str, found: str, *, remedy: str) -> None:
        """Name the field, say what was `found` there and what would be right."""
        super().__init__(f"{name} {found}", remedy=remedy)
        self.field = name


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Candles, and the period in which decisions count.

    >>> DataSet(name="the archive").candles
    'archive'

    Attributes:
        name: What the page calls it.
        candles: A file of 15m or 1m candles, or `archive`.
        candles_4h: A file of 4h candles with a longer history; None: they are made of the others.
        timezone: Of times in these files that name none, like Asia/Tokyo; None: such times are
            refused.
        start_at: First decision, ms UTC; None: as early as there is enough to learn from.
        end_at: No decision after it; None: the last candle.
    """

    name: str
    candles: str = ARCHIVE
    candles_4h: str | None = None
    timezone: str | None = None
    start_at: int | None = None
    end_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One thing that is tried: a profile and settings by their dotted names, on top of those of the
    study.

    >>> Variant(name="target 10", profile="trend").profile
    'trend'
    """

    name: str
    says: str = ""
    profile: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    r"""A declared experiment. Every variant is run on every data set, and each counts as a trial.

    >>> text = "name: slow trend\nquestion: Does a smaller target fall less?\nvariants:\n"
    >>> text += "  as it ships: {profile: trend}\n"
    >>> text += "  target 10:\n    profile: trend\n"
    >>> text += "    overrides: {risk.exposure.volatility_target: 0.1}\n"
    >>> study = parse_study(text)
    >>> study.name, [variant.name for variant in study.variants]
    ('slow trend', ['as it ships', 'target 10'])

    Attributes:
        profile: A named overlay of the settings; a variant's own takes its place.
        overrides: Settings by their dotted names, for all variants.
        timeframe: The replay's resolution: 15m (conservative), or 1m (of record).
        every_days: The schedule of the walk-forward; None: `retrain.every_days`.
        seed: Of learners and resampling; None: `learning.seed`.
        notes: What the reader must know beforehand, for the face of the page.
    """

    name: str
    question: str
    data: tuple[DataSet, ...]
    variants: tuple[Variant, ...]
    profile: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    timeframe: Timeframe = Timeframe.M15
    every_days: int | None = None
    seed: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Twelve hex digits that change when anything that is declared changes."""
        told = msgspec.to_builtins(self)
        for one in told["data"]:
            if (
                one["timezone"] is None
            ):  # a study that says nothing of it is what it was before one could
                del one["timezone"]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]

    def on(self, candles: str) -> "Study":
        """The same experiment on one file of candles, or the archive, in place of what it names:
        all of them.
        """
        return replace(self, data=(DataSet(name=_default_name(candles), candles=candles),))

    def in_zone(self, timezone: str) -> "Study":
        """The same experiment, with times that name no zone read in this one."""
        return replace(self, data=tuple(replace(one, timezone=timezone) for one in self.data))

    def within(self, *, start_at: int | None, end_at: int | None) -> "Study":
        """The same experiment in another period, on each data set; None leaves an end
        where it is.
        """
        data = tuple(
            replace(
                one,
                start_at=one.start_at if start_at is None else start_at,
                end_at=one.end_at if end_at is None else end_at,
            )
            for one in self.data
        )
        return replace(self, data=data)

    def under(self, overrides: Mapping[str, Any]) -> "Study":
        """The same experiment with further settings for all variants; those of a
        variant still win.
        """
        return replace(
            self, overrides={**self.overrides, **flatten_settings(overrides, "overrides")}
        )

    def variant_settings(self, variant: Variant) -> tuple[str | None, dict[str, Any]]:
        """The profile of a variant, and all settings that are laid over it, nested as
        `settings.load_settings` wants them.
        """
        schedule = {} if self.every_days is None else {"retrain.every_days": self.every_days}
        seed = {} if self.seed is None else {"learning.seed": self.seed}
        return variant.profile or self.profile, nest_settings(
            {**schedule, **seed, **self.overrides, **variant.overrides}
        )


def parse_study(text: str) -> Study:
    r"""A study from the text of its file. Raises `BadStudy` for the first field that is wrong.

    >>> text = "name: slow trend\nquestion: Does a smaller target fall less?\nvariants:\n"
    >>> text += "  as it ships: {profile: trend}\n"
    >>> text += "  target 10:\n    profile: trend\n"
    >>> text += "    overrides: {risk.exposure.volatility_target: 0.1}\n"
    >>> study = parse_study(text)
    >>> dict(study.variants[1].overrides)
    {'risk.exposure.volatility_target': 0.1}
    """
    try:
        told = yaml.load(text, Loader=_LOADER)  # noqa: S506 - safe, in C
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 1})"
        problem = getattr(error, "problem", None) or str(error)
        raise BadStudy(
            "the file", f"is no YAML{where}: {problem}", remedy="docs/studies holds examples"
        ) from error
    given = _fields(told, "the file", _STUDY)
    data = given.pop("data", None)
    own = {
        name: given.pop(name)
        for name in ("candles", "candles_4h", "timezone", "start_at", "end_at")
        if name in given
    }
    if data is not None and own:
        other = next(name for name, (into, _) in _STUDY.items() if into in own)
        raise BadStudy(other, "was given beside data", remedy="give it inside of each of data")
    for name in ("name", "question", "variants"):
        if name not in given:
            raise BadStudy(name, "is missing", remedy=_MISSING[name])
    return Study(
        data=data or (DataSet(name=_default_name(own.get("candles", ARCHIVE)), **own),), **given
    )


def flatten_settings(told: object, name: str) -> dict[str, Any]:
    """Nested or dotted setting names as dotted ones.

    Raises `BadStudy`; which settings there are is checked where they load.
    """
    if not isinstance(told, Mapping):
        raise BadStudy(
            name,
            f"was {_value_text(told)}",
            remedy="give settings by name, like {risk.stop_atr: 3}",
        )
    if name.count(".") >= _DEEPEST:
        raise BadStudy(name, "is nested too deeply", remedy="give setting names like risk.stop_atr")
    found: dict[str, Any] = {}
    for key, value in told.items():
        if not isinstance(key, str) or not key:
            raise BadStudy(
                name,
                f"has the name {_value_text(key)}",
                remedy="give setting names like risk.stop_atr",
            )
        inner = flatten_settings(value, f"{name}.{key}") if isinstance(value, Mapping) else None
        parts = (
            {key: value}
            if inner is None
            else {f"{key}.{rest}": deep for rest, deep in inner.items()}
        )
        for whole, one in parts.items():
            if whole in found:
                raise BadStudy(f"{name}.{whole}", "was given twice", remedy="give it once")
            found[whole] = one
    return found


def nest_settings(dotted: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted setting names as nested mappings."""
    made: dict[str, Any] = {}
    for name, value in dotted.items():
        *path, last = name.split(".")
        level = made
        for part in path:
            level = level.setdefault(part, {})
            if not isinstance(level, dict):
                raise BadStudy(
                    f"overrides.{name}",
                    "is a value and a group of settings at once",
                    remedy="give one of them",
                )
        level[last] = value
    return made


Reader = Callable[[str, Any], Any]


def _fields(told: object, where: str, known: Mapping[str, tuple[str, Reader]]) -> dict[str, Any]:
    """The fields of a mapping, each read by its own reader; what is null counts as not given."""
    if not isinstance(told, Mapping):
        raise BadStudy(
            where, f"was {_value_text(told)}", remedy=f"give fields by name: {', '.join(known)}"
        )
    for name in told:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
            raise BadStudy(
                _place(where, str(name)[:80]), "is not a field of a study", remedy=remedy
            )
    return {
        into: read(_place(where, name), told[name])
        for name, (into, read) in known.items()
        if told.get(name) is not None
    }


def _place(where: str, name: str) -> str:
    return name if where == "the file" else f"{where}.{name}"


def _parse_text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MOST_TEXT:
        raise BadStudy(
            name, f"was {_value_text(value)}", remedy=f"give a text of up to {MOST_TEXT:,} letters"
        )
    return " ".join(value.split())


def _parse_name(name: str, value: Any) -> str:
    told = value if isinstance(value, str) else str(value)
    if isinstance(value, bool):
        raise BadStudy(
            name,
            f"was {value}",
            remedy="YAML reads on, off, yes and no as true and false: put the name in quotes",
        )
    if isinstance(value, Mapping | list) or not _NAME.fullmatch(told):
        raise BadStudy(
            name,
            f"was {_value_text(value)}",
            remedy="give up to 64 letters, digits, spaces, dots, dashes and underscores",
        )
    return told


def instant_of(name: str, value: Any) -> int:
    """A date or an instant as ms UTC. Raises `BadStudy`."""
    told = value.isoformat() if isinstance(value, date | datetime) else value
    try:
        return parse_instant(name, told)
    except BadJob as error:
        raise BadStudy(name, error.found, remedy=error.remedy) from error


def _whole_number_parser(least: int, most: int) -> Reader:
    def read(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise BadStudy(
                name,
                f"was {_value_text(value)}",
                remedy=f"give a whole number from {least} to {most}",
            )
        return value

    return read


def timeframe_of(name: str, value: Any) -> Timeframe:
    """A resolution of replays. Raises `BadStudy`."""
    for resolution in (Timeframe.M15, Timeframe.M1):
        if value == resolution.value:
            return resolution
    raise BadStudy(
        name,
        f"was {_value_text(value)}",
        remedy="choose 15m (fast, conservative) or 1m (the resolution of record)",
    )


def _parse_texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadStudy(name, f"was {_value_text(value)}", remedy="give a list of sentences")
    return tuple(_parse_text(f"{name}[{number}]", one) for number, one in enumerate(value))


def _parse_data_sets(name: str, value: Any) -> tuple[DataSet, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise BadStudy(
            name,
            f"was {_value_text(value)}",
            remedy="give a list of candles, each with a name and a file",
        )
    sets = []
    for number, one in enumerate(value):
        given = _fields(one, f"{name}[{number}]", _DATA)
        sets.append(DataSet(**{"name": _default_name(given.get("candles", ARCHIVE)), **given}))
    _check_distinct(name, [one.name for one in sets])
    for number, one in enumerate(sets):
        if one.start_at is not None and one.end_at is not None and one.end_at <= one.start_at:
            raise BadStudy(
                f"{name}[{number}].end", "is not after its start", remedy="give a later end"
            )
    return tuple(sets)


def _parse_variants(name: str, value: Any) -> tuple[Variant, ...]:
    if not isinstance(value, Mapping) or not value:
        raise BadStudy(name, f"was {_value_text(value)}", remedy=_MISSING["variants"])
    if len(value) > MOST_VARIANTS:
        raise BadStudy(name, f"were {len(value):,}", remedy=f"give at most {MOST_VARIANTS:,}")
    made = []
    for key, one in value.items():
        called = _parse_name(f"the name of a variant, {_value_text(key)},", key)
        given = _fields({} if one is None else one, f"{name}.{called}", _VARIANT)
        made.append(Variant(name=called, **given))
    _check_distinct(name, [one.name for one in made])
    return tuple(made)


def _check_distinct(name: str, names: Sequence[str]) -> None:
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice is not None:
        raise BadStudy(name, f"has {twice!r} twice", remedy="give each a name of its own")


def _default_name(candles: str) -> str:
    """A name for candles that were given none: their file's, without what it ends in."""
    return re.sub(r"\.(csv|gz|parquet)", "", re.split(r"[\\/]", candles)[-1])[:64] or ARCHIVE


def _value_text(value: object) -> str:
    return repr(value)[:80]


_MISSING = {
    "name": "give the study a name, like label-horizon",
    "question": "say in a sentence what the study asks",
    "variants": (
        "give what is tried by name, like {plain: {}, wide: {overrides: {risk.stop_atr: 6}}}"
    ),
}
_DATA: Mapping[str, tuple[str, Reader]] = {
    "name": ("name", _parse_name),
    "candles": ("candles", _parse_text),
    "candles_4h": ("candles_4h", _parse_text),
    "timezone": ("timezone", _parse_text),
    "start": ("start_at", instant_of),
    "end": ("end_at", instant_of),
}
_VARIANT: Mapping[str, tuple[str, Reader]] = {
    "says": ("says", _parse_text),
    "profile": ("profile", _parse_name),
    "overrides": ("overrides", lambda name, value: flatten_settings(value, name)),
}
_STUDY: Mapping[str, tuple[str, Reader]] = {
    "name": ("name", _parse_name),
    "question": ("question", _parse_text),
    "notes": ("notes", _parse_texts),
    "data": ("data", _parse_data_sets),
    **{name: one for name, one in _DATA.items() if name != "name"},
    "timeframe": ("timeframe", timeframe_of),
    "profile": ("profile", _parse_name),
    "every_days": ("every_days", _whole_number_parser(1, 3_660)),
    "seed": ("seed", _whole_number_parser(0, 2**31 - 1)),
    "overrides": ("overrides", lambda name, value: flatten_settings(value, name)),
    "variants": ("variants", _parse_variants),
}
