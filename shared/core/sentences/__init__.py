"""The sentences that people read, in one catalogue: alerts, reports and pages, `status`, `doctor`,
what a tick says of itself, and the reasons.

`say` takes a sentence by its key and fills its fields. A chapter is a module of the language's
package, and the first part of its keys; it is read when its first sentence is said. Another
language is another package of the same chapters, keys and fields, and `LANGUAGE` says which is
spoken. What goes into a field is text already: `figures` writes each number, amount and instant.

Not here: errors with their remedies, the help of commands, lines of logs, and what is stored with a
run or a bundle: its notes, and what its checks mean. They are written where they are raised. Names
of sides, outcomes, statuses and facts are those of the code.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from string import Formatter

from shared.core.reasons import Reason

LANGUAGE = "english"
"""The package of chapters that is spoken."""


def say(key: str, /, **values: str | int) -> str:
    """The sentence called `key`, like `alerts.title.entered`, with its fields filled.

    Raises `LookupError` for a key that no chapter has, and `ValueError` where `values` are not
    exactly the fields of the sentence.

    >>> say("alerts.title.tick_failed", reason="a step failed")
    'The tick failed: a step failed.'
    """
    template, fields = _sentence(LANGUAGE, key)
    if values.keys() != fields:
        raise ValueError(f"the sentence {key!r} has fields {sorted(fields)}, not {sorted(values)}")
    return template.format_map(values)


def reason_now(reason: Reason) -> str:
    """Why something is so, as the end of a sentence.

    >>> reason_now(Reason.DATA_STALE)
    'the newest candle is too old'
    """
    return say(f"reasons.now.{reason}")


def reason_then(reason: Reason) -> str:
    """Why something was so, as the end of a sentence.

    >>> reason_then(Reason.DATA_STALE)
    'the newest candle was too old'
    """
    return say(f"reasons.then.{reason}")


def chapter(name: str) -> Mapping[str, str]:
    """The sentences of a chapter by their keys, with fields that a page's own script fills.

    Raises `LookupError` for a chapter that there is not.

    >>> chapter("charts")["charts.bar"]
    'one bar is {length}'
    """
    return _chapter(LANGUAGE, name)


def fields_of(template: str) -> frozenset[str]:
    """The names of a template's fields.

    >>> sorted(fields_of("{size} at {price}"))
    ['price', 'size']
    """
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


@cache
def _sentence(language: str, key: str) -> tuple[str, frozenset[str]]:
    template = _chapter(language, key.partition(".")[0]).get(key)
    if template is None:
        raise LookupError(f"no sentence is called {key!r}")
    return template, fields_of(template)


def _chapter(language: str, name: str) -> Mapping[str, str]:
    try:
        sentences: Mapping[str, str] = import_module(f"{__name__}.{language}.{name}").SENTENCES
    except ModuleNotFoundError as error:
        raise LookupError(f"no sentence is called {name!r}: there is no such chapter") from error
    return sentences
