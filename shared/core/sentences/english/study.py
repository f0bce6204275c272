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
    "study.verdict.one_failed": "It may not enter: it did not pass the gate.",
    "study.verdict.none": "Nothing here may enter: none of the {tries} tries passed the gate.",
    "study.verdict.named": "{variant} on {data}",
    "study.verdict.some": "{passed} of {tries} passed the gate and may enter: {named}.",
    "study.table.costs": "After costs",
    "study.note.costs": "fees, slippage, spread and interest paid; intervals are 95 %",
    "study.column.variant": "Variant",
    "study.column.net": "Net",
    "study.column.annual": "A year",
    "study.column.sharpe": "Sharpe",
    "study.means.sharpe": "of daily returns, annualised with 365 days; bootstrap interval",
    "study.column.psr": "PSR",
    "study.means.psr": (
        "probability that the true Sharpe is above zero; the lower of both published variants"
    ),
    "study.column.dsr": "DSR",
    "study.means.dsr": "the same above what the best of all logged trials shows without any skill",
    "study.column.drawdown": "Drawdown",
    "study.column.trades": "Trades",
    "study.column.won": "Won",
    "study.column.held": "Held",
    "study.means.held": "share of the time in which something was held",
    "study.column.costs": "Costs",
    "study.means.costs": "fees, slippage and interest, as a share of the money at the start",
    "study.column.random": "Beats random",
    "study.means.random": "share of random histories, same barriers or same exposure, that it beat",
    "study.column.enters": "May enter",
    "study.paid": "fees {fees}, slippage {slippage}, interest {interest} yen",
    "study.drawn": "its own mean {own}, random {random}",
    "study.table.beside": "Beside buying and holding",
    "study.note.beside": (
        "the same days drawn again in blocks of 30, a thousand times; intervals are 95 %;"
        " falls are of daily values"
    ),
    "study.column.growth": "Growth a year",
    "study.column.growth_gap": "Less that of holding",
    "study.column.fall": "Deepest fall",
    "study.column.hold_fall": "That of holding",
    "study.column.sharpe_gap": "Sharpe less that of holding",
    "study.column.mixed": "As wild",
    "study.means.mixed": "bitcoin and cash that move as much as the variant",
    "study.column.mixed_gap": "Growth above that",
    "study.means.mixed_gap": "above the mixture, balanced daily without costs",
    "study.column.mixed_fall": "Its deepest fall",
    "study.mixed": "{share} bitcoin",
    "study.table.halts": "Chance of its own halt",
    "study.note.halts": (
        "days like those of its record in another order; at its measured Sharpe ratio, at half"
        " of it, and at none"
    ),
    "study.column.limit": "Halts at",
    "study.means.limit": "the drawdown limit",
    "study.table.learned": "What was learned",
    "study.note.learned": "on candles that no model had seen; skill 0 is always saying the same",
    "study.column.models": "Models",
    "study.means.models": "how often it was retrained",
    "study.column.candles": "Candles",
    "study.column.worth": "Worth",
    "study.means.worth": "independent labels among them",
    "study.column.skill": "Skill",
    "study.means.skill": "1 - log loss / that of the best constant",
    "study.column.direction": "Side alone",
    "study.means.direction": (
        "the same for up or down only: this is what earns; the rest is volatility"
    ),
    "study.column.calibration": "Calibration off by",
    "study.means.calibration": "mean distance between what was said and what happened, in points",
    "study.column.recipe": "Recipe",
    "study.a_note": "a note",
    "study.table.gate": "The gate",
    "study.note.gate": "every check must hold; point at one for what it means",
    "study.column.check": "Check",
    "study.column.asked": "Limit",
    "study.may_enter": "may enter",
    "study.interval": "{low} to {high}",
    "study.table.denied": "Why nothing was entered the rest of the time",
    "study.note.denied": "15m candles by reason, the most frequent ones",
    "study.column.reasons": "Reasons",
    "study.table.changed": "In what the variants differ",
    "study.note.changed": "settings by their dotted names",
    "study.column.setting": "Setting",
    "study.means.growth": "compound",
    "study.differs": "differs",
    "study.halt.full": "as measured",
    "study.halt.half": "half",
    "study.halt.none": "none",
    "study.halt.year": "1 year, {share}",
    "study.halt.years": "{years} years, {share}",
    "study.title": "Study: {study}",
    "study.of_variant": "{word} {data}, {variant}: {rest}",
    "study.from_to": "{first} to {last}, {days} days",
    "study.chart": "Growth on {data}",
    "study.newest_model": (
        "Everything is out of sample: each decision came from the newest model that there was then."
    ),
    "study.made_by": "Made by",
    "study.declared": (
        "declared `{hash}`, commit `{commit}`, seed {seed}, retrained every {days} days"
    ),
    "study.trials": "{trials} trials in the log, these included",
    "study.data": "{data}: {period}, {resolution} candles, data `{hash}`",
    "study.asked": "What the checks ask:",
}
