"""What Cloud Storage answers, or that it does not, as what the caller must do."""

from http import HTTPStatus

import requests
from google.api_core import exceptions as answers
from google.auth.exceptions import DefaultCredentialsError
from urllib3.exceptions import TimeoutError as HTTPTimeout

from shared.core.errors import BadData, BotError, RateLimited, StoreBroken, Unavailable
from shared.core.masking import mask_secrets_and_keys
from shared.core.sessions import NoTimeLeft

_NO_BUCKET = "bucket does not exist"
_DAMAGED_ON_THE_WAY = "crc32c"
_AGAIN = frozenset(
    {
        HTTPStatus.NOT_FOUND,  # neither the object nor the bucket: an upload's session, a proxy
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
    }
)


def answer_error(error: answers.GoogleAPICallError, place: str, key: str) -> BotError:
    """An answer that says no, as what the caller must do."""
    code, text = int(error.code or 0), str(error)
    if code == HTTPStatus.NOT_FOUND and _NO_BUCKET in text:
        return StoreBroken(
            f"the bucket {place} does not exist", remedy="make it, or set BOT_BUCKET to another one"
        )
    if code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return StoreBroken(
            f"the bucket {place} may not be used (Cloud Storage answered {code})",
            remedy="give this account the role Storage Object User on the bucket",
        )
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(
            f"Cloud Storage asks for patience with {place}/{key}", retry_after_seconds=0.0
        )
    if (
        code in _AGAIN
        or code >= HTTPStatus.INTERNAL_SERVER_ERROR
        or (code == HTTPStatus.BAD_REQUEST and _DAMAGED_ON_THE_WAY in text.lower())
    ):
        return Unavailable(f"Cloud Storage answered {code} for {place}/{key}")
    told = mask_secrets_and_keys(text)[:300]
    return BadData(f"Cloud Storage refused {place}/{key} ({code}): {told}")


def silence_error(error: Exception, place: str, key: str) -> BotError:
    """No answer, or none that can be read."""
    if isinstance(error, DefaultCredentialsError):
        return StoreBroken(
            f"this machine has no credentials for {place} ({type(error).__name__})",
            remedy="run: gcloud auth application-default login",
        )
    late = isinstance(error, NoTimeLeft | requests.Timeout | HTTPTimeout | TimeoutError)
    found = "in time" if late else f"usefully ({type(error).__name__})"
    return Unavailable(f"Cloud Storage did not answer {found} for {place}/{key}")
