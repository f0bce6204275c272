"""What should be, and the calls of gcloud that ask for it and make it so. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

Body: TypeAlias = Mapping[str, Any]
"""A resource as the REST API has it."""

DOCUMENT = "{document}"
"""Stands in the arguments of a call for the path of a file with its document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource as it should be.

    >>> Resource(
    ...     part="topics",
    ...     kind="topic",
    ...     name="projects/p/topics/alerts",
    ...     body={"messageRetentionDuration": "86400s"},
    ... ).id
    'alerts'

    Attributes:
        part: Of the data: apis, accounts, stores, secrets, topics, schedules, policies, builds.
        kind: A key of `scripts.cloud.kinds.KINDS`.
        name: As the API has it, `projects/P/topics/T`; unique within its kind.
        body: What the API is to hold; what it says besides is the server's own.
        waits: What is not known yet and stands in name or body, like `url:tick`.
    """

    part: str
    kind: str
    name: str
    body: Body
    waits: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]

    @property
    def project(self) -> str:
        """Of the name; empty where it begins otherwise."""
        pieces = self.name.split("/")
        return pieces[1] if pieces[0] == "projects" else ""

    @property
    def region(self) -> str:
        """Of the name; empty where none is in it."""
        pieces = self.name.split("/")
        return pieces[pieces.index("locations") + 1] if "locations" in pieces else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GcloudCall:
    """One call of gcloud.

    >>> GcloudCall(arguments=("pubsub", "topics", "list")).command_line
    'gcloud pubsub topics list'

    Attributes:
        arguments: After `gcloud`, without project and format.
        document: Goes as JSON into a file, whose path takes the place of `DOCUMENT`.
        secret: The name of the secret whose value goes to its standard input.
    """

    arguments: tuple[str, ...]
    document: Any = None
    secret: str = ""

    def adding(self, *arguments: str) -> "GcloudCall":
        """The same call with more arguments."""
        return replace(self, arguments=(*self.arguments, *arguments))

    def with_document(self, document: Any) -> "GcloudCall":
        """The same call with a document."""
        return replace(self, document=document)

    @property
    def command_line(self) -> str:
        """What a person would type."""
        return " ".join(("gcloud", *self.arguments))


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundResource:
    """A resource as it is.

    `body`: in the shape of the desired one; None where there is none. `whole`: the answer that it
    is from, for what is written back whole.
    """

    body: Body | None = None
    whole: Any = field(default=None, repr=False)
