"""What is deployed, as gcloud tells it: services, secrets' versions and jobs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from scripts.cloud.gcloud import Gcloud
from scripts.cloud.resource import GcloudCall
from scripts.delivery.deployment import JOBS, ORDER, DeployedCloud, DeployedService

GcloudAnswer: TypeAlias = Callable[[Sequence[str]], Any]
"""Runs gcloud with these words and gives its JSON. Raises `BotError` where it failed."""

BUILD_SECONDS = 1_800.0
"""The longest call: a deployment with the build of its image."""


def gcloud_of(project: str, environ: Mapping[str, str]) -> GcloudAnswer:
    """The gcloud on the path, for one project. Raises `UserError` where there is none."""
    gcloud = Gcloud(project, environ=environ, seconds=BUILD_SECONDS)
    return lambda words: gcloud.run(GcloudCall(arguments=tuple(words)))


def read_present(gcloud: GcloudAnswer, region: str) -> DeployedCloud:
    """The functions that are deployed, and the jobs that are not paused."""
    services = gcloud(("run", "services", "list", f"--region={region}")) or []
    jobs = gcloud(("scheduler", "jobs", "list", f"--location={region}")) or []
    known = {one["metadata"]["name"]: one for one in services}
    states = {one["name"].rpartition("/")[2]: one.get("state") for one in jobs}
    return DeployedCloud(
        services={name: read_service(known[name]) for name in ORDER if name in known},
        jobs=[name for name in JOBS if name in states and states[name] != "PAUSED"],
        paused=[name for name in JOBS if states.get(name) == "PAUSED"],
    )


def describe_service(gcloud: GcloudAnswer, function: str, region: str) -> DeployedService:
    """One function as it is now."""
    return read_service(gcloud(("run", "services", "describe", function, f"--region={region}")))


def read_service(told: Mapping[str, Any]) -> DeployedService:
    """A service as the API of Cloud Run tells it."""
    status = told.get("status", {})
    traffic = status.get("traffic", [])
    newest = status.get("latestCreatedRevisionName", "")
    ready = status.get("latestReadyRevisionName", "")
    shares = {
        one.get("revisionName") or ready: one["percent"] for one in traffic if one.get("percent")
    }
    template = told["spec"]["template"]
    container = template["spec"]["containers"][0]
    labels = (told["metadata"], template.get("metadata", {}))
    return DeployedService(
        url=status.get("url", ""),
        revision=max(shares, key=lambda name: shares[name], default=""),
        newest=newest,
        labels={name: one for of in labels for name, one in of.get("labels", {}).items()},
        environ={one["name"]: one["value"] for one in container.get("env", []) if "value" in one},
        tags={one["tag"]: one.get("url", "") for one in traffic if one.get("tag")},
    )


def newest_versions(gcloud: GcloudAnswer, names: Sequence[str]) -> dict[str, str]:
    """The newest enabled version of each secret that has one, by its number."""
    secrets = {one["name"].rpartition("/")[2] for one in gcloud(("secrets", "list")) or []}
    found = {}
    for name in names:
        if name in secrets:
            words = ("secrets", "versions", "list", name, "--filter=state=ENABLED")
            numbers = [int(one["name"].rpartition("/")[2]) for one in gcloud(words) or []]
            if numbers:
                found[name] = str(max(numbers))
    return found
