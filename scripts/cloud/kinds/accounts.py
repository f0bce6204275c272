"""APIs that are enabled, and accounts that functions and builds run as."""

from collections.abc import Sequence
from typing import Any

from scripts.cloud.comparing import FieldDifference
from scripts.cloud.kinds.kind import PlainKind, call
from scripts.cloud.resource import Body, FoundResource, GcloudCall, Resource


class ApiKind(PlainKind):
    """An API of the project."""

    schema = "serviceusage.v1 GoogleApiServiceusageV1Service"
    api = ""

    def question(self, resource: Resource) -> GcloudCall:
        """All that are enabled."""
        return call("services", "list", "--enabled")

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """The name in the list has the project's number in place of its id."""
        listed = (one for one in answer if one["name"].endswith(f"/services/{resource.id}"))
        return next(listed, None)

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Enable it; nothing happens where it is enabled."""
        return [call("services", "enable", resource.id)]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """Enable it."""
        return self.create_calls(resource)

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """Nothing: others in the project may need it, and it costs nothing."""
        return []


class ServiceAccountKind(PlainKind):
    """A service account."""

    schema = "iam.v1 ServiceAccount"
    api = "iam.googleapis.com"

    def question(self, resource: Resource) -> GcloudCall:
        """All of the project."""
        return call("iam", "service-accounts", "list")

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it, without any rights."""
        return [
            call(
                "iam",
                "service-accounts",
                "create",
                resource.id.partition("@")[0],
                *_texts(resource),
            )
        ]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """Its texts, and whether it may act at all."""
        calls = [call("iam", "service-accounts", "update", resource.id, *_texts(resource))]
        if any(one.path == "disabled" for one in differences):
            calls.append(call("iam", "service-accounts", "enable", resource.id))
        return calls

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """Take it away; for thirty days it can be brought back."""
        return [call("iam", "service-accounts", "delete", resource.id)]


def _texts(resource: Resource) -> tuple[str, str]:
    body = resource.body
    return (f"--display-name={body['displayName']}", f"--description={body['description']}")
