"""What `models` says of champion, challenger and the others."""

SENTENCES = {
    "models.none": "none",
    "models.no_champion": ("champion    none: nothing is entered; `scripts/bot train` makes one"),
    "models.champion": "champion    {model}{since}",
    "models.challenger": "challenger  {model}{since}",
    "models.since": " since {at}",
    "models.retrained": "retraining  last ended: {age} ago",
    "models.never_retrained": "retraining  last ended: never told",
    "models.archived": "archived    {count}, the newest {newest}",
    "models.apart": (
        "apart       {count} made for one backtest each, which never serve; the newest {newest}"
    ),
    "models.column.version": "version",
    "models.column.role": "role",
    "models.column.verdict": "verdict",
    "models.column.purpose": "made for",
    "models.column.policy": "policy",
    "models.column.ended": "data ended",
    "models.ago": "{age} ago",
    "models.no_score": "live        no candle that a model spoke of has its outcome yet",
    "models.score": (
        "live        {model}: log loss {loss}, hit rate {hit}, calibration error {error} on"
        " {candles} candles worth {worth} independent ones"
    ),
    "models.move": "{at}  {what}  {model} by {who}: {why}",
}
