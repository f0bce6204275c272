"""Secrets in Secret Manager, by Google's own client, for whoever sets a bot up or changes its keys.

Every request is bounded in time and repeated by us alone. What may be repeated is: reading,
disabling, and adding what is looked for before: the newest version that holds the value already is
the one that was asked for. No error repeats what the service said, and none has a cause: both could
hold what was sent.
"""

import re
from collections.abc import Callable
from typing import Any, Self, TypeVar

import google_crc32c
import grpc
from google.api_core import exceptions as answers
from google.auth import exceptions as credentials
from google.cloud.secretmanager_v1 import Replication, SecretManagerServiceClient, SecretPayload
from google.cloud.secretmanager_v1 import Secret as SecretResource
from google.cloud.secretmanager_v1 import SecretVersion as Version
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
    SecretManagerServiceGrpcTransport,
)

from shared.core.errors import BadData, BadSettings, NotThere, StoreBroken, Unavailable
from shared.core.masking import quote_value
from shared.core.retry import backoff_seconds, retry
from shared.stores.google.connection import Connection
from shared.stores.secrets import (
    Secret,
    SecretVersion,
    check_name,
    check_value,
    disabled_error,
    missing_error,
    read_value,
)

_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_AGAIN = (
    answers.Aborted,
    answers.Cancelled,
    answers.DeadlineExceeded,
    answers.InternalServerError,
    answers.ResourceExhausted,
    answers.ServiceUnavailable,
    answers.Unknown,
    credentials.TransportError,
    credentials.RefreshError,
)

Result = TypeVar("Result")


