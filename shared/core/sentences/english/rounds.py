"""What `rounds` answers."""

SENTENCES = {
    "rounds.not_there": "{name}: this version has none",
    "rounds.done": "{name}: {line}",
    "rounds.cleaned": "took away {removed}{more}",
    "rounds.nothing": "nothing",
    "rounds.more": "; more is left for the next round",
}
