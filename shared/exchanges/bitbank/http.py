"""bitbank's public REST through ccxt's transport: one reading at a time, paced, tried again, and
never past a deadline.

ccxt signs and carries, and nothing else of it is used; it is loaded on first use. Its own rate
limit is off (it sleeps by the wall clock) and so are its retries (they would send orders twice);
its reading of errors is replaced (it takes HTML, nothing and `data: {}` for success). So is its
session: a whole answer has a limit, also one that trickles. Proxies of the environment are ignored.
"""

import functools
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from shared.core.clock import Clock
from shared.core.deadline import bound_at
from shared.core.errors import BadData, BotError, RateLimited
from shared.core.settings import ExchangeSettings, is_loopback
from shared.exchanges.bitbank.errors import (
    HTTP_SERVER_ERROR,
    HTTP_TOO_MANY,
    BadEnvelope,
    NoAnswer,
    error_of,
    is_worth_retry,
)
from shared.exchanges.bitbank.pace import AccountPace, RequestPace
from shared.exchanges.bitbank.rereading import Rereading
from shared.exchanges.bitbank.transport import (
    BAD_ANSWER_SHOWN,
    ccxt_error,
    date_header_ms,
    retry_after_seconds,
    unreachable_sentence,
)

REQUESTS_PER_SECOND = 10.0
"""What bitbank grants a user for queries; its public host states no number, so it is asked no
faster."""
DATE_RESOLUTION_MS = 1000

Parsed = TypeVar("Parsed")


class Skew:
    """Our clock minus the exchange's, from `Date` headers, which are whole seconds rounded down.

    A header D seen between our t0 and t1 says that the skew lies in (t0 - D - 1 s, t1 - D]; several
    narrow it down.
    """

    def __init__(self) -> None:
        self._low: float | None = None
        self._high = 0.0

    def add(self, *, date_ms: int, sent_at: int, received_at: int) -> None:
        """Take one header into account; one that contradicts the others (a clock was set) replaces
        them.
        """
        low, high = float(sent_at - date_ms - DATE_RESOLUTION_MS), float(received_at - date_ms)
        if self._low is not None and max(low, self._low) <= min(high, self._high):
            low, high = max(low, self._low), min(high, self._high)
        self._low, self._high = low, high

    @property
    def ms(self) -> float | None:
        """The smallest skew that explains what was seen, positive where our clock is ahead; None
        where nothing was.
        """
        if self._low is None:
            return None
        return max(self._low, 0.0) + min(self._high, 0.0)


