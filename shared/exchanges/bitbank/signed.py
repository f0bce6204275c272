"""bitbank's private REST: one request, signed, sent once, and the answer as it came.

ccxt signs and carries, and nothing else of it is used: the body that it signs is our exact text,
the time that it signs with is ours, and it judges no answer. Nothing here sends anything twice:
ccxt's retries and urllib3's are off, no redirect is followed (307 and 308 would send a POST again),
the environment's proxies and `.netrc` are ignored, and a POST opens a connection of its own, so
that none is lost on one that the exchange has just closed.
"""

import functools
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from shared.core.clock import Clock
from shared.core.deadline import bound_at
from shared.core.masking import mask_secrets, register_secrets
from shared.core.reasons import Reason
from shared.core.settings import ExchangeSettings
from shared.exchanges.bitbank.bodies import CountedAs, SignedRequest
from shared.exchanges.bitbank.envelope import CarriedAnswer, is_too_many
from shared.exchanges.bitbank.errors import NoAnswer, NotSent
from shared.exchanges.bitbank.pace import AccountPace
from shared.exchanges.bitbank.transport import unreachable_sentence

ARRIVAL_MS = 1_000
"""How long before the end of its window a request with a fixed time must leave at the latest."""
LEAST_SECONDS = 1.0
"""A request with a fixed time needs so long before the deadline: an order that leaves with less is
likely to arrive, and its answer is not, which leaves it unknown for the next tick to find."""
LONGEST_HOLD_SECONDS = 10.0
"""What the exchange asked to wait for longer than this is not waited for."""


