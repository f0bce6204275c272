"""The page that says how a thing is added, built as it says: a copy of the project with the
examples in it does what each is for.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "extending.md"
_BLOCK = re.compile(
    r"^(?:File `(?P<file>[^`]+)`|In `(?P<into>[^`]+)`, after `(?P<line>[^`]+)`):\n\n"
    r"```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A block of the page: a whole file, or what comes after a line of one that is there."""

    section: str
    file: str
    after: str | None
    text: str


def examples() -> list[Example]:
    found = []
    for section in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        found += [
            Example(
                section=section.partition("\n")[0],
                file=block["file"] or block["into"],
                after=block["line"],
                text=block["text"],
            )
            for block in _BLOCK.finditer(section)
        ]
    return found


def written(root: Path, example: Example) -> None:
    path = root / example.file
    if example.after is None:
        assert not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(example.text, encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    (at,) = (number for number, line in enumerate(lines) if line.startswith(example.after))
    path.write_text("".join([*lines[: at + 1], example.text, *lines[at + 1 :]]), encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("extended")
    for folder in ("functions", "models", "scripts", "shared", "tests"):
        shutil.copytree(
            ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "page_*")
        )
    shutil.copy2(ROOT / "pyproject.toml", root / "pyproject.toml")
    for example in examples():
        written(root, example)
    return root


def ran(root: Path, *words: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", *words],
        cwd=root,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root), "HOME": str(root), **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_each_thing_is_one_new_file_or_entry_and_at_most_one_line_that_names_it() -> None:
    found = examples()
    blocks = PAGE.read_text(encoding="utf-8").count("\n```") // 2
    assert len(found) == blocks, "a block says no place"
    by_section: dict[str, list[Example]] = {}
    for example in found:
        by_section.setdefault(example.section, []).append(example)
    assert list(by_section) == [
        *("A strategy", "A feature", "A learner", "An exchange", "A store"),
    ]
    for section, blocks in by_section.items():
        (thing, *line) = blocks
        assert (thing.after is not None) == (section == "A feature")
        assert len(line) == (0 if section == "A feature" else 1)
        assert all(one.after is not None and one.text.count("\n") == 1 for one in line)


def test_every_import_contract_holds_and_every_new_file_has_a_guard(project: Path) -> None:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
    assert " 0 broken" in ran(project, "-c", code)


def test_the_strategy_votes_in_the_stages_of_tick_and_replay_and_its_settings_are_bounded(
    project: Path,
) -> None:
    code = """
from scripts.docs import pages as docs
from shared.core.errors import BadSettings
from shared.core.settings import load_settings
from shared.turn import pipeline
from tests.support.made_trainings import market

given = {"BOT_HOME": "/x", "BOT_STRATEGIES__QUIET_BREAK__WEIGHT": "1"}
done = pipeline.stages(market(30, seed=3, edge_bp=8.0), bundle=None, settings=load_settings(given))
column = done.votes.names.index("quiet_break")
assert set(done.votes.sides[:, column].tolist()) == {-1, 0, 1}
assert done.votes.confidences[:, column].max() == 0.6
assert load_settings({}).strategies.quiet_break.weight == 0
assert "* `strategies.quiet_break.quiet_rate` = `0.02`:" in docs.settings_page()
try:
    load_settings({**given, "BOT_STRATEGIES__QUIET_BREAK__QUIET_RATE": "-1"})
except BadSettings as error:
    assert "strategies.quiet_break.quiet_rate was '-1'" in str(error)
    assert "shared/strategies/quiet_break.py explains" in error.remedy
    print("refused")
"""
    assert ran(project, "-c", code) == "refused\n"


def test_the_feature_is_a_column_of_the_matrix_and_a_row_of_the_page(project: Path) -> None:
    code = """
import numpy as np
from scripts.docs import pages as docs
from shared import features
from tests.support.made_trainings import market

found = features.compute(market(30, seed=3, edge_bp=8.0))
for name in ("volume_ratio_40", "volume_ratio_40_4h"):
    column = found.column(name)
    assert np.isfinite(column[-1]) and np.isnan(column[0]), name
    assert f"* `{name}` (40): volume" in docs.features_page()
print(int(np.isfinite(found.column("volume_ratio_40")).argmax()))
"""
    assert ran(project, "-c", code) == "39\n"


def test_the_learner_is_a_member_of_a_bundle_that_loads_and_predicts(project: Path) -> None:
    code = """
import numpy as np
from shared.model import load_bundle
from shared.model.predict import predict_rows
from shared.model.signing import public_of
from tests.support.made_trainings import SIGNING_KEY, small_training

made = small_training()
bundle = load_bundle(made.files, public_keys=(public_of(SIGNING_KEY),), version=made.version)
members = {member.name: member for member in bundle.manifest.members}
assert members["extra_trees"].trees == 15 and "extra_trees.npz" in made.files
told = predict_rows(np.zeros((5, len(bundle.manifest.features)), dtype=np.float32), bundle)
assert np.allclose(told.sum(axis=1), 1.0)
print(*members, round(sum(member.weight for member in members.values()), 6))
"""
    assert ran(project, "-c", code) == "lightgbm xgboost random_forest extra_trees 1.0\n"


@pytest.mark.parametrize(
    ("suite", "name"), [("test_exchange.py", "live"), ("test_bucket.py", "table")]
)
def test_the_exchange_and_the_store_are_under_their_contract_suites_and_pass(
    project: Path, suite: str, name: str
) -> None:
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/contract/{suite}", "-k", name)
    told = ran(project, *words)
    assert int(re.search(r"(\d+) passed", told)[1]) >= 6, told
