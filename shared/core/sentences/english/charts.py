"""What the script of a replay's page says: it fills the fields itself."""

SENTENCES = {
    "charts.minutes": "{minutes} min",
    "charts.hours": "{hours} h",
    "charts.days": "{days} days",
    "charts.one_day": "1 day",
    "charts.long": "long",
    "charts.short": "short",
    "charts.held": " · {side} {size} BTC",
    "charts.equity": (
        "{at} JST · equity {equity} ({change}) · drawdown {drawdown} · buy and hold {hold}{held}"
    ),
    "charts.equity_label": "Equity over time, with the drawdown below",
    "charts.no_equity": "The replay has no equity curve.",
    "charts.price_label": "Price with entries, exits, stops and targets",
    "charts.bar": "one bar is {length}",
    "charts.position": " · #{number} {side} {size} BTC from {price}",
    "charts.still_open": ", still open",
    "charts.ended": ": {why} at {price}, {net} JPY",
    "charts.bracket": " · stop {stop} · target {target}",
    "charts.price": "{at} JST · open {open} · high {high} · low {low} · close {close}{position}",
    "charts.no_candles": "No candles were given for this period.",
    "charts.show": "show it on the charts",
    "charts.parts": "closed in {parts} parts",
    "charts.costs": "fees {fees}, interest {interest}; slippage {slippage} is inside the prices",
    "charts.rows": "{first}–{last} of {all}",
    "charts.no_rows": "none",
}