class GoogleSecrets:
    """Secrets of the project.

    Its methods raise `Unavailable` where the service did not answer usefully, and `StoreBroken`,
    with the remedy, where this account may not do what was asked.
    """

    def __init__(
        self,
        project: str,
        *,
        endpoint: str = "",
        timeout_seconds: float = 10.0,
        attempts: int = 3,
        pause_seconds: float = 0.3,
    ) -> None:
        """Connect to nothing yet.

        Args:
            project: Its id.
            endpoint: Host and port of a server on this machine, which is asked without credentials
                and without TLS; empty: Google's.
            timeout_seconds: For one request.
            attempts: How often it is sent.
            pause_seconds: Before it is sent again; doubled with each.
        """
        self.project = project
        self._endpoint = endpoint
        self._timeout_seconds, self._attempts = timeout_seconds, attempts
        self._pause_seconds = pause_seconds
        self._connection: Connection[SecretManagerServiceClient] = Connection(
            make=self._connect, close=_close_client
        )

    @classmethod
    def open(cls, address: str) -> Self:
        """The secrets of a project. Raises `BadSettings`."""
        project = address.strip("/")
        if not _PROJECT.fullmatch(project):
            raise BadSettings(
                f"the secrets were {quote_value(f'secretmanager://{address}')}: no project",
                remedy="write it like secretmanager://my-project",
            )
        return cls(project)

    def __repr__(self) -> str:
        return f"GoogleSecrets({self.project})"

    def close(self) -> None:
        """Give the connection back."""
        self._connection.drop()

    def read_newest(self, name: str) -> Secret:
        """The newest version."""
        newest = self.all_versions(name)[0]
        return self._read(name, newest.number)

    def read(self, name: str, version: int) -> Secret:
        """One version."""
        return self._read(check_name(name), version)

    def add(self, name: str, value: str) -> int:
        """Make it the newest version; its number."""
        stored = check_value(check_name(name), value)

        def add_once(client: SecretManagerServiceClient) -> int:
            known = self._versions_once(client, name)
            if known is None:
                self._create_once(client, name)
            elif known and known[0].is_enabled:
                newest = known[0].number
                if self._read_once(client, name, newest).value.encode() == stored:
                    return newest
            return self._add_once(client, name, stored)

        return self._persistently(name, add_once)

    def disable(self, name: str, version: int) -> None:
        """Let nobody read a version any more."""
        path = self._path(check_name(name), version)
        try:
            self._persistently(
                name,
                lambda client: client.disable_secret_version(name=path, **self._limits()),
            )
        except answers.NotFound:
            raise missing_error(name, version) from None
        except answers.FailedPrecondition:
            raise disabled_error(name, version) from None  # destroyed, which is more than disabled

    def all_versions(self, name: str) -> list[SecretVersion]:
        """All versions, the newest first."""
        found = self._persistently(
            check_name(name), lambda client: self._versions_once(client, name)
        )
        if not found:
            raise missing_error(name)
        return found

    def _read(self, name: str, version: int) -> Secret:
        return self._persistently(name, lambda client: self._read_once(client, name, version))

    def _read_once(self, client: SecretManagerServiceClient, name: str, version: int) -> Secret:
        path = self._path(name, version)
        try:
            answer = client.access_secret_version(name=path, **self._limits())
        except answers.NotFound:
            raise missing_error(name, version) from None
        except answers.FailedPrecondition:
            raise disabled_error(name, version) from None
        stored = answer.payload.data
        if answer.payload.data_crc32c != google_crc32c.value(stored):
            raise Unavailable(f"version {version} of the secret {name} arrived damaged")
        return read_value(name, version, stored)

    def _versions_once(
        self, client: SecretManagerServiceClient, name: str
    ) -> list[SecretVersion] | None:
        """None where there is no such secret."""
        try:
            listed = list(client.list_secret_versions(parent=self._path(name), **self._limits()))
        except answers.NotFound:
            return None
        found = [
            SecretVersion(
                number=int(version.name.rpartition("/")[2]),
                is_enabled=version.state is Version.State.ENABLED,
            )
            for version in listed
        ]
        return sorted(found, key=lambda version: version.number, reverse=True)

    def _create_once(self, client: SecretManagerServiceClient, name: str) -> None:
        everywhere = Replication(automatic=Replication.Automatic())
        secret = SecretResource(replication=everywhere)
        try:
            client.create_secret(
                parent=f"projects/{self.project}",
                secret_id=name,
                secret=secret,
                **self._limits(),
            )
        except answers.AlreadyExists:
            return  # another one was first, or the answer to our own request was lost

    def _add_once(self, client: SecretManagerServiceClient, name: str, stored: bytes) -> int:
        payload = SecretPayload(data=stored, data_crc32c=google_crc32c.value(stored))
        made = client.add_secret_version(parent=self._path(name), payload=payload, **self._limits())
        return int(made.name.rpartition("/")[2])

    def _path(self, name: str, version: int | None = None) -> str:
        secret = f"projects/{self.project}/secrets/{name}"
        return secret if version is None else f"{secret}/versions/{version}"

    def _limits(self) -> dict[str, Any]:
        return {"retry": None, "timeout": self._timeout_seconds}

    def _connect(self) -> SecretManagerServiceClient:
        if not self._endpoint:
            return SecretManagerServiceClient()
        channel = grpc.insecure_channel(self._endpoint)
        return SecretManagerServiceClient(
            transport=SecretManagerServiceGrpcTransport(channel=channel)
        )

    def _persistently(
        self, name: str, ask: Callable[[SecretManagerServiceClient], Result]
    ) -> Result:
        """What `ask` gives, asked again where the service did not answer usefully."""
        try:
            return retry(
                lambda: self._translate_silence(name, ask),
                on=Unavailable,
                pause_seconds=lambda _, number: backoff_seconds(self._pause_seconds, number),
                attempts=self._attempts,
            )
        except (answers.PermissionDenied, answers.Unauthenticated):
            raise StoreBroken(
                f"this account may not use the secret {name} of the project {self.project}",
                remedy="give it the role Secret Manager Admin, or Secret Accessor to read alone",
            ) from None
        except credentials.DefaultCredentialsError:
            raise StoreBroken(
                "this machine has no credentials for Google Cloud",
                remedy="run: gcloud auth application-default login",
            ) from None
        except (answers.NotFound, answers.FailedPrecondition, NotThere):
            raise
        except answers.GoogleAPICallError as error:
            raise BadData(
                f"Secret Manager refused the secret {name} ({type(error).__name__})"
            ) from None

    def _translate_silence(
        self, name: str, ask: Callable[[SecretManagerServiceClient], Result]
    ) -> Result:
        try:
            with self._connection.client() as client:
                try:
                    return ask(client)
                except _AGAIN:
                    self._connection.drop(client)  # one that failed may never answer again
                    raise
        except _AGAIN as error:
            found = f"Secret Manager did not answer for {name} ({type(error).__name__})"
        raise Unavailable(found)  # outside of except: no chain that could hold what was sent


def _close_client(client: SecretManagerServiceClient) -> None:
    client.transport.close()  # type: ignore[no-untyped-call]
