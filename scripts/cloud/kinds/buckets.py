"""Buckets of objects."""

from collections.abc import Sequence
from typing import Any

from scripts.cloud.comparing import FieldDifference
from scripts.cloud.kinds.kind import PlainKind, call
from scripts.cloud.resource import DOCUMENT, Body, FoundResource, GcloudCall, Resource


class BucketKind(PlainKind):
    """A bucket of Cloud Storage."""

    schema = "storage.v1 Bucket"
    api = ""
    fixed = frozenset({"location"})
    whole = frozenset({"lifecycle"})

    def question(self, resource: Resource) -> GcloudCall:
        """The bucket as the API has it."""
        return call("storage", "buckets", "describe", _address(resource), "--raw")

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """The API writes a region in capitals."""
        return {**answer, "location": answer["location"].lower()}

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it; versions can only be asked for afterwards."""
        where = f"--location={resource.body['location']}"
        return [
            call("storage", "buckets", "create", _address(resource), where, *_access(resource)),
            self._update(resource),
        ]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """All of it, in one call."""
        return [self._update(resource)]

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """With every object and every version."""
        return [call("storage", "rm", "--recursive", "--all-versions", _address(resource))]

    def _update(self, resource: Resource) -> GcloudCall:
        body = resource.body
        return call(
            *("storage", "buckets", "update", _address(resource), *_access(resource)),
            "--versioning" if body["versioning"]["enabled"] else "--no-versioning",
            f"--soft-delete-duration={body['softDeletePolicy']['retentionDurationSeconds']}s",
            f"--lifecycle-file={DOCUMENT}",
            document=body["lifecycle"],
        )


def _address(resource: Resource) -> str:
    return f"gs://{resource.id}"


def _access(resource: Resource) -> tuple[str, ...]:
    told = resource.body["iamConfiguration"]
    uniform = told["uniformBucketLevelAccess"]["enabled"]
    enforced = told["publicAccessPrevention"] == "enforced"
    return (
        "--uniform-bucket-level-access" if uniform else "--no-uniform-bucket-level-access",
        "--public-access-prevention" if enforced else "--no-public-access-prevention",
    )
