"""Write every page that is made from the code: `python -m scripts.docs`."""

from scripts.docs.pages import DOCS, PAGES

for file, page in PAGES.items():
    (DOCS / file).write_text(page(), encoding="utf-8")
