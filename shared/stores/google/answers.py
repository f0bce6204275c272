"""What Google's clients raise, in the words of this project.

An answer is one also where it says no: the connection is sound then. Whatever else comes (nothing
in time, a broken channel, a failure inside) leaves open what became of the request, and the
connection is not to be trusted any more.
"""

from shared.core.errors import BadData, StoreBroken, Unavailable

SHOWN = 300
SIGN_IN = (
    "give the service account its role (roles/datastore.user for documents), or on your own machine"
    " run gcloud auth application-default login"
)


class Silence(Unavailable):
    """Nobody knows what became of a request."""


class Declined(Exception):
    """A precondition did not hold, or what was asked for is not there."""


class Contention(Exception):
    """The request was given up because others were at the same place; nothing was done."""


def google_failure(error: Exception, what: str) -> Exception:
    """The error of a request for `what` as ours."""
    from google.api_core import exceptions as google

    said = one_line(error)
    if isinstance(error, google.AlreadyExists | google.FailedPrecondition | google.NotFound):
        return Declined(said)
    if isinstance(error, google.Aborted):
        return Contention(said)
    if isinstance(error, google.InvalidArgument):
        return BadData(f"Google refused {what}: {said}")
    if isinstance(error, google.ResourceExhausted):
        return Unavailable(f"Google asked for patience with {what}: {said}")
    if isinstance(error, google.PermissionDenied | google.Unauthenticated):
        return StoreBroken(f"Google does not let us at {what}: {said}", remedy=SIGN_IN)
    kind = "" if isinstance(error, google.GoogleAPIError) else f"{type(error).__name__}: "
    return Silence(f"Google gave no answer for {what}: {kind}{said}")


def sign_in_failure(error: Exception, what: str) -> Exception:
    """The error of connecting for `what` as ours: whether somebody must sign in, or nobody was
    reached who could tell.
    """
    from google.auth import exceptions as google

    is_told = isinstance(error, google.GoogleAuthError)
    if is_told and not isinstance(error, google.TransportError | google.RefreshError):
        return StoreBroken(
            f"nobody is signed in to Google Cloud ({one_line(error)})", remedy=SIGN_IN
        )
    return google_failure(error, what)


def one_line(error: Exception) -> str:
    """What an error says, in one line of a bounded length."""
    return " ".join(str(error).split())[:SHOWN]
