"""What `tax --year` says of a year's fills."""

SENTENCES = {
    "tax.head": "{year} in Japan's time, bot {bot}: {books}.",
    "tax.head_paper": (
        "{year} in Japan's time, bot {bot}, on paper: none of it is taxable, for none of it was at"
        " an exchange."
    ),
    "tax.no_books": "no book of real money",
    "tax.no_fills": "No fill in this year.",
    "tax.column.time": "time",
    "tax.column.act": "act",
    "tax.column.size": "BTC",
    "tax.column.price": "price",
    "tax.column.fee": "fee",
    "tax.column.interest": "interest",
    "tax.column.moving": "移動平均",
    "tax.column.total": "総平均",
    "tax.earlier_rows": "… and {rows} before these; --csv FILE has them all",
    "tax.sum.opening": "coins at the beginning",
    "tax.sum.acquired": "bought, with fees",
    "tax.sum.sold": "sold, proceeds",
    "tax.sum.closing": "coins at the end",
    "tax.sum.cost": "cost of what was sold",
    "tax.sum.fees": "fees of selling",
    "tax.sum.rounding": "rounding (in the next line)",
    "tax.sum.coins": "profit of coins",
    "tax.sum.gross": "margin: differences",
    "tax.sum.margin_fees": "margin: fees",
    "tax.sum.interest": "margin: interest",
    "tax.sum.margin": "profit on margin",
    "tax.sum.profit": "profit of the year, yen",
    "tax.unit_price": (
        "A coin's average price is rounded up to the yen, as the tax agency's FAQ allows and its"
        " examples do. 総平均法 is the method of whoever has told the tax office no other."
    ),
    "tax.carried": (
        "Open on margin at the end of the year: {side} {size} at {price}. It is carried over; its"
        " fees and interest count in the year of its close."
    ),
    "tax.elsewhere": "The year began with {size} from elsewhere, which had cost {cost}.",
    "tax.no_elsewhere": (
        "What you bought, sold, sent or received yourself is not in the store. Coins are averaged"
        " over all that you own: tell with --opening-btc and --opening-cost-jpy what the year began"
        " with besides."
    ),
    "tax.transfers": (
        "What you traded yourself, and transfers of your coins, are not in the store."
    ),
    "tax.not_over": "The year is not over.",
    "tax.not_over_coins": (
        "The year is not over: each further purchase changes 総平均 also of what is sold already."
    ),
    "tax.assumed": (
        "{fills} fills were stored without their kind of account; they are taken as {account}, as"
        " it is set now."
    ),
    "tax.by_hand": (
        "{fills} fills are a person's corrections of the book, at the price that was named; the"
        " exchange's own statement says what they really were."
    ),
    "tax.uncomputed": "Nothing can be computed: {trouble}.",
    "tax.books_agree": (
        "Books: {fills} fills of all years and {trades} closes agree with each other{standing}."
    ),
    "tax.book_standing": ", and the book's money and positions with their sum",
    "tax.books_differ": "Books, differences: {differences}.",
    "tax.exchange_agrees": (
        "Exchange: it tells {executions} executions of the year, and the same as the store of each."
    ),
    "tax.exchange_differs": (
        "Exchange, of {executions} executions that it tells, differences: {differences}."
    ),
    "tax.exchange_unasked": "Exchange: not asked; --reconcile compares every execution with it.",
    "tax.lacks.missing_fill": "fill {number} is not in the store",
    "tax.lacks.missing_trade": (
        "close {number} has no stored trade, so that its interest is not known and counts as none"
    ),
    "tax.lacks.missing_close": "trade {number} has no stored fill",
    "tax.differs.other_trade": "close {number}: {field} stored {stored}, by the fills {found}",
    "tax.stands.other_cash": "money of the book {number}: {stored}, by the fills {found}",
    "tax.stands.other_position": "{number} held: {stored} lots by the book, {found} by the fills",
    "tax.not_stored": (
        "execution {number} is not in the store, yours or a fill that was lost: {found}"
    ),
    "tax.lacks.not_told": "fill {number} is not told by the exchange",
    "tax.differs.other_execution": (
        "execution {number}: {field} stored {stored}, at the exchange {found}"
    ),
    "tax.written": "{path}: {rows} fills and the totals.",
    "tax.no_advice": "This computes; it is no tax advice. What it leaves out: docs/tax.md",
}
