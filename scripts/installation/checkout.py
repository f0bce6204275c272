"""Where this checkout lies."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The folder of `scripts`, `docs`, `tests` and the requirements: commands work from it, wherever
they are called.
"""
