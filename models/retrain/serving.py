"""What serves after a retraining: nothing is moved but by compare-and-set, and doing it twice moves
nothing twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from models.retrain.sealing import Sealed
from shared import model
from shared.core.calendar import DAY_MS
from shared.core.errors import BadBundle, Conflict
from shared.core.settings import RetrainSettings
from shared.model.bundle import Bundle
from shared.model.registry import BundleRegistry

Outcome: TypeAlias = Literal["promoted", "challenges", "kept", "waits", "refused", "published"]
BY = "retrain"
_SERVES = "it serves from now on"
_FIRST = "nothing that the gate was asked about served before"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingBundles:
    """What serves and what challenges, as bundles that load; None where there is none, or it does
    not load.
    """

    champion: Bundle | None
    champion_version: str | None
    challenger: Bundle | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What became of the new bundle, and why as a sentence."""

    outcome: Outcome
    why: str


def load_serving_bundles(registry: BundleRegistry, public_keys: tuple[str, ...]) -> ServingBundles:
    """Load what the registry points to."""
    now = registry.current()
    if now is None:
        return ServingBundles(champion=None, champion_version=None, challenger=None)
    return ServingBundles(
        champion=_find_bundle(registry, now.version, public_keys),
        champion_version=now.version,
        challenger=(
            None if now.challenger is None else _find_bundle(registry, now.challenger, public_keys)
        ),
    )


def _find_bundle(
    registry: BundleRegistry, version: str, public_keys: tuple[str, ...]
) -> Bundle | None:
    try:
        return model.load_bundle(registry.files(version), public_keys=public_keys, version=version)
    except BadBundle:
        return None


def settle_challenger(
    registry: BundleRegistry,
    before: ServingBundles,
    *,
    settings: RetrainSettings,
    as_of: int,
    now_ms: int,
    refuted: Callable[[Bundle, Bundle], str | None],
) -> str:
    """Let a challenger serve that has been beside the champion for long enough; a sentence, empty
    where there is none.

    Its age is counted between the instants of the two trainings, so that a run which begins a
    little early decides the same.

    Args:
        registry: Of the bundles.
        before: What serves and challenges now.
        settings: `shadow_days` and `promote`.
        as_of: Of the training that begins now.
        now_ms: For the record.
        refuted: Told champion and challenger; what the record of the two says against the
            challenger, or None.
    """
    challenger = before.challenger
    if challenger is None or before.champion_version is None:
        return ""
    if as_of - challenger.manifest.as_of < settings.shadow_days * DAY_MS:
        return f"{challenger.version} goes on beside the champion."
    if not settings.promote:
        return (
            f"{challenger.version} has been beside the champion for long enough; a person decides"
            " (retrain.promote is off)."
        )
    against = _missing_judgement(challenger, before.champion_version)
    if against is None and before.champion is not None:
        against = refuted(before.champion, challenger)
    if against is not None:
        registry.withdraw(at=now_ms, why=against, by=BY)
        return f"{challenger.version} does not take the champion's place: {against}."
    why = (
        f"it passed the gate, and nothing in {settings.shadow_days:g} days beside the champion"
        " speaks against it"
    )
    try:
        registry.promote(
            challenger.version, at=now_ms, why=why, by=BY, expect=before.champion_version
        )
    except Conflict:
        return f"{challenger.version} stays a challenger: somebody else moved the pointer."
    return f"{challenger.version} serves now: {why}."


def _missing_judgement(challenger: Bundle, champion: str) -> str | None:
    """What the gate has not said of the challenger and this champion, whoever put it there; None
    where it said all.
    """
    manifest = challenger.manifest
    if not (manifest.verdict.may_serve and manifest.verdict.takes_over):
        return "no gate said that it may take the champion's place"
    if manifest.parent != champion:
        return f"it was judged against {manifest.parent or 'nothing'}, and {champion} serves now"
    return None


def serve_or_challenge(
    registry: BundleRegistry,
    sealed: Sealed,
    *,
    champion: str | None,
    at_once: bool,
    settings: RetrainSettings,
    may_move: bool,
    now_ms: int,
) -> Served:
    """Publish the bundle, and let it serve or challenge where the gate lets it.

    The first bundle of all, and the first after one that no gate was asked about, serves at once.
    Later ones challenge for `shadow_days` first; one that stands already and is still in its time
    keeps its place, or with weekly trainings none would ever come to its end.

    Args:
        registry: Of the bundles.
        sealed: The bundle.
        champion: What served when it was judged; the pointer is moved only while that serves.
        at_once: Whether there was nothing that it had to be judged against.
        settings: `promote` and `shadow_days`.
        may_move: False: publish only.
        now_ms: For the record.
    """
    version = sealed.version
    registry.publish(version, sealed.files)
    now = registry.current()
    if now is not None and version in {now.version, now.challenger}:  # before a crash
        serves = now.version == version
        return Served(
            outcome="promoted" if serves else "challenges",
            why=_SERVES if serves else _beside(settings),
        )
    held_back = _held_back(sealed, settings, may_move=may_move)
    if held_back is not None:
        return held_back
    try:
        return _move_pointer(
            registry, version, champion=champion, at_once=at_once, settings=settings, now_ms=now_ms
        )
    except Conflict:
        return Served(outcome="kept", why="somebody else moved the pointer while it was judged")


def _held_back(sealed: Sealed, settings: RetrainSettings, *, may_move: bool) -> Served | None:
    verdict = sealed.manifest.verdict
    if not verdict.may_serve:
        return Served(outcome="refused", why="it may not serve")
    if not may_move:
        return Served(outcome="published", why="it was to be published only")
    if not verdict.takes_over:
        return Served(outcome="kept", why="it is not proven to be as good as the champion")
    if not settings.promote:
        return Served(
            outcome="waits", why="a person decides (retrain.promote is off): `scripts/bot promote`"
        )
    return None


def _move_pointer(
    registry: BundleRegistry,
    version: str,
    *,
    champion: str | None,
    at_once: bool,
    settings: RetrainSettings,
    now_ms: int,
) -> Served:
    now = registry.current()
    if at_once or settings.shadow_days == 0:
        first = _FIRST if at_once else "it is no worse than the champion"
        registry.promote(version, at=now_ms, why=first, by=BY, expect=champion)
        return Served(outcome="promoted", why=f"{_SERVES}: {first}")
    if now is not None and now.challenger is not None:
        return Served(
            outcome="kept",
            why=f"{now.challenger} is still beside the champion, and its time is not over",
        )
    registry.challenge(
        version, at=now_ms, why="it passed the gate's checks against the champion", by=BY
    )
    return Served(outcome="challenges", why=_beside(settings))


def _beside(settings: RetrainSettings) -> str:
    return (
        f"it predicts beside the champion for {settings.shadow_days:g} days; the next retraining"
        " decides"
    )
