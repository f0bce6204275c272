"""Which code makes a model, as a hash of its syntax trees: a comment or a move makes no other recipe.

This list is no part of what it lists, so that a file may be renamed without a new recipe.
"""

from functools import cache
from pathlib import Path

from shared.core.deciding import sources, trees_of
from shared.core.errors import NotThere
from shared.model import question

_FITTING = (
    *("data/dataset", "data/labels", "data/realised", "data/uniqueness", "walk_forward"),
    *("fit/calibrate", "fit/export", "fit/heads", "fit/learners", "fit/members", "fit/recipe", "fit/voting"),
)
_OF_DECIDING = ("features/", "model/")
_MODELS = Path(__file__).resolve().parents[1]


@cache
def code_hash() -> str:
    """The hash of all code that a model depends on. Raises `NotThere` where a file of it is gone."""
    texts = {place: text for place, text in sources().items() if place.startswith(_OF_DECIDING)}
    texts["question.py"] = Path(question.__file__).read_bytes()
    for name in _FITTING:
        place = _MODELS / name
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        if not files or not all(file.is_file() for file in files):
            raise NotThere(f"the code that makes a model is not whole: there is no models/{name}")
        texts |= {f"models/{file.relative_to(_MODELS)}": file.read_bytes() for file in files}
    return trees_of(texts)
