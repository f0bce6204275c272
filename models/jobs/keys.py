"""The signing key of bundles: from `BOT_BUNDLE_SIGNING_KEY`, else from the data folder, made there
on first use.
"""

from collections.abc import Mapping

from shared.core.errors import BadSettings, UserError
from shared.core.files import create_file
from shared.core.settings import Settings
from shared.model.signing import (
    make_keys,
    public_key_path,
    public_keys,
    public_of,
    signing_key_path,
)

VARIABLE = "BOT_BUNDLE_SIGNING_KEY"


def signing_key(settings: Settings, environ: Mapping[str, str]) -> str:
    """The private key as hex, after making sure that the bot here trusts what it signs.

    Raises:
        BadSettings: when the key is malformed, or its public half is not among the pinned ones.
        UserError: when the data folder cannot be read or written.
    """
    try:
        private = environ.get(VARIABLE) or _from_home(settings)
        public = public_of(private)
        if not public_keys(settings):
            create_file(public_key_path(settings), f"{public}\n", mode=0o644)
    except OSError as error:
        raise UserError(
            f"the keys for bundles in {settings.home_path} cannot be used ({error})",
            remedy="make the folder writable, or set BOT_HOME",
        ) from error
    if public not in public_keys(settings):
        raise BadSettings(
            "the signing key does not belong to any pinned public key, so the bot would refuse what"
            " it signs",
            remedy=f"add its public half to BOT_BUNDLE_PUBLIC_KEY: {public}",
        )
    return private


def _from_home(settings: Settings) -> str:
    path = signing_key_path(settings)
    if not path.exists():
        private, public = make_keys()
        try:
            create_file(path, f"{private}\n", mode=0o600)
            create_file(public_key_path(settings), f"{public}\n", mode=0o644)
        except FileExistsError:  # another process was first: use its pair
            pass
    return path.read_text(encoding="ascii").strip()
