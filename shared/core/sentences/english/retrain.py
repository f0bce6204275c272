"""What a retraining came to."""

SENTENCES = {
    "retrain.version": "model       {model}",
    "retrain.proof": "proof       {retrainings} retrainings, out of sample from {since} to {until}",
    "retrain.money": "money       {money}",
    "retrain.verdict": "verdict     {verdict}",
    "retrain.outcome": "outcome     {why}",
    "retrain.note": "note        {note}",
    "retrain.serves": "serves      {serves}",
    "retrain.earned": (
        "{total} after costs in {positions} positions, Sharpe {sharpe}, worst fall {fall};"
        " buying and holding {hold}"
    ),
    "retrain.check_passed": "{value}{interval}, asked is {asked}: passed",
    "retrain.check_failed": "{value}{interval}, asked is {asked}: failed",
    "retrain.dry_run": (
        "dry run     nothing was written but the trial: a look at the verdict counts as one"
    ),
    "retrain.already": "note        {retraining} was done already; --as-of makes another one",
}
