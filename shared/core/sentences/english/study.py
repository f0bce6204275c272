"""A study's page."""

SENTENCES = {
    "study.fact.declared": "declared",
    "study.fact.commit": "commit",
    "study.fact.seed": "seed",
    "study.fact.retrained": "retrained every",
    "study.days": "{days} days",
    "study.fact.trials": "trials in the log",
    "study.out_of_sample": (
        "Everything is out of sample: each decision came from the newest model that there was"
        " then, trained only on what was known before."
    ),
    "study.period": "{period}; {resolution} candles; data {hash}",
    "study.hold": "buy and hold",
    "study.heading.declared": "What was declared",
    "study.heading.shared": "What all of them change of the defaults",
    "study.heading.reading": "How to read this",
    "study.reading.skill": (
        "<b>Skill</b> says how much better than always saying the same the probabilities were."
        " A score that only knows how much the price will move has skill and earns nothing:"
        " <b>side alone</b> is what a trade lives on."
    ),
    "study.reading.luck": (
        "<b>PSR</b> is the probability that the true Sharpe is above zero, <b>DSR</b> that it"
        " is above what luck shows to the best of all {trials} trials in the log. Both are the"
        " lower of two published variants."
    ),
    "study.reading.random": (
        "<b>Beats random</b> compares with entries at random times under the same barriers and"
        " costs (for a target exposure: with the same exposure moved in time). 50 % is what"
        " chance does."
    ),
    "study.reading.interval": (
        "An <b>interval</b> that holds zero is compatible with no effect at all."
    ),
    "study.reading.failing": (
        "To fail is the usual outcome. What may not enter stays flat in live mode; on paper it"
        " trades."
    ),
    "study.footer": (
        "The same file, candles, commit and trial log give this page again, byte for byte."
    ),
    "study.damaged": " {records} records of the trial log cannot be read; they count as trials.",
}
