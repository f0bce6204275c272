"""One HTML page from a template: a single file that asks no network, light and dark.

Pure: the same values give the same bytes.
"""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from shared.core.sentences import say
from shared.core.sentences.figures import jst_minute, percent, utc_second, yen_alone
from shared.replay.types import is_warning

_FOLDER = Path(__file__).parent
_HYPHEN = re.compile(r"(?<![\w.-])-(?=[\d.])")


def render(
    template: Path,
    values: dict[str, Any],
    *,
    heading: str,
    notes: Sequence[str] = (),
    folders: tuple[Path, ...] = (),
    styles: tuple[Path, ...] = (),
    scripts: tuple[Path, ...] = (),
) -> str:
    """The page as text. Text in `values` is escaped, and a hyphen before a number is a minus sign.

    Args:
        template: Extends `base.html.j2`, or a template in one of `folders`.
        values: What the template says.
        heading: The name of the page; any text, shown as it is.
        notes: What must be said first; those that warn come before the others (see
            `replay.types.is_warning`).
        folders: Of further templates.
        styles: CSS beside the common one.
        scripts: JavaScript in the order in which its parts need each other; all of it and the theme
            share one scope.
    """
    ordered = sorted(notes, key=lambda note: not is_warning(note))
    page: str = (
        _environment((template.parent, *folders, _FOLDER))
        .get_template(template.name)
        .render(
            **values,
            heading=escape(heading),
            notes=[(escape(note), not is_warning(note)) for note in ordered],
            style=_paste_files((_FOLDER / "page.css", *styles)),
            script=_scope_scripts((_FOLDER / "theme.js", *scripts)),
        )
    )
    return page


def embeddable(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    # No `<` is left.
    return Markup(json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"))  # noqa: S704


@lru_cache(maxsize=8)
def _paste_files(paths: tuple[Path, ...]) -> Markup:
    """Our own files as they stand in the page."""
    # Our own files.
    return Markup("\n".join(path.read_text(encoding="utf-8") for path in paths))  # noqa: S704


def _scope_scripts(paths: tuple[Path, ...]) -> Markup:
    """Scripts in one scope that nothing else sees."""
    return Markup('(() => {{\n"use strict";\n{}}})();').format(_paste_files(paths))


def _typeset(value: Any) -> Any:
    """A minus sign where a hyphen stands before a number; text that was escaped already stays as it
    is.
    """
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return _HYPHEN.sub("−", value) if plain else value


@lru_cache(maxsize=8)
def _environment(folders: tuple[Path, ...]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_typeset,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(jst=jst_minute, utc=utc_second, yen=yen_alone, percent=percent)
    environment.globals["say"] = say
    return environment
