"""What `models`, `promote` and `rollback` say of champion, challenger and the others."""

SENTENCES = {
    "models.none": "none",
    "models.no_champion": "champion    none: nothing is entered; `scripts/bot train` makes one",
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
    "models.no_proof": (
        "proof       none: in live mode it enters nothing ({lacks}); on paper it trades"
    ),
    "models.serves_now": "{model} serves now",
    "models.serves_already": "{model} serves already: nothing was changed",
    "models.wrong": (
        "WRONG       it does not load: {found}; nothing is entered until another one serves"
    ),
    "models.rolled_back": "rolled back to {model}",
    "models.nothing": "nothing",
    "models.moved": (
        "champion    {model} (before: {before}); a warm instance notices with its next tick"
    ),
    "models.previous": "previous    {model}",
}
