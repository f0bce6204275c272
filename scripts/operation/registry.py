"""The registry as the commands `models`, `promote` and `rollback` use it: read, judge, move, and
write down who did it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from functions import wiring
from scripts.operation.bot import Here
from shared import model
from shared.core.errors import BadBundle, Conflict, UserError
from shared.core.sentences import say
from shared.model.bundle import Bundle
from shared.model.registry import BundleRegistry, ServingPointer
from shared.model.signing import public_keys
from shared.stores.conflicts import repeat_on_conflict
from shared.turn.champion import unsuited_reason

ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEntry:
    """A bundle of the registry; `wrong` says why it does not load, or `unfit` why it may not serve
    under these settings.
    """

    version: str
    bundle: Bundle | None
    wrong: str = ""
    unfit: str = ""

    @property
    def verdict(self) -> str:
        """What the gate let it do, in words."""
        if self.bundle is None:
            return "does not load"
        if self.unfit:
            return "does not fit"
        told = self.bundle.manifest.verdict
        return "may enter" if told.may_enter else "may serve" if told.may_serve else "refused"


def registry_of(here: Here) -> BundleRegistry:
    """The registry in this environment's bucket."""
    return BundleRegistry(wiring.bucket_for(here.settings))


def look(here: Here, registry: BundleRegistry, version: str) -> RegistryEntry:
    """Load a bundle as a tick would: signature, hashes, structure and golden rows; then what it is
    for, and for whom.
    """
    try:
        bundle = model.load_bundle(
            registry.files(version), public_keys=public_keys(here.settings), version=version
        )
    except BadBundle as error:
        return RegistryEntry(version=version, bundle=None, wrong=str(error))
    return RegistryEntry(
        version=version, bundle=bundle, unfit=unsuited_reason(bundle.manifest, here.settings) or ""
    )


def move_by_hand(move: Callable[[], ServingPointer]) -> ServingPointer:
    """Make a person's move; where somebody else moves at the same moment, read again and try again.

    Raises `UserError`.
    """
    try:
        return repeat_on_conflict(move, attempts=ATTEMPTS)
    except Conflict as error:
        raise UserError(
            "somebody else keeps moving the pointer",
            remedy="look with `scripts/bot models`, then try again",
        ) from error


def pointer_lines(before: ServingPointer | None, after: ServingPointer) -> list[str]:
    """What a move came to."""
    was = say("models.nothing") if before is None else before.version
    none = say("models.none")
    return [
        say("models.moved", model=after.version, before=was),
        say("models.previous", model=after.previous or none),
        say("models.challenger", model=after.challenger or none, since=""),
    ]
