"""What is done beside the ticks, every quarter of an hour: the digest of the day."""

from shared.rounds.day import digest_window
from shared.rounds.digest import Digest, digest_of

__all__ = ["Digest", "digest_of", "digest_window"]
