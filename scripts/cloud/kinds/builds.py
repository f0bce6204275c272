"""Where images lie, and what builds them when the main branch moves."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.cloud.comparing import FieldDifference
from scripts.cloud.kinds.kind import PlainKind, call
from scripts.cloud.resource import DOCUMENT, Body, FoundResource, GcloudCall, Resource


class ImagesKind(PlainKind):
    """A repository of Artifact Registry, with what it may forget."""

    schema = "artifactregistry.v1 Repository"
    api = "artifactregistry.googleapis.com"
    fixed = frozenset({"format"})
    whole = frozenset({"cleanupPolicies"})

    def question(self, resource: Resource) -> GcloudCall:
        """All of the region."""
        return call("artifacts", "repositories", "list", _at(resource))

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it; what it may forget can only be said afterwards."""
        body = resource.body
        create = call("artifacts", "repositories", "create", resource.id, _at(resource))
        made = create.adding(
            f"--repository-format={body['format'].lower()}",
            f"--description={body['description']}",
        )
        return [made, _cleaning(resource)]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """Its text, and what it may forget."""
        update = call("artifacts", "repositories", "update", resource.id, _at(resource))
        calls = [update.adding(f"--description={resource.body['description']}")]
        gone = set((found.body or {}).get("cleanupPolicies", {})) - set(_policies(resource))
        if gone:
            remove = call("artifacts", "repositories", "delete-cleanup-policies", resource.id)
            calls.append(remove.adding(_at(resource), f"--policynames={','.join(sorted(gone))}"))
        return [*calls, _cleaning(resource)]

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """With every image."""
        return [call("artifacts", "repositories", "delete", resource.id, _at(resource))]


class TriggerKind(PlainKind):
    """What begins a build. One that is imported takes the place of the one of its name."""

    schema = "cloudbuild.v1 BuildTrigger"
    api = "cloudbuild.googleapis.com"
    whole = frozenset({"substitutions"})

    def question(self, resource: Resource) -> GcloudCall:
        """All of the region."""
        return call("builds", "triggers", "list", f"--region={resource.region}")

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """Its name in the list is short."""
        return next((one for one in answer if one.get("name") == resource.id), None)

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Import it."""
        return [self._import(resource, {})]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """Import it over the one that is there."""
        return [self._import(resource, {"id": (found.body or {}).get("id", "")})]

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """Take it away."""
        return [call("builds", "triggers", "delete", resource.id, f"--region={resource.region}")]

    def _import(self, resource: Resource, more: Mapping[str, Any]) -> GcloudCall:
        where = (f"--source={DOCUMENT}", f"--region={resource.region}")
        document = {"name": resource.id, **more, **resource.body}
        return call("builds", "triggers", "import", *where, document=document)


def _at(resource: Resource) -> str:
    return f"--location={resource.region}"


def _policies(resource: Resource) -> Mapping[str, Any]:
    policies: Mapping[str, Any] = resource.body["cleanupPolicies"]
    return policies


def _cleaning(resource: Resource) -> GcloudCall:
    """For gcloud a list in which an action is an object; the API has a map and a word."""
    document = [
        {**policy, "name": name, "action": {"type": policy["action"]}}
        for name, policy in _policies(resource).items()
    ]
    set_ = call("artifacts", "repositories", "set-cleanup-policies", resource.id, _at(resource))
    return set_.adding("--no-dry-run", f"--policy={DOCUMENT}").with_document(
        [{key: value for key, value in one.items() if key != "id"} for one in document]
    )
