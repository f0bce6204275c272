"""What a tick finds in the store when it begins: the state, what people ordered, intents that
nobody closed, the outbox.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.core.clock import BoundedClock
from shared.core.errors import BadData
from shared.core.frozen import copy_with
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.tick_times import latest_believed
from shared.core.types import Adoption, Counted, Issue, Ledger, OpenIntent, TickStatus
from shared.orders.correcting import Corrected, correct_ledger
from shared.stores.lease import Lease
from shared.stores.ports import Document
from shared.tick.control import Moved
from shared.tick.documents import BotDocuments
from shared.tick.intents import Written, decode_intents, unsaved_plans
from shared.tick.live.documents import LiveDocuments
from shared.tick.live.standing import LiveStanding
from shared.turn.state import State
from shared.turn.turn import Ending, Occasion, Turn

MENDED_BY = "`scripts/bot doctor` names what is damaged and how it is mended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What was stored.

    Attributes:
        before: The state that the tick before left; where it is damaged, what protection needs of
            it.
        damaged_state: Why the state cannot be read whole; None where it can.
        strange: Times in it that were not believed.
        halted: Whether a person has halted the bot.
        flattens: Whether a person has ordered that all it holds is closed.
        moved: Where the bot has gone to or comes from; None: it is here.
        adopted: What the book became by a person's correction of it; None: nothing was corrected.
        lifts: The drawdown halt that a person took back, by the instant at which it began.
        damage: What lies damaged and forbids entries until a person mends it.
        open_intents: The documents of intents that no saved state knows of.
        intents: What those of them say that can be read, by path.
        has_waiting_alerts: Whether an alert of before was not told yet.
        standing: What people have said of this bot with real money; None on paper.
        closed: Why it enters nothing with real money, whatever it decides.
        stage: The stage that the tick is in, where people allow less than the settings say.
    """

    before: State
    damaged_state: str | None = None
    strange: tuple[Issue, ...] = ()
    halted: bool = False
    flattens: bool = False
    moved: Moved | None = None
    adopted: Corrected | None = None
    lifts: int = 0
    damage: tuple[Issue, ...] = ()
    open_intents: Sequence[Document] = ()
    intents: Mapping[str, Written]
    has_waiting_alerts: bool = False
    standing: LiveStanding | None = None
    closed: tuple[Issue, ...] = ()
    stage: str | None = None

    @property
    def confirmed_orders(self) -> tuple[int, ...]:
        """Orders of the bot's own form that are somebody else's, by the owner's word."""
        record = None if self.standing is None else self.standing.record
        return () if record is None else record.confirmed_orders

    @property
    def counted_account(self) -> Counted | None:
        """What the saved state has counted of the account, None where that cannot be read."""
        return self.before.counted_account if self.damaged_state is None else None

    @property
    def ledger(self) -> Ledger | None:
        """The bot's own book of a real account, as it is corrected."""
        return self.before.ledger if self.adopted is None else self.adopted.ledger

    @property
    def is_blocked(self) -> bool:
        """Whether nobody knows what came of an order of a tick before."""
        return any(intent.is_unsettled for intent in self.intents.values())

    @property
    def asked_about(self) -> tuple[OpenIntent, ...]:
        """The orders of ticks before that an exchange is asked about, the oldest first."""
        sent = (intent.open_intent for intent in self.intents.values())
        return tuple(sorted((one for one in sent if one is not None), key=lambda one: one.at))

    @property
    def sound_intents(self) -> Sequence[Document]:
        """The intents that can be read."""
        return [intent for intent in self.open_intents if intent.path in self.intents]

    def turn(self, name: str, *, scheduled_at: int) -> Turn:
        """The turn of a tick as it begins; `name` begins the ids of its intents."""
        occasion = Occasion(
            name=name,
            scheduled_at=scheduled_at,
            lifts=self.lifts,
            halted=self.halted,
            flattens=self.flattens,
            damage=self.damage,
            unsaved=tuple(unsaved_plans(self.intents.values())),
            readable=self.damaged_state is None,
        )
        turn = Turn(occasion=occasion, state=self.before)
        if self.damaged_state is None:
            return turn
        return turn.end_with(
            Ending(
                status=TickStatus.DEGRADED, reason=Reason.STATE_DAMAGED, detail=self.damaged_state
            )
        )


def load_tick_inputs(
    bot: BotDocuments, lease: Lease, *, clock: BoundedClock, settings: Settings, key: str = ""
) -> Loaded:
    """Read everything that a tick needs of the store. Damage is told, not raised. `key` is the
    fingerprint of the key that a real account is asked with.
    """
    ordered, open_intents = bot.control(), bot.open_intents()
    intents, damaged_intents = decode_intents((intent.path, intent.data) for intent in open_intents)
    damaged_state: str | None = None
    strange: tuple[Issue, ...] = ()
    stored = lease.data.get("state")  # none at the very first tick
    try:
        before, strange = _believe_state(State.decode_state(stored, settings), clock, settings)
    except BadData as error:
        before, damaged_state = State.salvage_state(stored, settings), str(error)
    standing: LiveStanding | None = None
    closed: tuple[Issue, ...] = ()
    stage: str = settings.stage
    if settings.mode == "live":
        live = LiveDocuments(bot.documents, bot.bot)
        standing = live.standing(settings, key=key, cap=ordered.stage_at_most)
        closed = standing.issues(settings, key=key, ledger=before.ledger)
        stage = standing.stage(settings)
    adopted = _correct(before, ordered.adoption, settings)
    return Loaded(
        before=copy_with(before, stage=stage),
        standing=standing,
        closed=closed,
        stage=stage if stage != settings.stage else None,
        damaged_state=damaged_state,
        strange=strange,
        halted=bool(ordered.halts) or ordered.flatten is not None,
        flattens=ordered.flatten is not None,
        moved=ordered.moved,
        adopted=adopted,
        lifts=ordered.lifts_drawdown,
        damage=(
            *(_damage(Reason.CONTROL_DAMAGED, found) for found in ordered.damaged.values()),
            *(_damage(Reason.INTENT_DAMAGED, found) for found in damaged_intents.values()),
        ),
        open_intents=open_intents,
        intents=intents,
        has_waiting_alerts=bot.has_waiting_alerts(),
    )


def _correct(before: State, asked: Adoption | None, settings: Settings) -> Corrected | None:
    """The book as a person ordered it to be corrected, where it has not been yet."""
    if before.ledger is None or asked is None:
        return None
    return correct_ledger(before.ledger, asked, kind=settings.account)


def _believe_state(
    stored: State, clock: BoundedClock, settings: Settings
) -> tuple[State, tuple[Issue, ...]]:
    """The stored state without the times that lie in the future.

    A clock that is wrong cannot judge them.
    """
    if clock.off_ms:
        return stored, ()
    now = clock.now_ms()
    return stored.believe_times(now, latest_ms=latest_believed(now, settings), settings=settings)


def _damage(reason: Reason, found: str) -> Issue:
    return Issue(reason=reason, forbids_entry=True, context={"found": found, "remedy": MENDED_BY})
