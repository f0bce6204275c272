"""How well a score ranks: the area under the ROC curve, with weights and ties."""

from shared.core.types import BoolArray, FloatArray


def auc(score: FloatArray, happened: BoolArray, weight: FloatArray) -> float | None:
    """The chance that a row where it happened scores above a row where it did not, a tie counting
    half, in [0, 1].

    The Mann-Whitney form (Hanley & McNeil, Radiology 143, 1982), each row counted by its weight.
    None without both kinds.

    Args:
        score: (n,) greater: more likely.
        happened: (n,) whether it did.
        weight: (n,) at least 0.
    """
    from sklearn.metrics import roc_auc_score  # heavy, and only the gate asks

    if not (weight * happened).sum() or not (weight * ~happened).sum():
        return None
    return float(roc_auc_score(happened, score, sample_weight=weight))
