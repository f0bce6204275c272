"""Secrets, and that each has a value. A value is asked for, and goes to gcloud by its standard
input; one that is there stays.
"""

from collections.abc import Sequence
from typing import Any

from scripts.cloud.comparing import FieldDifference
from scripts.cloud.kinds.kind import PlainKind, call
from scripts.cloud.resource import Body, FoundResource, GcloudCall, Resource


class SecretKind(PlainKind):
    """A secret without its values."""

    schema = "secretmanager.v1 Secret"
    api = "secretmanager.googleapis.com"
    fixed = frozenset({"replication"})

    def question(self, resource: Resource) -> GcloudCall:
        """All of the project."""
        return call("secrets", "list")

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """The names of the list have the project's number in place of its id."""
        return next(
            (one for one in answer if one["name"].endswith(f"/secrets/{resource.id}")), None
        )

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it, without a value."""
        replicas = resource.body["replication"]["userManaged"]["replicas"]
        where = ",".join(one["location"] for one in replicas)
        return [
            call("secrets", "create", resource.id).adding(
                "--replication-policy=user-managed", f"--locations={where}"
            )
        ]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """Where it lies cannot be changed, and there is nothing else."""
        return []

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """With all its values, for good."""
        return [call("secrets", "delete", resource.id)]


class ValueKind(PlainKind):
    """That a secret has an enabled version."""

    schema = "secretmanager.v1 SecretVersion"
    api = "secretmanager.googleapis.com"
    at_once = 1  # a person is asked

    def question(self, resource: Resource) -> GcloudCall:
        """Its versions that can be read."""
        return call("secrets", "versions", "list", _secret(resource), "--filter=state=ENABLED")

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """Any of them will do."""
        return next((one for one in answer if one["state"] == "ENABLED"), None)

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Add one, of what the person gives."""
        secret = _secret(resource)
        return [call("secrets", "versions", "add", secret, "--data-file=-", secret=secret)]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """Nothing of a version can be changed."""
        return []

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """Nothing: it goes with its secret."""
        return []


def _secret(resource: Resource) -> str:
    return resource.name.split("/")[3]
