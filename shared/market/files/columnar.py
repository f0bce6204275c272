"""Parquet and feather, batch after batch: only the columns that are needed are read."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from shared.core.errors import UserError
from shared.core.types import IntArray
from shared.market.files.columns import PRICES, Roles, by_name

if TYPE_CHECKING:
    import pandas as pd

BATCH_ROWS = 200_000
MAGIC = {b"PAR1": "Parquet", b"ARROW1": "feather", b"FEA1": "feather of the first version"}


class Columnar:
    """One Parquet or feather file."""

    def __init__(self, path: Path, source: IO[bytes], kind: str, most_rows: int) -> None:
        """Read its schema. Raises `UserError` where it is damaged, too long, or lacks a column."""
        import pyarrow as pa
        import pyarrow.parquet as pq
        from pyarrow import feather

        self._path, self._kind = path, kind
        try:
            if kind == "Parquet":
                self._parquet = pq.ParquetFile(source)
                schema, rows = self._parquet.schema_arrow, self._parquet.metadata.num_rows
                self._table = None
            else:
                self._table = feather.read_table(source)
                schema, rows = self._table.schema, self._table.num_rows
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._damage_error() from error
        if rows > most_rows:
            raise UserError(
                f"{path} holds {rows:,} rows, more than {most_rows:,}", remedy="give it in parts"
            )
        self._names = tuple(schema.names)
        self.roles: Roles = by_name(str(path), self._names, layout=f"{kind} with named columns")

    def batches(self) -> Iterator[tuple["pd.DataFrame", IntArray]]:
        """The rows as columns by number, and the row of each counting from 1.

        Raises `UserError`.
        """
        import pyarrow as pa

        wanted = {role: self._names[column] for role, column in self.roles.of.items()}
        if self.roles.clock is not None:
            wanted["clock"] = self._names[self.roles.clock]
        first = 1
        try:
            batches = (
                self._parquet.iter_batches(BATCH_ROWS, columns=list(wanted.values()))
                if self._table is None
                else self._table.select(list(wanted.values())).to_batches(BATCH_ROWS)
            )
            for batch in batches:
                yield (
                    self._frame(batch, wanted),
                    np.arange(first, first + batch.num_rows, dtype=np.int64),
                )
                first += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise self._damage_error() from error

    def _frame(self, batch: Any, wanted: dict[str, str]) -> "pd.DataFrame":
        import pandas as pd
        import pyarrow as pa

        columns = {}
        for role, name in wanted.items():
            column = batch.column(batch.schema.names.index(name))
            if role in {*PRICES, "volume"}:
                with suppress(
                    pa.ArrowException, ValueError
                ):  # the cell that is no number is named later
                    column = column.cast(pa.float64(), safe=False)
            if pa.types.is_date(column.type):
                column = column.cast(pa.timestamp("ms"))
            number = self.roles.clock if role == "clock" else self.roles.of[role]
            columns[number] = column.to_pandas()
        return pd.DataFrame(columns)

    def _damage_error(self) -> UserError:
        return UserError(
            f"{self._path} is no whole {self._kind} file (damaged or cut off)",
            remedy="fetch it again",
        )
