"""What a backtest is asked to do.

Every field is checked; a bad one is named, with what was found and what would be right.
"""

import difflib
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.core.errors import BadRequest
from shared.core.masking import quote_value
from shared.core.trials import NOT_TRIED
from shared.core.types import Timeframe
from shared.market.candle_files import FIRST_FILE_AT

DEFAULT_CAPITAL_JPY = 1_000_000
MAX_CAPITAL_JPY = 10**12
RESOLUTIONS = (Timeframe.M15, Timeframe.M1)
LAST_AT = 4_102_444_800_000
"""2100-01-01 00:00 UTC. No period ends later, so that every instant can be written down."""
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
_ELSEWHERE = NOT_TRIED | {"mode"}
_OF_A_WALK = frozenset({"learning", "gate"})
_LONGEST_SCHEDULE_DAYS = 366
_DEEPEST = 8
_LARGEST = 2**63
_LONGEST_NAME = 100


def is_id(name: object) -> bool:
    """Whether a job can be called so."""
    return isinstance(name, str) and _ID.fullmatch(name) is not None


class BadJob(BadRequest):
    """A field of a job is wrong.

    >>> str(BadJob("start", "was 'soon'", remedy="give a date like 2026-01-31"))
    "start was 'soon'"
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One backtest. `parse` makes it from what a person sent.

    Attributes:
        id: Its name: files, documents and the caller's retries know it by this. Empty: not named
            yet.
        start_at: First schedule time, ms UTC, a full quarter of an hour.
        end_at: No decision after this instant, ms UTC, a full quarter of an hour.
        timeframe: The resolution: 1m is the one of record, 15m the fast and conservative
            approximation.
        capital_jpy: The money at the start, whole yen.
        maker_fee_rate: Fraction of the amount; None: what the settings say, else the exchange.
        taker_fee_rate: The same for what crosses.
        slippage_rate: Of what crosses, as a fraction; None: what the settings say.
        profile: A named overlay of the settings; None: the bot's own.
        overrides: Settings by their dotted names (`risk.max_drawdown`).
        model: `champion`, `none`, or a bundle's version; not looked at by a walk-forward.
        inside_training: Run although the model knows candles of the period; the result then says
            so.
        walk_forward: Retrain on the schedule that live would have had, and let each model decide
            what it had not seen.
        every_days: Between two retrainings of a walk-forward; None: what the settings say.
        time_limit_seconds: Work on it no longer than this, save what there is and say so; None:
            what the settings say.
    """

    start_at: int
    end_at: int
    id: str = ""
    timeframe: Timeframe = Timeframe.M15
    capital_jpy: int = DEFAULT_CAPITAL_JPY
    maker_fee_rate: float | None = None
    taker_fee_rate: float | None = None
    slippage_rate: float | None = None
    profile: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    model: str = "champion"
    inside_training: bool = False
    walk_forward: bool = False
    every_days: int | None = None
    time_limit_seconds: float | None = None

    @property
    def hash(self) -> str:
        """Twelve hex digits that change when anything but the name changes."""
        told = msgspec.to_builtins(self)
        told.pop("id")
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def nested_overrides(self) -> dict[str, Any]:
        """The overrides as nested mappings, with the fields that stand for settings among them."""
        named = {
            "capital_jpy": self.capital_jpy,
            "paper.slippage_rate": self.slippage_rate,
            "replay.maker_fee_rate": self.maker_fee_rate,
            "replay.taker_fee_rate": self.taker_fee_rate,
            "retrain.every_days": self.every_days,
        }
        nested: dict[str, Any] = {}
        for name, value in {
            **self.overrides,
            **{name: value for name, value in named.items() if value is not None},
        }.items():
            *path, last = name.split(".")
            level = nested
            for part in path:
                level = level.setdefault(part, {})
            level[last] = value
        return nested


