"""What a kind of resources must say of itself; one module each, or a few that belong together."""

from collections.abc import Sequence
from typing import Any, Protocol

from scripts.cloud.comparing import FieldDifference
from scripts.cloud.resource import Body, FoundResource, GcloudCall, Resource


class ResourceKind(Protocol):
    """How gcloud is asked for the resources of a kind, and told to make them so. Pure.

    Attributes:
        schema: The discovery document and the schema of its body, `iam.v1 ServiceAccount`.
        whole: Paths at which a key that is not wanted is a difference.
        fixed: Paths that cannot be changed while the resource is there.
        reads_first: What is written is made of what is read, so it is read just before.
        at_once: How many of them may be made at a time.
    """

    schema: str
    whole: frozenset[str]
    fixed: frozenset[str]
    reads_first: bool
    at_once: int

    def api_of(self, resource: Resource) -> str:
        """The API without which nothing of the kind is there, so that gcloud is not asked; empty
        where every project has it.
        """
        ...

    def question(self, resource: Resource) -> GcloudCall:
        """What to ask; the resources of one list share their question."""
        ...

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """What an answer says of the resource, in the shape of its body."""
        ...

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """The calls that make it."""
        ...

    def change_calls(
        self,
        resource: Resource,
        found: FoundResource,
        differences: Sequence[FieldDifference],
    ) -> Sequence[GcloudCall]:
        """The calls that take the differences away; none of them is of a fixed field."""
        ...

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """The calls that take it away, with all that it holds."""
        ...


class PlainKind:
    """What most kinds have in common; `api` is needed for all resources of the kind."""

    api = ""
    whole: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    reads_first = False
    at_once = 4

    def api_of(self, resource: Resource) -> str:
        """That of the kind."""
        return self.api

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """The resource of its name in a list, or the answer itself."""
        if not isinstance(answer, list):
            return answer or None
        return next((one for one in answer if one.get("name") == resource.name), None)


def roots_of(differences: Sequence[FieldDifference]) -> frozenset[str]:
    """The top fields in which something differs.

    >>> one = FieldDifference(path="pushConfig.pushEndpoint", found="", wanted="https://a.run.app")
    >>> roots_of([one])
    frozenset({'pushConfig'})
    """
    return frozenset(one.path.partition(".")[0].partition("[")[0] for one in differences)


def call(*arguments: str, document: Any = None, secret: str = "") -> GcloudCall:
    """A call of gcloud, in one line."""
    return GcloudCall(arguments=arguments, document=document, secret=secret)
