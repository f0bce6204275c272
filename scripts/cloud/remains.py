"""What a bot would leave behind if its project were taken away now, and what is kept of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from shared.core.errors import UserError
from shared.core.files import write_file
from shared.core.settings import Settings
from shared.orders.ports import Exchange
from shared.stores.lease import is_held
from shared.stores.ports import DocumentStore
from shared.tick.documents import BotDocuments
from shared.turn.state import State

KEPT = ("trades", "fills", "days", "audit")
"""The collections that are exported: all that a tax return and a dispute need."""
_ALL = 1_000_000


def things_held(
    bot: BotDocuments, exchange: Exchange, settings: Settings, *, now_ms: int
) -> Iterator[str]:
    """What must not be left alone, by the name by which a person may say that it shall be:
    `tick`, `intent:NAME`, `order:ID`, `position:SIDE`.

    Raises what the exchange does where it cannot be read.
    """
    stored = bot.peek()
    if stored is not None and is_held(stored.data["lease"]["expires_at"], now_ms=now_ms):
        yield "tick"
    for one in bot.open_intents():
        yield f"intent:{one.path.partition('~')[2]}"
    state = State.decode_state(None if stored is None else stored.data.get("state"), settings)
    if settings.mode == "live" and state.ledger is None:
        return  # it never looked at the account, so nothing there is its own
    holdings = exchange.holdings(now_ms, ledger=state.ledger)
    for order in holdings.orders:
        yield f"order:{order.order_id}"
    for position in holdings.positions:
        yield f"position:{position.side}"


def export_books(documents: DocumentStore, folder: Path) -> Mapping[str, int]:
    """Write every document of `KEPT` into a new folder, a line of JSON each; how many, by
    collection.

    >>> import tempfile
    >>> from shared.stores.memory import MemoryDocuments
    >>> documents = MemoryDocuments()
    >>> written = documents.create("trades/default~1", {"net_jpy": "12"})
    >>> with tempfile.TemporaryDirectory() as home:
    ...     export_books(documents, Path(home) / "books")["trades"]
    1

    Raises `UserError` where the folder is there and not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty", remedy="name a new folder with --export")
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for collection in KEPT:
        found: list[Any] = documents.query(collection, limit=_ALL)
        lines = [msgspec.json.encode({"path": one.path, **one.data}) + b"\n" for one in found]
        write_file(folder / f"{collection}.jsonl", b"".join(lines))
        counts[collection] = len(lines)
    return counts
