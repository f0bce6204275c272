"""What a year's fills mean for a Japanese tax return: profits by 移動平均法 and 総平均法, and
whether fills, books and the exchange agree. Pure.
"""

from shared.results.tax.reconcile import (
    BookStanding,
    TaxDifference,
    TaxExecution,
    TaxMismatch,
    book_differences,
    exchange_differences,
    with_interest,
)
from shared.results.tax.types import (
    AverageMethod,
    CoinHolding,
    CoinYear,
    MarginYear,
    Realised,
    TaxAct,
    TaxFill,
    TaxRow,
    TaxYear,
    tax_year_of,
)
from shared.results.tax.year import tax_year

__all__ = [
    "AverageMethod",
    "BookStanding",
    "CoinHolding",
    "CoinYear",
    "MarginYear",
    "Realised",
    "TaxAct",
    "TaxDifference",
    "TaxExecution",
    "TaxFill",
    "TaxMismatch",
    "TaxRow",
    "TaxYear",
    "book_differences",
    "exchange_differences",
    "tax_year",
    "tax_year_of",
    "with_interest",
]
