"""One message to one webhook: how often it is tried, how long it may take, and how long the webhook
is left alone afterwards.
"""

from collections.abc import Callable

from shared.alerts.discord.answers import (
    OF_THE_WAY,
    TOO_MANY,
    Answer,
    MessageEnd,
    message_end,
)
from shared.alerts.discord.delivery import DiscordDelivery
from shared.alerts.discord.letters import Letter, confirming_url
from shared.alerts.discord.posting import Post
from shared.alerts.ports import LogWriter, Patience
from shared.core.errors import Unavailable
from shared.core.retry import backoff_seconds, retry
from shared.core.settings import Settings

_BACKOFF_SECONDS = 0.5
_LEAST_SECONDS = 0.05
_MOST_MESSAGES = 15
"""To one webhook in one delivery, below Discord's 30 a minute: what waits beyond that waits for the
next."""


class NotTaken(Exception):
    """A message that was not taken and may be sent again, unless the failure `is_final`."""

    def __init__(self, found: str, *, answer: Answer | None = None, is_final: bool = False) -> None:
        super().__init__(found)
        self._answer, self._is_final = answer, is_final

    @property
    def asked_by(self) -> Answer | None:
        """The answer that asked for patience, where one did."""
        answer = self._answer
        is_asked = answer is not None and (answer.status == TOO_MANY or answer.is_ban)
        return answer if is_asked else None

    def pause_seconds(self, number: int) -> float | None:
        """How long to wait after failure `number`: as the answer says, or longer each time."""
        if self._is_final:
            return None
        asked = None if self._answer is None else self._answer.retry_after_seconds
        return backoff_seconds(_BACKOFF_SECONDS, number) if asked is None else asked


class Courier:
    """Brings messages to webhooks.

    Waits as long as Discord asks (429), tries `discord.attempts` times and never longer than it
    may. An attempt whose answer got lost is repeated: an alert twice is better than none. A wait
    that is longer than a delivery may take is remembered by `patience`: until it is over nothing is
    sent there, by this tick's other levels or by later ticks. One that shuts us out is tried again
    after `telling.ban_seconds`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        patience: Patience | None,
        post: Post,
        write: LogWriter,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
    ) -> None:
        """Send by `post`."""
        self._discord = settings.discord
        self._ban_seconds = settings.telling.ban_seconds
        self._patience = patience
        self._post = post
        self._write = write
        self._sleep = sleep
        self._monotonic = monotonic

    def bring(self, url: str, letter: Letter, delivery: DiscordDelivery) -> tuple[MessageEnd, str]:
        """How it ended, and the message's id where it was sent, else what was wrong."""
        if (closed := self._refuse_message(url, delivery)) is not None:
            return closed
        try:
            return retry(
                lambda: self._ask(url, letter, until=delivery.until),
                on=NotTaken,
                pause_seconds=lambda failure, number: failure.pause_seconds(number),
                attempts=self._discord.attempts,
                deadline=delivery.until - _LEAST_SECONDS,
                sleep=self._sleep,
                monotonic=self._monotonic,
            )
        except NotTaken as failure:
            if failure.asked_by is None:
                return MessageEnd.GAVE_UP, str(failure)
            wait = self._note(url, failure.asked_by)
            delivery.wait_seconds = max(delivery.wait_seconds, wait)
            return MessageEnd.LATER, str(failure)

    def _ask(self, url: str, letter: Letter, *, until: float) -> tuple[MessageEnd, str]:
        left = until - self._monotonic()
        if left < _LEAST_SECONDS:
            raise NotTaken("there was no time left", is_final=True)
        try:
            answer = self._post(
                confirming_url(url, message=letter.edits),
                letter,
                min(self._discord.timeout_seconds, left),
            )
        except Unavailable as error:
            raise NotTaken(str(error)) from None
        end, found = message_end(answer.status), f"Discord answered {answer.status}"
        if answer.is_ban and letter.edits and answer.status == TOO_MANY:
            # Changes have a limit of their own: a message will say what this one was to say.
            return MessageEnd.REFUSED, found
        if answer.is_ban:
            raise NotTaken(f"{found} and shut us out", answer=answer, is_final=True)
        if end is None:
            raise NotTaken(found, answer=answer, is_final=answer.status in OF_THE_WAY)
        return end, answer.message if end is MessageEnd.SENT else found

    def _refuse_message(self, url: str, delivery: DiscordDelivery) -> tuple[MessageEnd, str] | None:
        """Why this webhook gets nothing (more) in this delivery, or None; counts the message
        otherwise.
        """
        if url in delivery.closed:
            return delivery.closed[url]
        left = self._left_alone_seconds(url)
        if left > 0:
            delivery.wait_seconds = max(delivery.wait_seconds, left)
            return MessageEnd.LATER, f"Discord asked for patience, for {left:,.0f} s more"
        delivery.messages[url] = delivery.messages.get(url, 0) + 1
        if delivery.messages[url] > _MOST_MESSAGES:
            return MessageEnd.LATER, f"{_MOST_MESSAGES} messages are enough for one delivery"
        return None

    def _left_alone_seconds(self, url: str) -> float:
        """How long the webhook still wants no message; where that cannot be read it is asked."""
        try:
            return 0.0 if self._patience is None else self._patience.left_seconds(url)
        # A note that cannot be read must not hold an alert back.
        except Exception as error:  # noqa: BLE001
            self._write(
                "alerts.patience", severity="WARNING", problem=f"{type(error).__name__}: {error}"
            )
            return 0.0

    def _note(self, url: str, asked: Answer) -> float:
        """Remember what it asked for; how long that is."""
        wait = self._ban_seconds if asked.is_ban else asked.retry_after_seconds or 0.0
        try:
            if self._patience is not None:
                self._patience.note(url, wait, everywhere=asked.everywhere)
        # A note that cannot be written must not stop a tick.
        except Exception as error:  # noqa: BLE001
            self._write(
                "alerts.patience", severity="WARNING", problem=f"{type(error).__name__}: {error}"
            )
        return wait
