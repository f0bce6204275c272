import importlib

import numpy as np
import pytest

from models.data.dataset import Dataset, build, split
from models.fit import export
from models.fit.learners import fit_all
from models.fit.learners.learner import import_package
from models.fit.members import member_of
from shared.core.errors import BadBundle, UserError
from shared.features.catalogue import MODEL
from shared.model.predict import member_scores, softmax
from tests.support.made_trainings import market, small_settings

LEARNING = small_settings().learning


@pytest.fixture(scope="module")
def parts():
    return split(
        build(market(75, seed=3, edge_bp=8.0), LEARNING, MODEL), held_out_share=0.25, embargo_ms=0
    )


@pytest.fixture(scope="module")
def fitted(parts):
    return fit_all(parts.training, LEARNING, 7, lambda _text, _share: None)


def edges(parts, trees) -> np.ndarray:
    """Held-out rows whose values are moved onto thresholds and one float32 to either
    side of them.
    """
    rng = np.random.default_rng(1)
    rows = parts.validation.rows.copy()
    thresholds = [
        (int(f), t)
        for tree in trees
        for f, t, left in zip(tree.feature, tree.threshold, tree.left, strict=True)
        if left >= 0
    ]
    for row in rows:
        for index in rng.choice(len(thresholds), size=12):
            feature, threshold = thresholds[index]
            row[feature] = (
                np.nextafter(threshold, np.float32(rng.choice([-np.inf, np.inf])))
                if rng.random() < 0.7
                else threshold
            )
    return rows


@pytest.mark.parametrize("index", [0, 1, 2], ids=["lightgbm", "xgboost", "random_forest"])
def test_flat_trees_equal_the_native_library_on_every_row(parts, fitted, index):
    learner = fitted[index]
    forest = export.flatten(learner.trees, feature_count=len(MODEL))
    member = member_of(learner, 1.0)
    rows = np.concatenate(
        [parts.calibration.rows, parts.validation.rows, edges(parts, learner.trees)]
    )
    (scores,) = member_scores(rows, forest, (member,))
    difference = np.abs(softmax(scores) - learner.native(rows)).max(axis=1)
    assert difference.max() <= 1e-6
    assert len(rows) > 1_500
    assert len(learner.trees) == (45, 45, 15)[index]


def test_the_rows_on_the_thresholds_do_test_the_rounding(parts, fitted):
    """Rounded to the nearest float32, the same trees would differ."""
    learner = fitted[2]
    rows = edges(parts, learner.trees)
    shifted = [
        export.Tree(
            feature=tree.feature,
            threshold=np.nextafter(tree.threshold, np.float32(np.inf)),
            left=tree.left,
            right=tree.right,
            value=tree.value,
        )
        for tree in learner.trees
    ]
    (scores,) = member_scores(
        rows, export.flatten(shifted, feature_count=len(MODEL)), (member_of(learner, 1.0),)
    )
    assert np.abs(softmax(scores) - learner.native(rows)).max() > 1e-6


def test_a_difference_above_a_millionth_is_refused():
    one = np.full((2, 3), 1 / 3)
    assert export.check_equal("lightgbm", one, one + 5e-7) == pytest.approx(5e-7)
    for off in (2e-6, np.nan):
        with pytest.raises(BadBundle, match="export: lightgbm differs"):
            export.check_equal("lightgbm", one, one + off)


def test_a_learner_that_finds_nothing_to_split_is_exported_as_a_constant(parts):
    part = parts.training
    rng = np.random.default_rng(2)
    flat = Dataset(
        names=part.names,
        as_of=part.as_of,
        rows=np.ones_like(part.rows),
        label=rng.integers(0, 3, len(part)).astype(np.int8),
        end_at=part.end_at,
        weight=part.weight,
    )
    for learner in fit_all(flat, LEARNING, 7, lambda _text, _share: None):
        forest = export.flatten(learner.trees, feature_count=len(MODEL))
        (scores,) = member_scores(flat.rows[:50], forest, (member_of(learner, 1.0),))
        assert np.abs(softmax(scores) - learner.native(flat.rows[:50])).max() <= 1e-6


def test_the_forest_for_audit_is_plain_arrays_that_walk_like_the_forest(parts, fitted):
    from shared.model.arrays import unpack

    names = (
        "node_counts",
        "feature",
        "threshold",
        "children_left",
        "children_right",
        "n_node_samples",
        "value",
    )
    arrays = unpack(fitted[2].audit, names, what="random_forest.npz")
    row = parts.validation.rows[0]
    total, start = np.zeros(3), 0
    for count in arrays["node_counts"]:
        node = start
        while arrays["children_left"][node] >= 0:
            goes_left = row[arrays["feature"][node]] <= arrays["threshold"][node]
            node = start + int(arrays["children_left" if goes_left else "children_right"][node])
        total += arrays["value"][node, 0] / arrays["value"][node, 0].sum()
        start += int(count)
    assert (
        np.abs(
            total / len(arrays["node_counts"]) - fitted[2].native(parts.validation.rows[:1])[0]
        ).max()
        < 1e-12
    )


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError("libgomp.so.1: cannot open shared object file: No such file or directory"),
            "OpenMP",
        ),
        (
            RuntimeError("XGBoost Library could not be loaded. Likely causes: libomp.dylib"),
            "OpenMP",
        ),
        (ModuleNotFoundError("No module named 'lightgbm'"), "Python package lightgbm"),
    ],
)
def test_a_missing_library_of_the_system_is_named_with_its_package(monkeypatch, error, says):
    def fail(_name):
        raise error

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(UserError, match=says) as caught:
        import_package("lightgbm")
    if says == "OpenMP":
        assert "libgomp1" in caught.value.remedy
        assert "libomp" in caught.value.remedy


def test_any_other_failure_of_an_import_is_not_hidden(monkeypatch):
    def fail(_name):
        raise ValueError("something else")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(ValueError, match="something else"):
        import_package("xgboost")
