"""The private side of the sandbox: who asks and how often, one account behind a lock, and its past
for views that lag.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.types import AccountKind, Book, PairRules
from shared.exchanges.sandbox.market import SandboxMarket
from shared.exchanges.sandbox.private.limits import RequestKind, RequestLimits
from shared.exchanges.sandbox.private.refusals import TOO_FREQUENT, Refused
from shared.exchanges.sandbox.private.settings import PrivateSettings
from shared.exchanges.sandbox.private.signing import Signatures
from shared.exchanges.sandbox.private.standing import Ground, Standing, open_standing
from shared.exchanges.sandbox.private.walking import start_walk, walk_standing
from shared.exchanges.sandbox.routes import Call
from shared.market.path import book_at

MOST_LOGGED = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One private request as it came in, and how it was answered: `code` is None for success."""

    at: int
    endpoint: str
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    code: int | None


@dataclass(slots=True, kw_only=True)
class PrivateSide:
    """One owner's account on the exchange. Safe for many threads: `lock` is held while it is looked
    at or changed.
    """

    market: SandboxMarket
    settings: PrivateSettings
    spread_rate: float
    seconds: Callable[[], float] = time.monotonic
    lock: threading.RLock = field(default_factory=threading.RLock)
    signatures: Signatures = field(init=False)
    limits: RequestLimits = field(init=False)
    log: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=MOST_LOGGED))
    past: deque[Standing] = field(default_factory=deque)
    standing: Standing | None = None

    def __post_init__(self) -> None:
        """Know the keys, and count requests from now on."""
        self.signatures = Signatures(self.settings.keys)
        self.limits = RequestLimits(self.seconds)

    def check_request(self, call: Call, kind: RequestKind, *, clock_ms: int) -> None:
        """Whether the request is signed and comes slowly enough. Raises `Refused`."""
        code = self.signatures.find_refusal(
            call.method, call.target, call.body, call.headers, now_ms=clock_ms
        )
        if code is not None:
            raise Refused(code)
        self.count_request(kind)

    def count_request(self, kind: RequestKind) -> None:
        """Count it for its limit. Raises `Refused`."""
        if self.settings.is_limited and not self.limits.take(kind):
            raise Refused(TOO_FREQUENT)

    def open(self, now_ms: int, rules: PairRules) -> None:
        """Open the account, if nobody has yet."""
        with self.lock:
            if self.standing is None:
                ground = self.ground({}, lambda _name: False)
                opened = open_standing(
                    now_ms, self.price_at(now_ms), self.settings, rules, self.spread_rate
                )
                self.keep(start_walk(opened, ground, now_ms))

    def advance(self, ground: Ground, now_ms: int) -> Standing:
        """The account of this instant: walked, and remembered at each change on the way."""
        if self.standing is None:
            raise AssertionError("an account is opened before it is walked")
        walked = walk_standing(self.standing, ground, now_ms, keep=self.past.append)
        self.standing = walked
        self._forget(now_ms)
        return walked

    def keep(self, standing: Standing) -> None:
        """Make this the account."""
        self.standing = standing
        self.past.append(standing)

    def _forget(self, now_ms: int) -> None:
        """Let go of what no view can ask for any more."""
        oldest = now_ms - int(self.settings.most_lag_seconds * 1_000)
        while len(self.past) > 1 and self.past[1].at <= oldest:
            self.past.popleft()

    def view(self, at: int) -> Standing:
        """The account as it was at `at`; never older than the longest lag."""
        if self.standing is None:
            raise AssertionError("an account is opened before it is viewed")
        known = [standing for standing in self.past if standing.at <= at]
        return known[-1] if known else self.past[0]

    def ground(
        self, rules: Mapping[AccountKind, PairRules], is_lying: Callable[[str], bool]
    ) -> Ground:
        """What the account stands on at this request."""
        return Ground(
            minutes=self.market.minutes,
            rules=rules,
            settings=self.settings,
            spread_rate=self.spread_rate,
            is_lying=is_lying,
        )

    def price_at(self, now_ms: int) -> int | None:
        """The last price of the path."""
        point = self.market.point_at(now_ms)
        return None if point is None else point[1]

    def book_at(self, now_ms: int) -> Book | None:
        """The best prices around it."""
        price = self.price_at(now_ms)
        return None if price is None else book_at(price, spread_rate=self.spread_rate, as_of=now_ms)

    def describe_account(self) -> dict[str, Any]:
        """The truth, for tests and people: what no view has spoiled."""
        from shared.exchanges.sandbox.private.truth import describe_standing

        with self.lock:
            return {} if self.standing is None else describe_standing(self.standing, self.settings)