def parse_job(asked: object) -> Job:
    """A job from the fields of a JSON object. Raises `BadJob` for the first field that is wrong."""
    if not isinstance(asked, Mapping):
        raise BadJob(
            "job",
            f"was {quote_value(asked)}",
            remedy='send a JSON object like {"start": "2026-01-01", "end": "2026-02-01"}',
        )
    for name in asked:
        if name not in _FIELDS:
            near = difflib.get_close_matches(str(name)[:_LONGEST_NAME], _FIELDS, n=1)
            known = f"did you mean {near[0]}?" if near else f"known are: {', '.join(_FIELDS)}"
            raise BadJob(str(name)[:80], "is not a field of a backtest", remedy=known)
    for name in ("start", "end"):
        if asked.get(name) is None:
            raise BadJob(name, "is missing", remedy=_INSTANT)
    told = {
        into: read(name, asked[name])
        for name, (into, read) in _FIELDS.items()
        if asked.get(name) is not None
    }
    job = Job(**told)
    if job.end_at <= job.start_at:
        raise BadJob(
            "end",
            f"was {asked['end']!r}, not after the start {asked['start']!r}",
            remedy="give a later end",
        )
    for key in job.overrides:
        _check_override(key, job)
    _check_walk(job, asked)
    return job


def _check_walk(job: Job, asked: Mapping[str, Any]) -> None:
    """Refuse what a walk-forward takes no notice of, and what only it does."""
    if not job.walk_forward:
        if job.every_days is not None:
            raise BadJob(
                "every_days",
                "belongs to a walk-forward",
                remedy="give walk_forward: true beside it, or leave it out",
            )
        return
    if asked.get("model") is not None:
        found = (
            f"was {quote_value(asked['model'])} beside walk_forward, which fits models of its own"
        )
        raise BadJob("model", found, remedy="leave out one of the two")
    if job.inside_training:
        found = "was true beside walk_forward, whose models never decide inside their training"
        raise BadJob("inside_training", found, remedy="leave it out")


def encode_job(job: Job) -> dict[str, Any]:
    """The job in the words in which it is asked for: `parse` of it is the job again."""
    names = {into: name for name, (into, _) in _FIELDS.items()}
    values = {names[item.name]: getattr(job, item.name) for item in fields(job)}
    unasked = {"model", "inside_training"} if job.walk_forward else {"walk_forward"}
    return {
        **{
            name: value
            for name, value in values.items()
            if name not in unasked and value not in (None, "", {})
        },
        "start": _instant_text(job.start_at),
        "end": _instant_text(job.end_at),
        "timeframe": job.timeframe.value,
    }


_INSTANT = "write it like 2026-01-01 (00:00 UTC) or 2026-01-01T09:00:00+09:00"


def parse_instant(name: str, value: object) -> int:
    """A date (00:00 UTC) or an RFC 3339 instant (UTC where no offset is told) as ms UTC.

    Raises `BadJob`.
    """
    if not isinstance(value, str):
        raise BadJob(name, f"was {quote_value(value)}, which is not a text", remedy=_INSTANT)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise BadJob(
            name, f"was {quote_value(value)}, which is not a time", remedy=_INSTANT
        ) from error
    at = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    if at % Timeframe.M15.ms:
        raise BadJob(
            name,
            f"was {quote_value(value)}, inside a 15m candle",
            remedy="give a full quarter of an hour",
        )
    if at < FIRST_FILE_AT:
        raise BadJob(
            name,
            f"was {quote_value(value)}; bitbank's candles begin on 2017-02-14",
            remedy="give a later one",
        )
    if at > LAST_AT:
        raise BadJob(
            name, f"was {quote_value(value)}, after 2100-01-01", remedy="give an earlier one"
        )
    return at


