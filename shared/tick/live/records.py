"""What people have written down of a live bot: that it may enter, what its key may do, who has a
side of an account. Pure.

    live/{bot}                     the start: who, when, with which key, stage, account, capital
    rights/{key}                   what the owner says that a key may do; no answer says it
    claims/{key}~{account}~{pair}  which bot has which side of an account
    alert_tests/{bot}              which channels brought their code, and when
    probes/{bot}                   orders that were seen with real money outside of ticks
    parity/{bot}                   what comparisons with a replay left unexplained

`key` is the fingerprint of a key's id, never the key.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import msgspec

from shared.core.errors import BadData
from shared.core.settings import Settings
from shared.core.types import Side

LiveStage = Literal["stage-10", "stage-50", "live"]
SCHEMA = 1
MOST_RESULTS = 50
Stored = TypeVar("Stored")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRecord:
    """A person's word that a bot may enter with real money, and with what it was checked.

    Attributes:
        at: When, ms UTC.
        who: The person.
        why: The reason that the person gave.
        key: The fingerprint of the key's id.
        stage: The highest stage that was started.
        stage_since: Since when the bot is in it, ms UTC.
        account: How the exchange keeps the account.
        pair: The pair.
        sides: The setting `sides`.
        capital_jpy: The setting `capital_jpy`.
        book_opened_at: When the book that was checked was begun: another one was not.
        settings_hash: Of the settings that were checked.
        model: The model that served.
        confirmed_orders: Orders of the bot's own form that are somebody else's, says the owner.
        stopped_at: When a person took it back; 0 while it stands.
    """

    schema: int = SCHEMA
    at: int
    who: str
    why: str
    key: str
    stage: LiveStage
    stage_since: int
    account: str
    pair: str
    sides: str
    capital_jpy: int
    book_opened_at: int
    settings_hash: str
    model: str | None = None
    confirmed_orders: tuple[int, ...] = ()
    stopped_at: int = 0

    def is_of(self, settings: Settings) -> bool:
        """Whether it is of the account and the sides that are set."""
        return (self.account, self.pair, self.sides) == (
            str(settings.account),
            settings.pair,
            settings.sides,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRights:
    """What the owner says that a key may do: read and trade, and not withdraw."""

    at: int
    who: str
    why: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SideClaims:
    """Which bot has which side of one account and pair."""

    sides: Mapping[Side, str] = field(default_factory=dict)

    def others(self, settings: Settings) -> dict[Side, str]:
        """The other bots that have a side which this one trades."""
        mine = {side: self.sides.get(side) for side in sides_of(settings)}
        return {side: bot for side, bot in mine.items() if bot not in {None, settings.id}}

    def has_all(self, settings: Settings) -> bool:
        """Whether every side that the bot trades is its own."""
        return all(self.sides.get(side) == settings.id for side in sides_of(settings))

    def claim(self, settings: Settings) -> "SideClaims":
        """With the sides that the bot trades, and without what else it had."""
        kept = {side: bot for side, bot in self.sides.items() if bot != settings.id}
        return SideClaims(sides={**kept, **dict.fromkeys(sides_of(settings), settings.id)})

    def release(self, bot: str) -> "SideClaims":
        """Without those of a bot."""
        return SideClaims(sides={side: one for side, one in self.sides.items() if one != bot})


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsTest:
    """When channels were tried, and which of them brought their code."""

    at: int
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenKinds:
    """Orders that were seen with real money outside of ticks, by what they are for."""

    at: int = 0
    purposes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityResult:
    """What a comparison with a replay left unexplained."""

    at: int
    since: int
    until: int
    unexplained: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityResults:
    """The last comparisons with a replay, the newest last."""

    results: tuple[ParityResult, ...] = ()

    def add(self, result: ParityResult) -> "ParityResults":
        """With one more."""
        return ParityResults(results=(*self.results[1 - MOST_RESULTS :], result))

    def open_results(self, *, since_ms: int) -> tuple[ParityResult, ...]:
        """Those since then with a difference that no later comparison of all of it explained."""
        return tuple(
            one
            for one in self.results
            if one.at >= since_ms
            and one.unexplained
            and not any(
                later.at > one.at
                and later.since <= one.since
                and later.until >= one.until
                and not later.unexplained
                for later in self.results
            )
        )


def key_fingerprint(key: str) -> str:
    """Twelve hex digits that name a key's id and do not tell it.

    >>> key_fingerprint("the id of a key")
    '1974902a004e'
    """
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def sides_of(settings: Settings) -> tuple[Side, ...]:
    """The sides that a bot trades.

    >>> from shared.core.settings import load_settings
    >>> [str(side) for side in sides_of(load_settings({"BOT_SIDES": "both"}))]
    ['long', 'short']
    """
    return (Side.LONG, Side.SHORT) if settings.has_shorts else (Side.LONG,)


def claims_path(key: str, settings: Settings) -> str:
    """Where the claims on the account of a key lie.

    >>> from shared.core.settings import load_settings
    >>> claims_path("0123456789ab", load_settings({}))
    'claims/0123456789ab~margin~btc_jpy'
    """
    return f"claims/{key}~{settings.account}~{settings.pair}"


def decode_record(data: object, kind: type[Stored], path: str) -> Stored:
    """One of these documents. Raises `BadData`, naming the document, where it makes no sense.

    >>> decode_record({"at": 7, "channels": ["discord"]}, AlertsTest, "alert_tests/a")
    AlertsTest(at=7, channels=('discord',))
    """
    try:
        record = msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise BadData(f"{path} is damaged: {error}") from error
    schema = getattr(record, "schema", SCHEMA)
    if schema != SCHEMA:
        raise BadData(f"{path} has schema {schema}; this version reads {SCHEMA}")
    return record