class SignedRest:
    """Carries signed requests. Not for threads: one instance each.

    `requests` counts what was sent.
    """

    def __init__(
        self,
        settings: ExchangeSettings,
        clock: Clock,
        *,
        key: str,
        secret: str,
        limits: AccountPace,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect to nothing yet. `limits`: one for all that asks bitbank for this account."""
        register_secrets(key, secret)
        self._settings = settings
        self._clock = clock
        self._key = key
        self._secret = secret
        self._limits = limits
        self._monotonic = monotonic
        self._exchange: Any = None
        self.requests = 0
        self.begin()

    def __repr__(self) -> str:
        return f"SignedRest({self._settings.private_url})"

    @property
    def window_ms(self) -> int:
        """How long after its time bitbank takes a request, where it has no window of its own."""
        return int(self._settings.request_window_seconds * 1000)

    def begin(self, *, deadline: float | None = None) -> None:
        """Start a new round: nothing waits past `deadline` (of `time.monotonic`)."""
        self.deadline = deadline

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        if self._exchange is not None:
            self._exchange.session.close()
            self._exchange = None

    def carry(
        self, request: SignedRequest, *, at_ms: int | None = None, window_ms: int | None = None
    ) -> CarriedAnswer:
        """Send once and give the answer, whatever it says.

        Args:
            request: What is sent.
            at_ms: The time that it is signed with, fixed by the caller; None: the moment in which
                it leaves, for a reading.
            window_ms: How long after that time bitbank takes it; None: as the settings say.

        Raises:
            NotSent: for certain nothing left: no connection, no time before the deadline, or its
                turn would come too late for the window.
            NoAnswer: it was sent, or may have been, and no answer came.
        """
        pace = (
            self._limits.updates if request.counted_as is CountedAs.UPDATE else self._limits.queries
        )
        exchange = self._ready()  # before the checks: the first time it takes seconds
        window_ms = self.window_ms if window_ms is None else window_ms
        latest_ms = None if at_ms is None else at_ms + window_ms - ARRIVAL_MS
        self._check_time(request, after_seconds=pace.seconds_left(), latest_ms=latest_ms)
        pace.wait()
        timeout = self._check_time(request, after_seconds=0.0, latest_ms=latest_ms)
        if request.method == "POST":
            exchange.session.close()
        self.requests += 1
        answer = exchange.carry_once(
            request,
            at_ms=self._clock.now_ms() if at_ms is None else at_ms,
            window_ms=window_ms,
            timeout_seconds=timeout,
        )
        if isinstance(answer, CarriedAnswer):
            if is_too_many(answer):
                pace.pause(answer.retry_after_seconds)
            return answer
        # Raised outside of the handler: what requests raises holds the request with its key.
        raise answer

    def _check_time(
        self, request: SignedRequest, *, after_seconds: float, latest_ms: int | None
    ) -> float:
        """How many seconds the request may take."""
        if after_seconds > LONGEST_HOLD_SECONDS:
            raise NotSent(
                f"bitbank asked for patience; {request.path} was not sent",
                reason=Reason.EXCHANGE_BUSY,
            )
        left = longest = self._settings.timeout_seconds
        deadline = bound_at(self.deadline)
        if deadline is not None:
            left = min(left, deadline - self._monotonic() - after_seconds)
        least = 0.0 if latest_ms is None else min(LEAST_SECONDS, longest)
        if left <= 0 or left < least:
            raise NotSent(
                f"no time was left to ask bitbank for {request.path}", reason=Reason.DEADLINE_NEAR
            )
        if latest_ms is not None:
            late_ms = self._clock.now_ms() + after_seconds * 1000 - latest_ms
            if late_ms > 0:
                raise NotSent(
                    f"the request for {request.path} would leave {late_ms:.0f} ms too late for"
                    " the window of its time",
                    reason=Reason.DEADLINE_NEAR,
                )
        return left

    def _ready(self) -> Any:
        if self._exchange is None:
            from shared.core.sessions import StayingSession, bounded_session

            session = bounded_session(StayingSession())
            session.trust_env = False
            private = self._settings.private_url.rstrip("/")
            self._exchange = _signing_class()(
                {
                    "apiKey": self._key,
                    "secret": self._secret,
                    "enableRateLimit": False,
                    "requests_trust_env": False,
                    "session": session,
                    "logger": _silent(),
                    "urls": {"api": {"private": private.removesuffix("/v1")}},
                    "options": {"maxRetriesOnFailure": 0},
                }
            )
        return self._exchange


@functools.cache
def _silent() -> logging.Logger:
    """For ccxt, which would log the headers of every request."""
    logger = logging.getLogger("bitbank.signed")
    logger.disabled = True
    return logger


@functools.cache
def _signing_class() -> type[Any]:
    """The bitbank of ccxt, which signs and carries; what is overridden is what it would decide."""
    from ccxt.bitbank import bitbank

    from shared.core.sessions import NoTimeLeft, ending

    # Ccxt is not typed.
    class SigningBitbank(bitbank):  # type: ignore[misc,no-any-unimported,unused-ignore]
        _at_ms = 0
        _body: str | None = None
        _arrived: CarriedAnswer | None = None

        def carry_once(
            self, request: SignedRequest, *, at_ms: int, window_ms: int, timeout_seconds: float
        ) -> CarriedAnswer | NoAnswer | NotSent:
            self._at_ms, self._body, self._arrived = at_ms, request.body, None
            self.options["timeWindow"] = str(window_ms)
            self.timeout = max(1, int(timeout_seconds * 1000))
            failure: NoAnswer | NotSent
            handled = sys.exception()
            until = time.monotonic() + timeout_seconds
            with ending(until=until, silence_seconds=timeout_seconds) as call:
                try:
                    self.request(request.path, ["private"], request.method, dict(request.query))
                except Exception as error:  # noqa: BLE001 (whatever it is: it may have left)
                    base_url = self.urls["api"]["private"]
                    said = (
                        f"bitbank at {base_url} did not answer in time"
                        if isinstance(error, NoTimeLeft)
                        else unreachable_sentence(base_url, error, until=handled)
                    )
                    failure = _failure(mask_secrets(said), request, may_be_sent=call.may_be_sent)
                else:
                    failure = NoAnswer(f"nothing is known of the answer to {request.path}")
                finally:
                    # they hold the key and the signature
                    self.last_request_headers = self.last_request_body = None
            return failure if self._arrived is None else self._arrived

        def milliseconds(self) -> int:
            return self._at_ms

        def incrementing_nonce(self) -> int:
            return self._at_ms

        def json(self, _data: Any, _params: Any = None) -> str | None:
            """The exact text of the request's body."""
            return self._body

        def parse_json(self, _http_response: str) -> None:
            """Nothing: answers are read strictly, and elsewhere."""

        def handle_errors(
            self,
            http_status: int,
            _http_reason: str,
            _url: str,
            _method: str,
            headers: Mapping[str, str],
            body: str,
            _response: Any,
            _request_headers: Any,
            _request_body: Any,
        ) -> bool:
            self._arrived = CarriedAnswer(status=http_status, headers=dict(headers), body=body)
            return True

    return SigningBitbank


def _failure(said: str, request: SignedRequest, *, may_be_sent: bool) -> NoAnswer | NotSent:
    if not may_be_sent:
        return NotSent(
            f"{said}; {request.path} was not sent", reason=Reason.STEP_FAILED, again=True
        )
    return NoAnswer(f"{said} after {request.path} was sent")
