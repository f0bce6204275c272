"""The pages that are made from the code say what the code says."""

import re
from pathlib import Path

import pytest

from scripts.docs.pages import DOCS, PAGES

ROOT = DOCS.parent


@pytest.mark.parametrize("file", PAGES)
def test_a_page_made_from_the_code_is_up_to_date(file) -> None:
    assert (DOCS / file).read_text(encoding="utf-8") == PAGES[file](), "run: python -m scripts.docs"


def test_every_module_that_the_architecture_names_exists() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:shared|functions|tests|models|scripts)/[\w/.]+)`", text))
    assert len(named) >= 15
    assert not [path for path in named if not (ROOT / path).exists()]


def test_every_link_of_the_readme_and_the_docs_leads_somewhere() -> None:
    links = 0
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            links += 1
            assert (page.parent / Path(target)).exists(), (page.name, target)
    assert links >= 4


def _anchors(page: Path) -> set[str]:
    """What GitHub makes of its headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_to_a_part_of_a_page_leads_to_a_heading() -> None:
    links = 0
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        for target, anchor in re.findall(
            r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8")
        ):
            links += 1
            there = page.parent / target if target else page
            assert anchor in _anchors(there), (page.name, target, anchor)
    assert links >= 10
