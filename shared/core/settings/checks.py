"""Settings that must fit together, each with what would follow if they did not."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from shared.core import names
from shared.core.errors import BadSettings
from shared.core.masking import quote_value
from shared.core.settings.schema import Settings


def is_loopback(url: str) -> bool:
    """Whether an address points to this machine.

    >>> is_loopback("http://127.0.0.1:8080"), is_loopback("https://public.bitbank.cc")
    (True, False)
    """
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_id(name: str) -> None:
    """The bot's name is a part of every document's path: one that is not plain would hide its
    intents from itself.
    """
    wrong = (
        "is kept for what belongs to every bot" if name in names.RESERVED else f"must {names.RULE}"
    )
    if not names.is_name(name) or name in names.RESERVED:
        raise BadSettings(
            f"the setting id was {quote_value(name)}: it {wrong}",
            remedy="set BOT_ID to a short plain name, like default or trend-2",
        )


def _is_address(url: str) -> bool:
    """Whether a text is an address that HTTP can be spoken with."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:  # a port that is no number, brackets that are no address
        return False


_TOPIC = re.compile(
    r"pubsub://((?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9])/([A-Za-z][\w.~+%-]{2,254})", re.ASCII
)


def topic_of(alerts: str) -> tuple[str, str]:
    """Project and topic that the setting `alerts` names.

    Raises `BadSettings` where it names none.

    >>> topic_of("pubsub://my-project/alerts")
    ('my-project', 'alerts')
    """
    found = _TOPIC.fullmatch(alerts)
    if found is None:
        raise BadSettings(
            f"the setting alerts was {quote_value(alerts)}: it names no way for alerts to leave",
            remedy="set BOT_ALERTS to inline, log or pubsub://PROJECT/TOPIC",
        )
    return found[1], found[2]


ARRIVAL_MARGIN_SECONDS = 3.0

"""Beyond the window for which a request is valid: what the clocks may differ by, here and at the
exchange."""


def _check_times(settings: Settings) -> None:
    """A tick's times in their order, each with what would follow if it were not kept."""
    tick, exchange = settings.tick, settings.exchange
    last_order = {
        "tick.no_new_order_after_seconds": tick.no_new_order_after_seconds,
        "exchange.timeout_seconds": exchange.timeout_seconds,
        "exchange.request_window_seconds": exchange.request_window_seconds,
        "a margin": ARRIVAL_MARGIN_SECONDS,
    }
    lease = {"tick.lease_seconds": tick.lease_seconds}
    answer = {"tick.answer_by_seconds": tick.answer_by_seconds}
    interval = {"tick.interval_seconds": float(tick.interval_seconds)}
    orders = {"tick.no_new_order_after_seconds": tick.no_new_order_after_seconds}
    pairs = (
        (lease, interval, "a tick that died would hold up the next one"),
        (last_order, lease, "an order could arrive when another tick already works on the account"),
        (answer, lease, "a tick would still be at work when its lease is over"),
        (orders, answer, "a tick would answer before its last order is out"),
        (
            {"tick.settle_seconds": tick.settle_seconds},
            orders,
            "a tick that waits for its candle could never order anything",
        ),
        (
            {"tick.manual_ahead_seconds": tick.manual_ahead_seconds},
            interval,
            "a tick could take the name of the next one",
        ),
    )
    for earlier, later, why in pairs:
        if sum(earlier.values()) >= sum(later.values()):
            raise BadSettings(
                f"{_times(earlier)} must be below {_times(later)}: otherwise {why}",
                remedy=(
                    f"lower {next(iter(earlier))} or raise {next(iter(later))}; bot.yaml shows"
                    " times that fit together"
                ),
            )


def _times(parts: Mapping[str, float]) -> str:
    return " + ".join(f"{name} ({seconds:g} s)" for name, seconds in parts.items())


def _check_addresses(settings: Settings) -> None:
    exchange = {
        "exchange.public_url": settings.exchange.public_url,
        "exchange.private_url": settings.exchange.private_url,
    }
    others = {
        **({} if settings.clock == "system" else {"clock": settings.clock}),
        **({"rounds.tick_url": settings.rounds.tick_url} if settings.rounds.tick_url else {}),
    }
    for name, url in {**exchange, **others}.items():
        if not _is_address(url):
            raise BadSettings(
                f"the setting {name} was {quote_value(url)}: it is no address",
                remedy="write it like https://host/path",
            )
    if settings.mode == "live":
        _check_live_addresses(exchange)


def _check_live_addresses(addresses: Mapping[str, str]) -> None:
    """Orders go where their prices come from, and signed ones in clear to this machine alone.

    A sandbox's market is invented, and so are the models that were made on it.
    """
    at_home = {name for name, url in addresses.items() if is_loopback(url)}
    if at_home and at_home != set(addresses):
        (elsewhere,) = set(addresses) - at_home
        raise BadSettings(
            f"BOT_MODE was live, and of the exchange's addresses only {', '.join(at_home)} lies on"
            f" this machine: the prices of one exchange say nothing about orders at another",
            remedy=f"point {elsewhere} to the same sandbox, or both to bitbank (their defaults)",
        )
    for name, url in addresses.items():
        if name not in at_home and urlsplit(url).scheme != "https":
            raise BadSettings(
                f"BOT_MODE was live, and the setting {name} was {quote_value(url)}: whoever lies"
                " between could read and change what is sent",
                remedy="write it with https://",
            )


def check_settings(settings: Settings) -> None:
    """Raise `BadSettings` where two settings do not fit together, or one names what cannot be."""
    _check_id(settings.id)
    _check_addresses(settings)
    if settings.alerts not in {"inline", "log"}:
        topic_of(settings.alerts)
    if settings.stage not in settings.stages:
        raise BadSettings(
            f"stages has no share for {settings.stage!r}", remedy="add it under stages in bot.yaml"
        )
    if settings.market.window_keep < settings.market.window_candles:
        raise BadSettings(
            "market.window_keep is below market.window_candles", remedy="keep at least the window"
        )
    _check_times(settings)
    if settings.sides == "both" and not settings.account.has_shorts:
        raise BadSettings(
            f"a {settings.account} account cannot go short",
            remedy="set BOT_ACCOUNT=margin or BOT_SIDES=long",
        )
    if not settings.account.has_debt and settings.risk.max_leverage > 1.0:
        raise BadSettings(
            f"a {settings.account} account has no leverage",
            remedy="set BOT_RISK__MAX_LEVERAGE=1.0 or less",
        )
    if settings.clock != "system":
        urls = (settings.clock, settings.exchange.public_url, settings.exchange.private_url)
        if not all(is_loopback(url) for url in urls):
            raise BadSettings(
                f"BOT_CLOCK was {quote_value(settings.clock)}: a stepped clock is only for a"
                " sandbox on this machine",
                remedy="set BOT_CLOCK=system, or point both exchange addresses to the sandbox",
            )