class PublicRest:
    """Reads bitbank's unsigned endpoints. Not for threads: one instance each.

    `requests` counts what was sent, tries included; `latency_ms` is the slowest answer since
    `begin`.
    """

    def __init__(
        self,
        settings: ExchangeSettings,
        clock: Clock,
        *,
        jitter: Callable[[], float],
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        limits: AccountPace | None = None,
    ) -> None:
        """Connect to nothing yet. `jitter` draws from [0, 1) and spreads the back-off. `limits`:
        those of the account that the same bot reads; the private host counts its unsigned part too.
        """
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._limits = limits
        self._reread = Rereading(settings, jitter=jitter, sleep=sleep, monotonic=monotonic)
        at_home = is_loopback(settings.public_url) and is_loopback(settings.private_url)
        self._pace = (
            None if at_home else RequestPace(REQUESTS_PER_SECOND, monotonic=monotonic, sleep=sleep)
        )
        self._exchange: Any = None
        self.requests = 0
        self.begin()

    def begin(self, *, deadline: float | None = None) -> None:
        """Start a new round of readings: measurements begin anew, nothing waits past `deadline` (of
        `time.monotonic`), nor past the one that is bound (`shared.core.deadline`).
        """
        self._deadline = deadline
        self._failed_hosts: set[str] = set()
        self.latency_ms = 0.0
        self.skew = Skew()

    def close(self) -> None:
        """Close the connections; the next reading opens new ones."""
        if self._exchange is not None:
            self._exchange.session.close()
            self._exchange = None

    def read(
        self,
        host: str,
        path: str,
        parse: Callable[[dict[str, Any]], Parsed],
        params: Mapping[str, str] | None = None,
    ) -> Parsed:
        """What `parse` makes of the `data` of one answer, read again with exponential back-off
        where that can help.

        An answer that `parse` refuses is as good as none: it is read again like one that is not
        bitbank's JSON.

        Args:
            host: `public`, or `markets` for the unsigned part of the private host.
            path: As ccxt knows it, like `{pair}/depth`.
            parse: Reads the data strictly; raises `BadData`.
            params: What stands in the braces.

        Raises:
            BadData: what `parse` said of the last answer.
            NotThere: error 10000, such as a candle file that does not exist.
            RateLimited: still too many requests after all tries.
            Unavailable: no useful answer after all tries, or no time left for one.
        """
        attempts = 1 if host in self._failed_hosts else self._settings.read_attempts
        try:
            return self._reread.read(
                lambda: parse(self._read_once(host, path, dict(params or {}))),
                attempts=attempts,
                deadline=bound_at(self._deadline),
            )
        except BotError as error:
            # Whoever answers badly still answers: other parts are tried as often.
            if is_worth_retry(error) and not isinstance(error, BadData):
                self._failed_hosts.add(host)
            raise

    def _read_once(self, host: str, path: str, params: dict[str, str]) -> dict[str, Any]:
        from shared.core.sessions import NoTimeLeft, ending

        if self._pace is not None:
            self._pace.wait()
        if self._limits is not None and host == "markets":
            self._limits.queries.wait()
        exchange = self._ready()
        timeout = self._settings.timeout_seconds
        deadline = bound_at(self._deadline)
        if deadline is not None:
            left = deadline - self._monotonic()
            if left <= 0:
                raise NoAnswer(
                    f"no time was left to ask bitbank for {path.format_map(params)}", again=False
                )
            timeout = min(timeout, left)
        self.requests += 1
        sent_at, began = self._clock.now_ms(), self._monotonic()
        handled = sys.exception()
        try:
            with ending(until=time.monotonic() + timeout, silence_seconds=timeout):
                answer = exchange.request(path, [host], "GET", params)
        except NoTimeLeft as error:
            where = exchange.urls["api"][host]
            raise NoAnswer(f"bitbank at {where} did not answer in time") from error
        except ccxt_error() as error:
            base_url = exchange.urls["api"][host]
            raise NoAnswer(unreachable_sentence(base_url, error, until=handled)) from error
        finally:
            self._measure(exchange, sent_at, began)
        data: dict[str, Any] = answer["data"]
        return data

    def _measure(self, exchange: Any, sent_at: int, began: float) -> None:
        headers, exchange.seen_headers = exchange.seen_headers, None
        if headers is None:
            return
        self.latency_ms = max(self.latency_ms, (self._monotonic() - began) * 1000)
        date_ms = date_header_ms(headers.get("Date"))
        if (
            date_ms is not None and headers.get("Age", "0").strip() == "0"
        ):  # a cache's answer carries an old date
            self.skew.add(date_ms=date_ms, sent_at=sent_at, received_at=self._clock.now_ms())

    def _ready(self) -> Any:
        if self._exchange is None:
            from shared.core.sessions import bounded_session

            session = bounded_session()
            session.trust_env = False
            private = self._settings.private_url.rstrip("/")
            self._exchange = _exchange_class()(
                {
                    "enableRateLimit": False,
                    "session": session,
                    "urls": {
                        "api": {
                            "public": self._settings.public_url.rstrip("/"),
                            "markets": private,  # with /v1, which ccxt adds for signed paths only
                            "private": private.removesuffix("/v1"),
                        }
                    },
                }
            )
        return self._exchange


@functools.cache
def _exchange_class() -> type[Any]:
    """The bitbank of ccxt, with its own reading of errors replaced: it takes HTML, nothing and
    `data: {}` for success.
    """
    from ccxt.bitbank import bitbank

    # Ccxt is not typed.
    class Bitbank(bitbank):  # type: ignore[misc,no-any-unimported,unused-ignore]
        seen_headers: Mapping[str, str] | None = None

        def handle_errors(
            self,
            http_status: int,
            _http_reason: str,
            url: str,
            _method: str,
            headers: Mapping[str, str],
            body: str,
            response: Any,
            _request_headers: Any,
            _request_body: Any,
        ) -> None:
            self.seen_headers = headers
            refuse_unless_good(http_status, url=url, headers=headers, body=body, response=response)

    return Bitbank


def refuse_unless_good(
    http_status: int, *, url: str, headers: Mapping[str, str], body: str, response: Any
) -> None:
    """Return for an envelope `{"success": 1, "data": {...}}` with an HTTP status below 400; raise
    what else it is.
    """
    what = url.split("://", 1)[-1].partition("/")[2] or url
    data = response.get("data") if isinstance(response, dict) else None
    code = data.get("code") if isinstance(data, dict) else None
    wait = retry_after_seconds(headers.get("Retry-After"), date=headers.get("Date"))
    if isinstance(response, dict) and response.get("success") != 1 and type(code) is int:
        raise error_of(what, code=code, http_status=http_status, retry_after_seconds=wait)
    if http_status == HTTP_TOO_MANY:
        raise RateLimited(
            f"bitbank asks for patience with {what} (HTTP 429)", retry_after_seconds=wait
        )
    if http_status >= HTTP_SERVER_ERROR:
        raise NoAnswer(f"bitbank answered {what} with HTTP {http_status}")
    if http_status >= 400:  # noqa: PLR2004 (HTTP's own boundary)
        raise NoAnswer(f"bitbank answered {what} with HTTP {http_status}", again=False)
    if not isinstance(response, dict) or response.get("success") != 1 or not isinstance(data, dict):
        shown = " ".join(body.split())[:BAD_ANSWER_SHOWN]
        raise BadEnvelope(
            f"bitbank answered {what} with HTTP {http_status} but not with its JSON:"
            f" {shown or 'nothing'}"
        )
