"""What is known of a project: what stands for the placeholders of the data. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FUNCTIONS = ("tick", "backtest", "retrain", "alerts")

AWAITED = frozenset(
    {
        *(f"url:{name}" for name in FUNCTIONS),
        *(f"service:{name}" for name in FUNCTIONS),
        "billing",
        "channel",
        "email",
        "number",
        "repository",
    }
)
"""Names that become known later: by the first deployment, in the browser, by an option, or by
what is made before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Whom a function's traffic goes to.

    >>> Traffic(service="tick", newest="tick-2", shares={"tick-1": 100}).is_pinned
    True

    Attributes:
        newest: The newest revision that is ready.
        shares: Percent by revision, of those that get any.
    """

    service: str
    newest: str
    shares: Mapping[str, int]

    @property
    def is_pinned(self) -> bool:
        """Whether any of it goes to a revision that is not the newest."""
        return any(revision != self.newest for revision in self.shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudFacts:
    """A project, a region, and what is known there.

    `known`: by the placeholder's name, `project` and `region` among them.
    """

    project: str
    region: str
    known: Mapping[str, Any]
    traffic: tuple[Traffic, ...] = field(default=())

    @classmethod
    def of(cls, project: str, region: str, **known: Any) -> "CloudFacts":
        """Facts of a project of which nothing else is known but `known`, where it is not empty."""
        told = {name: value for name, value in known.items() if value}
        return cls(
            project=project,
            region=region,
            known={
                "project": project,
                "region": region,
                "objects": f"projects/_/buckets/{project}-bot/objects",
                **told,
            },
        )


def service_facts(services: list[Any], project: str, region: str) -> dict[str, str]:
    """The addresses and names of the functions that are deployed, by placeholder."""
    found: dict[str, str] = {}
    for one in services:
        name, url = one["metadata"]["name"], one.get("status", {}).get("url", "")
        if name in FUNCTIONS and url:
            found[f"url:{name}"] = url
            found[f"service:{name}"] = f"projects/{project}/locations/{region}/services/{name}"
    return found


def traffic_of(services: list[Any]) -> tuple[Traffic, ...]:
    """How each function's traffic is shared."""
    return tuple(
        Traffic(
            service=one["metadata"]["name"],
            newest=status.get("latestReadyRevisionName", ""),
            shares=_shares(status),
        )
        for one in services
        if one["metadata"]["name"] in FUNCTIONS
        for status in [one.get("status", {})]
    )


def _shares(status: Mapping[str, Any]) -> dict[str, int]:
    shares: dict[str, int] = {}
    for target in status.get("traffic", []):
        if target.get("percent"):
            revision = target.get("revisionName") or status.get("latestReadyRevisionName", "")
            shares[revision] = shares.get(revision, 0) + target["percent"]
    return shares
