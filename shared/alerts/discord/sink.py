"""The sink that tells alerts over Discord: which of them go together, to which webhook, and what
becomes of those that are not taken.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from shared.alerts.discord.answers import MessageEnd
from shared.alerts.discord.courier import Courier
from shared.alerts.discord.delivery import DiscordDelivery
from shared.alerts.discord.posting import Post, post_by_requests
from shared.alerts.embeds import messages
from shared.alerts.log_sink import LogSink
from shared.alerts.ports import Delivered, LogWriter, Patience
from shared.core.deadline import bound_at
from shared.core.errors import BadSettings
from shared.core.logs import log
from shared.core.masking import mask_secrets, register_secrets
from shared.core.settings import Settings, is_loopback
from shared.core.types import Alert, Level

_MOST_REMEMBERED = 1_000


class DiscordSink:
    """Alerts as Discord messages, one message a level where they fit.

    Levels without a webhook are logged.

    What Discord refuses is not tried again: one by one where it came in company, so that a bad one
    does not hold back the others; and logged. How often the rest is tried, and how long Discord is
    left alone, is the `Courier`'s.
    """

    name = "discord"

    def __init__(
        self,
        webhooks: Mapping[Level, str],
        settings: Settings,
        *,
        patience: Patience | None = None,
        post: Post | None = None,
        write: LogWriter = log,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Send alerts of each level to its webhook.

        Raises `BadSettings` for an address that cannot be one.
        """
        for level, url in webhooks.items():
            _check(level, url)
            register_secrets(url)
        self._webhooks = dict(webhooks)
        self._ban_seconds = settings.telling.ban_seconds
        self._courier = Courier(
            settings,
            patience=patience,
            post=post or post_by_requests,
            write=write,
            sleep=sleep,
            monotonic=monotonic,
        )
        self._write = write
        self._log = LogSink(write)
        self._told: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"DiscordSink({', '.join(level.value for level in self._webhooks)})"

    @property
    def loudest(self) -> tuple[Level, ...]:
        """Of each webhook the loudest level that goes to it."""
        found: dict[str, Level] = {}
        for level in Level:
            if level in self._webhooks:
                found.setdefault(self._webhooks[level], level)
        return tuple(found.values())

    def send(self, alerts: Sequence[Alert], *, deadline_ms: int) -> frozenset[str]:
        """Deliver what can be delivered by `deadline_ms` (monotonic), the critical first; the keys
        of those that were.

        A key that this sink has delivered before is not sent again: the outbox may have failed to
        note it.
        """
        return self.deliver(alerts, deadline_ms=deadline_ms).told

    def deliver(
        self,
        alerts: Sequence[Alert],
        *,
        deadline_ms: int,
        edits: Mapping[str, str] | None = None,
        pictures: Mapping[str, bytes] | None = None,
    ) -> Delivered:
        """Like `send`, and what else came of it (see `Channel`). What has a picture or takes the
        place of a message is a message of its own.
        """
        until = deadline_ms / 1000
        delivery = DiscordDelivery(
            until=bound_at(until) or until, edits=edits or {}, pictures=pictures or {}
        )
        fresh = list({alert.key: alert for alert in alerts if alert.key not in self._told}.values())
        for level in Level:
            group = [alert for alert in fresh if alert.level is level]
            url = self._webhooks.get(level)
            if not group:
                continue
            if url is None:
                self._remember(self._log.send(group))
                continue
            try:
                self._send_level(url, group, delivery)
            # An alert that cannot be told must not stop a tick.
            except Exception as error:  # noqa: BLE001
                self._log_failure(group, f"a {type(error).__name__} of ours")
        return Delivered(
            told=frozenset(alert.key for alert in alerts if alert.key in self._told),
            refused=delivery.refused,
            messages=delivery.made,
            wait_seconds=delivery.wait_seconds,
        )

    def _send_level(self, url: str, alerts: Sequence[Alert], delivery: DiscordDelivery) -> None:
        alone = [alert for alert in alerts if delivery.is_alone(alert)]
        company = [alert for alert in alerts if not delivery.is_alone(alert)]
        for part in (company, *([alert] for alert in alone)):
            for group, body in messages(part, mask=mask_secrets):
                self._send_group(url, group, body, delivery)

    def _send_group(
        self, url: str, group: Sequence[Alert], body: Mapping[str, Any], delivery: DiscordDelivery
    ) -> None:
        end, problem = self._courier.bring(url, delivery.letter(group, body), delivery)
        edited = delivery.edits.get(group[0].key)
        if edited and end in {MessageEnd.GONE, MessageEnd.REFUSED}:
            # Somebody removed the message, or it may not be changed: a new one takes its place.
            delivery.edits = {
                key: message for key, message in delivery.edits.items() if message != edited
            }
            end, problem = self._courier.bring(url, delivery.letter(group, body), delivery)
        if end is MessageEnd.REFUSED and len(group) > 1:
            for alert in group:
                self._send_level(url, [alert], delivery)
            return
        if end in {MessageEnd.GONE, MessageEnd.LATER}:
            delivery.closed[url] = end, "its webhook is gone" if end is MessageEnd.GONE else problem
        if (
            end is MessageEnd.GONE
        ):  # as good as a ban, but asked each time: its owner may have mended it
            delivery.wait_seconds = max(delivery.wait_seconds, self._ban_seconds)
        if end is MessageEnd.SENT:
            self._remember(alert.key for alert in group)
            delivery.made |= {alert.key: problem for alert in group if problem}
            return
        if end is MessageEnd.REFUSED:
            delivery.refused |= {alert.key: problem for alert in group}
        self._log_failure(group, problem)

    def _remember(self, keys: Any) -> None:
        self._told.update(dict.fromkeys(keys))
        while len(self._told) > _MOST_REMEMBERED:
            del self._told[next(iter(self._told))]

    def _log_failure(self, alerts: Sequence[Alert], problem: str) -> None:
        self._write(
            "alerts.not_sent",
            severity="ERROR",
            problem=mask_secrets(problem),
            level=alerts[0].level.value,
            keys=[alert.key for alert in alerts],
            titles=[alert.title for alert in alerts],
        )


def _check(level: Level, url: str) -> None:
    try:
        parts = urlsplit(url)
        good = bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
        )
    except ValueError:
        good = False
    if not good:
        raise BadSettings(
            f"the Discord webhook for {level.value} alerts is not an https address",
            remedy="copy it from the channel's settings in Discord, under Integrations",
        )
