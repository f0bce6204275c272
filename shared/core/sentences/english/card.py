"""A bundle's model card: its text, and what its pictures say."""

SENTENCES = {
    "card.text": """\
# Model {version}

{verdict}

{pictures}Intended use: probabilities for BTC/JPY on closed 15-minute candles, read by crypto-bot's
risk rules. Nothing else.

## What it predicts

{question}

## What it has seen

| part | rows | independent labels | from | to | last label known |
|---|---|---|---|---|---|
{intervals}

The parts follow each other in time; labels of a part were known at least one horizon before the
next part begins. The learners were fitted on the first part, calibrated on the second, and judged
on the third, **once**. They were not fitted again afterwards: what serves is what was judged, and
it has not seen the last {unseen} days.

Features, in order: {features}.

## How it did on the validation rows

| | log loss | best constant | skill | 95 % interval | side alone | 95 % interval |
|---|---|---|---|---|---|---|
{skills}

| | Brier | calibration error | accuracy | precision | recall | F1 |
|---|---|---|---|---|---|---|
{scores}

Skill is 1 - log loss / log loss of the best constant probabilities in hindsight. Every row counts
the same here; the gate counts each by how independent its label is, and so its numbers differ. Side
alone asks only which level came first, on rows where one was touched: volatility is easy to
forecast and earns nothing. Intervals come from a moving-block bootstrap with blocks longer than the
labels overlap.

## Calibration

softmax(slope x scores + offsets); a slope of 0 means that nothing but the base rate was believed.

| | slope | lower | neither | upper |
|---|---|---|---|---|
{calibrations}

## Verdict

{gate}

| check | decides | value | interval | asked | passed |
|---|---|---|---|---|---|
{checks}

{folds}## Limits

{limits}

Seed {seed}, commit {commit}, recipe {recipe}, settings {settings_hash}, data {data_hash},
parent {parent}.
Libraries: {libraries}.
""",
    "card.gated": """\
Every number in the group *enter* is out of sample: from {folds} retrainings on the schedule that
live would have had, each deciding only candles after its own training, embargo included ({from_at}
to {to_at} UTC). {trials} configurations are on record in the append-only trial log, this one
included; the deflated Sharpe ratio pays for all of them. A model that may not enter stays flat in
live mode and trades on paper only; exits and protection always work. A person may overrule this by
naming the version in `risk.overrule_model`; every report then says so.""",
    "card.not_asked": """\
**This model was not asked by the gate.** It was trained quickly: the checks below say only that it
predicts sanely, and nothing was proven. So it may not enter in live mode, whatever its validation
rows say.""",
    "card.limits": """\
One pair, one label, one period. Past skill is no promise. The checks above are all that was tested;
a market that changes after the last candle of this training has not been seen by any of them.""",
    "card.image.gate": "The gate's checks",
    "card.image.equity": "What it did with money, beside buying and holding",
    "card.image.reliability": "What it said and what happened",
    "card.image.skill_by_month": "Skill by month",
    "card.image.scores": "How often it said what",
    "card.serves.trees": "its trees",
    "card.serves.har": "the regression on past volatility (HAR)",
    "card.decides.serve": "serve",
    "card.decides.enter": "enter",
    "card.decides.champion": "replace",
    "card.decides.note": "-",
    "card.volatility": (
        "Beside the vote it forecasts the realised volatility of the next 4 hours; what"
        " serves is {model}, the better of the two out of sample. It moves size and"
        " distances, never the side."
    ),
    "card.third_head": (
        "A third head says how probably the strategies' own trade pays: it may veto or"
        " shrink, never enter."
    ),
    "card.label.next_candle": (
        "Whether the next close lies more than {share} % below or above this one (lower,"
        " neither,\nupper). This label is a forecast of volatility in disguise, and no"
        " expected value follows from it."
    ),
    "card.label.barriers": (
        "Which of two levels, {multiple} x ATR(14) above and below a candle's close, is"
        " touched first within\n{candles} candles (lower, neither, upper). Entry is the close"
        " of the candle; costs are not in the label, the risk rules\nsubtract them. For"
        " {ambiguous} rows one candle touched both levels, and nobody knows which came first."
    ),
    "card.no_fold": (
        "There is too little history for a single fold of a walk-forward, so nothing could"
        " be proven."
    ),
    "card.folds": (
        "## Folds of the walk-forward\n\n| | decides from | to | learned from | rows |"
        " independent | last label | trees |\n"
    ),
    "card.unnamed": "unnamed",
    "card.no_parent": "none",
    "card.yes": "yes",
    "card.no": "**no**",
    "card.axis.said": "what the model said",
    "card.axis.probability": "probability that was said",
    "card.picture.reliability": "Said and happened",
    "card.note.reliability": (
        "Out of sample. On the line: what was said with 40 % happened in 40 % of the cases."
    ),
    "card.picture.months": "Skill by month",
    "card.note.months": (
        "Log loss saved over always saying the same, 95 % by moving blocks. Below zero:"
        " worse than knowing nothing."
    ),
    "card.picture.scores": "What it said",
    "card.note.scores": "Share of all out-of-sample candles.",
    "card.picture.equity": "The walk-forward beside buying and holding",
    "card.note.equity": (
        "Out of sample, after fees, spread and slippage, by the rules of the tick; start = 100."
    ),
    "card.key.hold": "hold",
    "card.key.own": "this recipe",
    "card.key.upper": "upper first",
    "card.key.lower": "lower first",
    "card.picture.gate": "The gate",
    "card.group.serve": "may it serve",
    "card.group.enter": "may it enter",
    "card.group.champion": "does it take the champion's place",
    "card.group.note": "notes",
    "card.outcome.passed": "passed",
    "card.outcome.failed": "failed",
}
