"""Which code makes a model, as a hash of its syntax trees: a comment or a move makes no other
recipe.

This list is no part of what it lists, so that a file may be renamed without a new recipe.
"""

from functools import cache

from shared.core import deciding, fingerprint

FITTING = (
    *(
        "models/data/dataset.py",
        "models/data/labels.py",
        "models/data/realised.py",
        "models/data/uniqueness.py",
    ),
    *(
        "models/fit/calibrate.py",
        "models/fit/export.py",
        "models/fit/heads",
        "models/fit/learners",
    ),
    *(
        "models/fit/members.py",
        "models/fit/recipe.py",
        "models/fit/voting.py",
        "models/walk_forward",
    ),
    "shared/model/question.py",
)
"""Files and rooms that fit, as places under the root."""
_OF_DECIDING = ("features/", "model/")


@cache
def code_hash() -> str:
    """The hash of all code that a model depends on.

    Raises `NotThere` where a file of it is gone.
    """
    asked = {
        place: text for place, text in deciding.sources().items() if place.startswith(_OF_DECIDING)
    }
    return fingerprint.trees_of({**asked, **fingerprint.sources(FITTING)})