def _instant_text(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number_parser(low: float, high: float, means: str) -> Callable[[str, object], float]:
    def read(name: str, value: object) -> float:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise BadJob(
                name, f"was {quote_value(value)}, which is not a number", remedy=f"give {means}"
            )
        if not low <= value <= high:
            raise BadJob(name, f"was {value}, outside {low:g} to {high:g}", remedy=f"give {means}")
        return float(value)

    return read


def _parse_capital(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_CAPITAL_JPY:
        raise BadJob(
            name,
            f"was {quote_value(value)}",
            remedy=f"give whole yen from 1 to {MAX_CAPITAL_JPY:,}, like 1000000",
        )
    return value


def _parse_timeframe(name: str, value: object) -> Timeframe:
    for resolution in RESOLUTIONS:
        if value == resolution.value:
            return resolution
    raise BadJob(
        name,
        f"was {quote_value(value)}",
        remedy="choose 15m (fast, conservative) or 1m (the resolution of record)",
    )


def _pattern_parser(pattern: re.Pattern[str], means: str) -> Callable[[str, object], str]:
    def read(name: str, value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise BadJob(name, f"was {quote_value(value)}", remedy=f"give {means}")
        return value

    return read


def _parse_flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadJob(name, f"was {quote_value(value)}", remedy="give true or false")
    return value


def _parse_days(name: str, value: object) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or not 1 <= value <= _LONGEST_SCHEDULE_DAYS
    ):
        raise BadJob(
            name,
            f"was {quote_value(value)}",
            remedy=f"give whole days from 1 to {_LONGEST_SCHEDULE_DAYS}",
        )
    return value


def _parse_overrides(name: str, value: object) -> dict[str, Any]:
    """Flatten nested or dotted setting names to dotted ones; which settings there are is checked
    where they are loaded.
    """
    if not isinstance(value, Mapping):
        raise BadJob(
            name,
            f"was {quote_value(value)}",
            remedy='give settings by name, like {"risk.max_drawdown": 0.1}',
        )
    if not value and name != "overrides":
        raise BadJob(
            name,
            "was an empty group",
            remedy='give settings by name, like {"risk.max_drawdown": 0.1}',
        )
    if name.count(".") >= _DEEPEST:
        raise BadJob(
            "overrides", "are nested too deeply", remedy="give setting names like risk.max_drawdown"
        )
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        if not isinstance(key, str) or not key or len(key) > _LONGEST_NAME:
            raise BadJob(
                name,
                f"has the name {quote_value(key)}",
                remedy="give setting names like risk.max_drawdown",
            )
        if isinstance(inner, int) and abs(inner) >= _LARGEST:
            raise BadJob(
                f"{name}.{key}",
                f"was {quote_value(inner)}",
                remedy="give a number that fits into 64 bits",
            )
        if isinstance(inner, Mapping):
            flat.update(
                {
                    f"{key}.{rest}": deep
                    for rest, deep in _parse_overrides(f"{name}.{key}", inner).items()
                }
            )
        else:
            flat[key] = inner
    return flat


def _check_override(key: str, job: Job) -> None:
    if any(other.startswith(f"{key}.") for other in job.overrides):
        raise BadJob(
            f"overrides.{key}",
            "is a value and a group of settings at once",
            remedy="give one of them",
        )
    if key in _OWN_FIELDS:
        own, option = _OWN_FIELDS[key]
        raise BadJob(
            f"overrides.{key}",
            "has a field of its own",
            remedy=f"give {own} beside overrides ({option} on the command line)",
        )
    if key.partition(".")[0] in _ELSEWHERE - (_OF_A_WALK if job.walk_forward else frozenset()):
        raise BadJob(
            f"overrides.{key}", "changes nothing that a backtest decides", remedy="leave it out"
        )


_OWN_FIELDS = {
    "capital_jpy": ("capital_jpy", "--capital"),
    "profile": ("profile", "--profile"),
    "paper.slippage_rate": ("slippage_rate", "--slippage"),
    "replay.maker_fee_rate": ("maker_fee_rate", "--maker-fee"),
    "replay.taker_fee_rate": ("taker_fee_rate", "--taker-fee"),
    "retrain.every_days": ("every_days", "--every"),
}
_FEE = "a fraction of the amount: 0.0012 is 0.12 %"
_FIELDS: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "id": (
        "id",
        _pattern_parser(
            _ID,
            "up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or"
            " digit",
        ),
    ),
    "start": ("start_at", parse_instant),
    "end": ("end_at", parse_instant),
    "timeframe": ("timeframe", _parse_timeframe),
    "capital_jpy": ("capital_jpy", _parse_capital),
    "maker_fee_rate": ("maker_fee_rate", _number_parser(-0.01, 0.05, _FEE)),
    "taker_fee_rate": ("taker_fee_rate", _number_parser(-0.01, 0.05, _FEE)),
    "slippage_rate": (
        "slippage_rate",
        _number_parser(0.0, 0.05, "a fraction of the price: 0.0005 is 0.05 %"),
    ),
    "profile": ("profile", _pattern_parser(_NAME, "the name of a profile in bot.yaml")),
    "overrides": ("overrides", _parse_overrides),
    "model": ("model", _pattern_parser(_NAME, "champion, none, or the version of a bundle")),
    "inside_training": ("inside_training", _parse_flag),
    "walk_forward": ("walk_forward", _parse_flag),
    "every_days": ("every_days", _parse_days),
    "time_limit_seconds": (
        "time_limit_seconds",
        _number_parser(1.0, 86_400.0, "seconds, up to a day"),
    ),
}
