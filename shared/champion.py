"""The model that serves: cached by version in a warm instance, the champion before it where the present one fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared import ensemble
from shared.ensemble.bundle import Bundle
from shared.errors import BadBundle
from shared.reasons import Reason
from shared.types import Issue


class Pointer(Protocol):
    """Which bundle serves, and which one did before."""

    @property
    def version(self) -> str:
        """The present champion."""
        ...

    @property
    def previous(self) -> str | None:
        """The one before it."""
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
    """The bundle to use, or None, and what is wrong."""

    bundle: Bundle | None
    issues: tuple[Issue, ...] = ()


class Champions:
    """Loads the champion. Kept by a warm instance; holds no connection."""

    def __init__(self, registry: Registry, public_keys: Sequence[str]) -> None:
        """Trust bundles signed by one of `public_keys` (Ed25519, hex)."""
        self._registry = registry
        self._public_keys = tuple(public_keys)
        self._loaded: dict[str, Bundle] = {}

    def serving(self) -> Champion:
        """The champion; where it does not load, the one before it. Without either: no entries."""
        pointer = self._registry.current()
        if pointer is None:
            return Champion(bundle=None, issues=(_issue(Reason.MODEL_MISSING, "no bundle was ever promoted", forbids=True),))
        try:
            return Champion(bundle=self._load(pointer.version))
        except BadBundle as error:
            wrong = str(error)
        if pointer.previous is None:
            return Champion(bundle=None, issues=(_issue(Reason.MODEL_INVALID, wrong, forbids=True),))
        try:
            bundle = self._load(pointer.previous)
        except BadBundle as error:
            both = f"{wrong}; and the one before it: {error}"
            return Champion(bundle=None, issues=(_issue(Reason.MODEL_INVALID, both, forbids=True),))
        return Champion(bundle=bundle, issues=(_issue(Reason.MODEL_INVALID, wrong, forbids=False),))

    def _load(self, version: str) -> Bundle:
        if version not in self._loaded:
            bundle = ensemble.load(self._registry.files(version), public_keys=self._public_keys, version=version)
            self._loaded = {**dict(list(self._loaded.items())[-1:]), version: bundle}
        return self._loaded[version]


def _issue(reason: Reason, found: str, *, forbids: bool) -> Issue:
    return Issue(reason=reason, forbids_entry=forbids, context={"found": found})
