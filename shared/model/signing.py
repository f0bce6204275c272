"""Ed25519 signatures of bundles, and where keys lie.

Keys are hex text; `cryptography` is imported when one is used.
"""

from collections.abc import Sequence
from pathlib import Path

from shared.core.errors import BadSettings
from shared.core.settings import Settings

KEY_BYTES = 32


def make_keys() -> tuple[str, str]:
    """A new key pair as (private, public), 64 hex digits each."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate()
    return private.private_bytes_raw().hex(), private.public_key().public_bytes_raw().hex()


def public_of(private: str) -> str:
    """The public half of a private key. Raises `BadSettings` for a malformed key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return (
        Ed25519PrivateKey.from_private_bytes(_raw(private, "signing"))
        .public_key()
        .public_bytes_raw()
        .hex()
    )


def sign(data: bytes, private: str) -> bytes:
    """The 64 bytes of the signature; equal data and key give equal bytes.

    Raises `BadSettings` for a malformed key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(_raw(private, "signing")).sign(data)


def verify(data: bytes, signature: bytes, public_keys: Sequence[str]) -> bool:
    """Whether one of the accepted keys made `signature`; several are accepted while keys rotate."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    for key in public_keys:
        try:
            Ed25519PublicKey.from_public_bytes(_raw(key, "public")).verify(signature, data)
        except InvalidSignature:
            continue
        return True
    return False


def signing_key_path(settings: Settings) -> Path:
    """The private half on one machine; only training reads it."""
    return settings.home_path / "keys" / "bundle_signing.key"


def public_key_path(settings: Settings) -> Path:
    """The public half on one machine."""
    return settings.home_path / "keys" / "bundle_public.key"


def public_keys(settings: Settings) -> tuple[str, ...]:
    """The pinned public keys: from the setting (two during rotation), else from the data folder,
    else none.

    Raises:
        BadSettings: when the file is there but cannot be read.
    """
    told = settings.bundle_public_key
    if not told:
        try:
            told = public_key_path(settings).read_text(encoding="ascii")
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(
                f"the public key {public_key_path(settings)} cannot be read ({error})",
                remedy="make the file readable, or set BOT_BUNDLE_PUBLIC_KEY",
            ) from error
    return tuple(
        key for key in (part.strip() for part in told.replace("\n", ",").split(",")) if key
    )


def _raw(key: str, kind: str) -> bytes:
    try:
        raw = bytes.fromhex(key.strip())
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise BadSettings(
            f"the {kind} key for bundles is not an Ed25519 key",
            remedy=f"give {2 * KEY_BYTES} hexadecimal digits",
        )
    return raw
