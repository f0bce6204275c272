"""The parts that all alerts of one report share."""

from collections.abc import Mapping

from shared.alerts.acts import act_alert
from shared.alerts.advice import advice_fields
from shared.alerts.wording import alert_key, daily_key, lasting_key, name_fields
from shared.core.sentences import say
from shared.core.sentences.figures import jst_and_utc
from shared.core.settings import Settings
from shared.core.types import Alert, Level, TickReport


class AlertMaker:
    """Makes the alerts of one report.

    `told` are the facts of an alert; `variant` and `reason` choose its advice where that of its
    kind is not enough (see `advice_fields`).
    """

    def __init__(self, report: TickReport, settings: Settings) -> None:
        """Make alerts of `report`; `settings` say how long a window is."""
        self._bot = report.bot
        self._mode = report.mode
        self._at = report.finished_at
        self._settings = settings

    def make_lasting(
        self,
        level: Level,
        kind: str,
        subject: object,
        title: str,
        told: Mapping[str, str],
        *,
        variant: str = "",
        reason: str = "",
    ) -> Alert:
        """A condition: once a window."""
        key = lasting_key(self._bot, kind, subject, at=self._at, settings=self._settings)
        advice = advice_fields(kind, level, at=self._at, variant=variant, reason=reason)
        thread = alert_key(self._bot, kind, subject)
        return self._make(level, key, kind, title, {**advice, **told}, self._at, thread=thread)

    def make_daily(
        self, level: Level, kind: str, title: str, told: Mapping[str, str], *, variant: str = ""
    ) -> Alert:
        """A limit that lasts: once a JST day."""
        key = daily_key(self._bot, kind, at=self._at)
        advice = advice_fields(kind, level, at=self._at, variant=variant)
        return self._make(level, key, kind, title, {**advice, **told}, self._at)

    def make_event(
        self,
        level: Level,
        kind: str,
        subject: object,
        title: str,
        told: Mapping[str, str],
        *,
        at: int | None = None,
        variant: str = "",
    ) -> Alert:
        """Something that happened: once. `at`: when; a person's time counts from the report on."""
        advice = advice_fields(kind, level, at=self._at, variant=variant)
        return self._make(
            level,
            alert_key(self._bot, kind, subject),
            kind,
            title,
            {**advice, **told},
            self._at if at is None else at,
        )

    def make_overrule(self, model: str, why: str) -> Alert:
        """That a setting begins to let a model enter: once for each model."""
        return act_alert(
            "overrule",
            model,
            whose=self._bot,
            name=model,
            bot=f"{self._bot} ({self._mode})",
            who=say("alerts.value.by_setting"),
            why=why,
            at=self._at,
        )

    def _make(
        self,
        level: Level,
        name: str,
        kind: str,
        title: str,
        told: Mapping[str, str],
        at: int,
        *,
        thread: str = "",
    ) -> Alert:
        last = name_fields(time=jst_and_utc(at), bot=f"{self._bot} ({self._mode})")
        fields = {**told, **last}
        return Alert(
            key=name, level=level, kind=kind, title=title, at=at, fields=fields, thread=thread
        )
