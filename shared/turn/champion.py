"""The models of a tick: the champion, or the one before it where it fails, and the challenger
beside it. Cached by version.

A challenger decides nothing, so nothing that is wrong with it can disturb the champion. A bundle
that was made for something else than to serve, or that answers another question than the settings
ask, is none of the three.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared import model
from shared.core.errors import BadBundle
from shared.core.reasons import Reason
from shared.core.settings import Settings, is_loopback
from shared.core.types import Issue, PairRules
from shared.model.bundle import Bundle
from shared.model.manifest import CANDLES, Manifest
from shared.model.proven import cheaper, proof_differences
from shared.model.question import another
from shared.turn import golden

MOST_NAMED = 3
"""So many settings that differ are named; the others are counted."""


class Pointer(Protocol):
    """Which bundle serves, which one did before, and which one runs beside it."""

    @property
    def version(self) -> str:
        """The present champion."""
        ...

    @property
    def previous(self) -> str | None:
        """The one before it."""
        ...

    @property
    def challenger(self) -> str | None:
        """What predicts beside it, if anything does."""
        ...

    @property
    def retrained_at(self) -> int | None:
        """When a retraining last ended."""
        ...


class Registry(Protocol):
    """Where bundles are kept."""

    def current(self) -> Pointer | None:
        """The pointer, or None where nothing was ever promoted."""
        ...

    def files(self, version: str) -> Mapping[str, bytes]:
        """A bundle's files. Raises `BadBundle` where it is incomplete."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """The bundle to use, or None, its challenger, the pointer that names them, and what is wrong.

    `answers_otherwise`: in what code and model here answer the bundle's golden candles otherwise
    than it promises.
    """

    bundle: Bundle | None
    issues: tuple[Issue, ...] = ()
    challenger: Bundle | None = None
    pointer: Pointer | None = None
    answers_otherwise: str | None = None


class Champions:
    """Loads the champion. Kept by a warm instance; holds no connection.

    >>> from shared.core.settings import load_settings
    >>> from shared.model.registry import BundleRegistry
    >>> from shared.stores.memory import MemoryBucket
    >>> champions = Champions(BundleRegistry(MemoryBucket()), (), load_settings({}))
    >>> [issue.reason.value for issue in champions.load_champion().issues]
    ['model_missing']
    """

    def __init__(self, registry: Registry, public_keys: Sequence[str], settings: Settings) -> None:
        """Trust bundles signed by one of `public_keys` (Ed25519, hex) that were made for these
        `settings`.
        """
        self._registry = registry
        self._public_keys = tuple(public_keys)
        self._settings = settings
        self._loaded: dict[str, Bundle] = {}
        self._otherwise: dict[str, str | None] = {}
        self._refused: tuple[str, str] | None = None

    def load_champion(self) -> Champion:
        """The champion, or where it does not load the one before it (without either: no entries),
        and the challenger.
        """
        pointer = self._registry.current()
        if pointer is None:
            return Champion(
                bundle=None,
                issues=(_issue(Reason.MODEL_MISSING, "no bundle was ever promoted", forbids=True),),
            )
        self._forget_all_but(pointer)
        bundle, issues = self._champion(pointer)
        challenger, wrong = self._challenger(pointer, beside=bundle)
        return Champion(
            bundle=bundle,
            issues=(*issues, *wrong),
            challenger=challenger,
            pointer=pointer,
            answers_otherwise=None if bundle is None else self._otherwise.get(bundle.version),
        )

    def _champion(self, pointer: Pointer) -> tuple[Bundle | None, tuple[Issue, ...]]:
        try:
            return self._load(pointer.version), ()
        except BadBundle as error:
            wrong = str(error)
        if pointer.previous is None:
            return None, (_issue(Reason.MODEL_INVALID, wrong, forbids=True),)
        try:
            bundle = self._load(pointer.previous)
        except BadBundle as error:
            both = f"{wrong}; and the one before it: {error}"
            return None, (_issue(Reason.MODEL_INVALID, both, forbids=True),)
        return bundle, (_issue(Reason.MODEL_INVALID, wrong, forbids=False),)

    def _challenger(
        self, pointer: Pointer, *, beside: Bundle | None
    ) -> tuple[Bundle | None, tuple[Issue, ...]]:
        """What fails is told in every tick and not read again until the pointer names
        another one.
        """
        version = pointer.challenger
        if version is None or (beside is not None and version == beside.version):
            return None, ()
        if self._refused is None or self._refused[0] != version:
            try:
                return self._load(version), ()
            except BadBundle as error:
                self._refused = version, str(error)
            # The store may answer again: the next tick asks.
            except Exception as error:  # noqa: BLE001
                return None, (
                    _issue(
                        Reason.CHALLENGER_INVALID, f"{type(error).__name__}: {error}", forbids=False
                    ),
                )
        return None, (_issue(Reason.CHALLENGER_INVALID, self._refused[1], forbids=False),)

    def _load(self, version: str) -> Bundle:
        if version not in self._loaded:
            files = self._registry.files(version)
            bundle = model.load_bundle(files, public_keys=self._public_keys, version=version)
            unfit = unsuited_reason(bundle.manifest, self._settings)
            if unfit is not None:
                raise BadBundle(unfit)
            self._otherwise[version] = golden.golden_difference(
                files.get(CANDLES), bundle, self._settings
            )
            self._loaded[version] = bundle
        return self._loaded[version]

    def _forget_all_but(self, pointer: Pointer) -> None:
        """A warm instance keeps what may serve, and no more."""
        named = {pointer.version, pointer.previous, pointer.challenger}
        self._loaded = {
            version: bundle for version, bundle in self._loaded.items() if version in named
        }


def unsuited_reason(manifest: Manifest, settings: Settings) -> str | None:
    """Why a bundle may not serve under these settings, whatever its checks say: its purpose, or its
    question. None: it may.
    """
    if manifest.purpose == "backtest":
        return f"purpose: {manifest.version} was made for a backtest, and serves nobody"
    if manifest.purpose == "demo" and not is_loopback(settings.exchange.public_url):
        return (
            f"purpose: {manifest.version} was made by a demo for its own market, and serves on a"
            " sandbox alone"
        )
    other = another(manifest, settings.learning)
    return (
        None
        if other is None
        else f"question: {manifest.version} is no model of these settings: {other}"
    )


def permission(
    bundle: Bundle | None,
    settings: Settings,
    *,
    rules: PairRules | None = None,
    answers_otherwise: str | None = None,
) -> tuple[Issue, ...]:
    """What the gate's verdict means for entries. Exits and protection never ask.

    In live mode a bundle whose edge is not proven, or was proven with other settings, lower costs
    or other code, forbids them. On paper it may trade: that is how a record comes about, and
    nothing is said in every tick of what is meant so; only that a proof which was there is void by
    other code is said. A person may overrule by naming the version in the settings; that is told in
    every report, in both modes, for as long as it stands there. Nobody overrules code that answers
    otherwise.

    Args:
        bundle: What serves.
        settings: Those of the tick.
        rules: What the exchange states now; None: nobody has asked it.
        answers_otherwise: In what the bundle's golden candles are answered otherwise here; see
            `shared.turn.golden`.
    """
    if bundle is None:
        return ()
    live = settings.mode == "live"
    found: tuple[Issue, ...] = ()
    if answers_otherwise is not None:
        found = (
            _issue(
                Reason.MODEL_NOT_PROVEN,
                f"{bundle.version} meets other code: {answers_otherwise}",
                forbids=live,
            ),
        )
    why = unproven_reason(bundle, settings, rules=rules)
    if settings.risk.overrule_model == bundle.version:
        told = (
            f"risk.overrule_model lets {bundle.version} enter although {why}"
            if why
            else (f"risk.overrule_model names {bundle.version}, which is proven anyway")
        )
        return (*found, _issue(Reason.MODEL_OVERRULED, told, forbids=False))
    if why is not None and live:
        return (
            *found,
            _issue(
                Reason.MODEL_NOT_PROVEN,
                f"{bundle.version} may not enter in live mode: {why}",
                forbids=True,
            ),
        )
    if bundle.is_allowed_to_enter and not bundle.manifest.code.is_here:
        return (
            *found,
            _issue(
                Reason.MODEL_NOT_PROVEN,
                f"{bundle.version} would not enter in live mode: {why}",
                forbids=False,
            ),
        )
    return found


def unproven_reason(
    bundle: Bundle, settings: Settings, *, rules: PairRules | None = None
) -> str | None:
    """Why the bundle's edge is not proven for exactly these settings, these costs and this code;
    None where it is.
    """
    if not bundle.is_allowed_to_enter:
        failed = [
            check.name
            for check in bundle.manifest.verdict.checks
            if check.group == "enter" and not check.passed
        ]
        return (
            "the gate was never asked"
            if failed in ([], ["proven"])
            else f"the gate did not pass it ({', '.join(failed)})"
        )
    return _void(bundle.manifest, settings, rules) or _set_otherwise(bundle.manifest, settings)


def _void(manifest: Manifest, settings: Settings, rules: PairRules | None) -> str | None:
    """What makes the proof none, whatever the settings are."""
    if manifest.policy != settings.risk.policy:
        return (
            f"it was proven for the policy {manifest.policy}, and the settings ask for"
            f" {settings.risk.policy}"
        )
    if manifest.loosened:
        return f"it passed a gate that was made easier ({'; '.join(manifest.loosened)})"
    if not manifest.code.is_here:
        return "it was proven with other code than this; `scripts/bot train` proves it again"
    below = cheaper(manifest.costs, rules, account=settings.account)
    return (
        f"it was proven at lower costs than the exchange states now ({'; '.join(below)})"
        if below
        else None
    )


def _set_otherwise(manifest: Manifest, settings: Settings) -> str | None:
    others = proof_differences(manifest.proven, settings)
    if not others:
        return None
    more = f", and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    return f"it was proven with other settings ({'; '.join(others[:MOST_NAMED])}{more})"


def _issue(reason: Reason, found: str, *, forbids: bool) -> Issue:
    return Issue(reason=reason, forbids_entry=forbids, context={"found": found})
