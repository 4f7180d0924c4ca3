"""Did pretraining help? Pairs of fits with and without, on the same splits, and what they show."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy import stats
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import check_random_state, column_or_1d, indexable
from sklearn.utils.parallel import Parallel, delayed

from sklearn_sda._compat import _safe_indexing
from sklearn_sda._targets import (
    UNLABELLED,
    as_labels,
    check_some_labelled,
    is_unlabelled,
    plain,
    refuse_written_marks,
    require_y,
)

CONFIDENCE = 0.95


@dataclass(frozen=True)
class PretrainingComparison:
    """What pairs of fits with and without pretraining show; see `compare_pretraining`.

    Attributes
    ----------
    with_pretraining, without_pretraining : ndarray of shape (n_pairs,)
        Scores on the test samples of each split, one repeat after the other.
    share_tested : float
        Fraction of the labelled samples that are tested in a split, on average.
    n_repeats : int
        Number of repeats.
    """

    with_pretraining: np.ndarray
    without_pretraining: np.ndarray
    share_tested: float
    n_repeats: int

    @property
    def differences(self):
        """With minus without pretraining, of each pair."""
        return self.with_pretraining - self.without_pretraining

    @property
    def mean_difference(self):
        """Mean of the differences."""
        return float(self.differences.mean())

    @property
    def interval(self):
        """The 95 % interval of the mean difference, a pair: see `compare_pretraining`."""
        differences, share = self.differences, self.share_tested
        n_pairs = len(differences)
        variance = (1 / n_pairs + share / (1 - share)) * differences.var(ddof=1)
        half = stats.t.ppf((1 + CONFIDENCE) / 2, n_pairs - 1) * np.sqrt(variance)
        return self.mean_difference - float(half), self.mean_difference + float(half)

    @property
    def verdict(self):
        """Return "helps" or "hurts" if the interval is on one side of 0, else "no difference shown".

        Differences that are all the same say nothing of how much they vary, and show none.
        """
        low, high = self.interval
        scores = np.abs([self.with_pretraining, self.without_pretraining])
        if np.ptp(self.differences) <= 8 * np.finfo(np.float64).eps * scores.max():
            return "no difference shown"
        return "helps" if low > 0 else "hurts" if high < 0 else "no difference shown"

    def __str__(self):
        """Return the verdict and the figures in a sentence."""
        low, high = self.interval
        return (
            f"Pretraining: {self.verdict}. Mean score {self.with_pretraining.mean():.4f} with, "
            f"{self.without_pretraining.mean():.4f} without; difference {self.mean_difference:+.4f}, 95 % "
            f"interval [{low:+.4f}, {high:+.4f}], {len(self.differences)} pairs."
        )


def compare_pretraining(
    estimator, X, y, *, cv=5, scoring=None, n_repeats=2, random_state=None, n_jobs=None
):  # fmt: skip
    """Compare a classifier or regressor with itself without pretraining.

    For every split of every repeat it is fitted twice, with ``pretrain=True`` and False: on the same samples,
    from the same seed and so from the same random initial parameters, with the same budget of fine-tuning.
    Samples that have no label, and those that a split uses neither for training nor for testing, are in both
    training sets without their labels: pretraining learns from them. (A `TransformedTargetRegressor` refuses
    missing targets: compare it on splits that use all samples.) Five folds and two repeats are twenty fits,
    ten of them with pretraining.

    The interval is that of the corrected resampled t-test (eq. 15; Nadeau and Bengio 2003): the variance of
    the mean of J differences d is taken for ``(1 / J + s / (1 - s)) var(d)``, s being the fraction of the
    labelled samples that is tested in a split, for the splits share their samples. The second term does not
    become smaller with more pairs: with five folds it is 1/4, so that the interval of one repeat (J = 5) is
    1.9 times as wide as that of very many, that of two repeats 1.4 times and of four 1.2 times. What makes it
    narrower is more labels, or a split with fewer test samples.

    Parameters
    ----------
    estimator : estimator
        An SdAClassifier or SdARegressor, or an estimator with one in it, such as a Pipeline. Not fitted here:
        copies are.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels or target values; for samples without, -1, None or NaN among labels, NaN among values.
    cv : int, splitter or iterable, default=5
        Number of folds (stratified for a classifier, shuffled), a splitter such as `StratifiedShuffleSplit`
        for the labelled samples, or pairs of their indices, such as
        ``list(GroupKFold().split(X, y, groups))``. With ``train_size=100`` of a splitter, the question is
        what pretraining is worth with 100 labels.
    scoring : str, callable or None, default=None
        As in `cross_val_score`; higher is better. None for the estimator's own: accuracy or R².
    n_repeats : int, default=2
        How often the whole is repeated, each time with other seeds (of the encoder too, whatever its own)
        and, if `cv` is a number or a splitter with a `random_state`, other splits.
    random_state : int, RandomState instance or None, default=None
        Determines splits and seeds.
    n_jobs : int or None, default=None
        Number of pairs at a time, as in scikit-learn.

    Returns
    -------
    comparison : PretrainingComparison
        With `with_pretraining` and `without_pretraining` (scores of each pair), `differences`,
        `mean_difference`, `interval` and `verdict`; printed, it is a sentence.

    Raises
    ------
    TypeError
        If there is not one SdAClassifier or SdARegressor in the estimator.
    ValueError
        If the encoder is frozen, no sample is labelled, there are fewer than two pairs, a search has
        `pretrain` in its grid, or `cv`, `scoring` or `n_repeats` is none of the above.

    References
    ----------
    Nadeau and Bengio (2003). Inference for the generalization error. Machine Learning 52.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_sda import SdAClassifier, compare_pretraining
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = SdAClassifier((30,), max_iter=10)
    >>> comparison = compare_pretraining(clf, X / 16, y, n_repeats=1, random_state=0)
    >>> comparison.verdict in ("helps", "hurts", "no difference shown")
    True
    """
    prefix = _pretrain_prefix(estimator)
    if not (isinstance(n_repeats, Integral) and n_repeats >= 1):
        raise ValueError(f"n_repeats must be a positive integer, got {n_repeats!r}.")
    if isinstance(estimator.get_params(deep=True)[f"{prefix}encoder"], FrozenEstimator):
        raise ValueError(
            f"{prefix}encoder is frozen: it is trained already, and there is no pretraining to compare. Hand "
            "over the encoder itself."
        )
    _check_searches(estimator)
    can_split = hasattr(cv, "split") or hasattr(cv, "__iter__")
    if isinstance(cv, str) or not (cv is None or isinstance(cv, Integral) or can_split):
        raise ValueError(f"cv must be a number of folds, a splitter or pairs of indices, got {cv!r}.")
    if not (scoring is None or isinstance(scoring, str) or callable(scoring)):
        raise ValueError(f"scoring must be one name or function, or None, got {scoring!r}.")
    require_y(y, "compare_pretraining")
    y = as_labels(y)
    X, labels = indexable(X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y)
    refuse_written_marks(labels)
    unlabelled = _unlabelled(labels, is_classifier(estimator))
    marks = "-1, None or NaN" if is_classifier(estimator) else "NaN"
    check_some_labelled(~unlabelled, "A comparison needs labels to score with.", marks)
    labelled, others = np.flatnonzero(~unlabelled), np.flatnonzero(unlabelled)
    rng = check_random_state(random_state)
    pairs = []
    for _ in range(n_repeats):
        seed = int(rng.randint(2**31 - 1))
        splitter = _splitter(5 if cv is None else cv, estimator, labels.ndim, seed)
        if not hasattr(splitter, "split"):
            cv = splitter = list(splitter)
        splits = splitter.split(labelled, plain(labels[labelled])) if hasattr(splitter, "split") else splitter
        for split in splits:  # of indices, or of masks
            try:
                train, test = (np.arange(len(labelled))[part] for part in split)
            except IndexError as error:
                raise ValueError(
                    f"cv splits more than the {len(labelled)} labelled samples: {error}. Give folds of "
                    "these, without the others, which are in every training set."
                ) from None
            unused = np.setdiff1d(np.arange(len(labelled)), np.concatenate([train, test]))
            rows = labelled[train], labelled[test], np.concatenate([labelled[unused], others])
            pairs.append((*rows, int(rng.randint(2**31 - 1))))
    if len(pairs) < 2:
        raise ValueError(f"An interval needs at least 2 pairs, got {len(pairs)}: use more folds or repeats.")
    share_tested = float(np.mean([len(test) for _, test, *_ in pairs]) / len(labelled))
    if share_tested >= 1:
        raise ValueError("A split must leave labelled samples to train with: its test set has all of them.")
    scores = Parallel(n_jobs=n_jobs)(
        delayed(_score_pair)(estimator, prefix, X, labels, *pair, scoring) for pair in pairs
    )
    scores = np.array(scores, np.float64)
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{(~np.isfinite(scores)).any(axis=1).sum()} of {len(scores)} pairs have a score that is NaN or "
            "infinite: the test sets may be too small for it. Use fewer folds, or another scoring."
        )
    return PretrainingComparison(*scores.T, share_tested=share_tested, n_repeats=n_repeats)


def _pretrain_prefix(estimator):
    """Return what comes before "pretrain" in the name of an estimator's parameter."""
    names = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else []
    found = [name for name in names if _is_pretrain(name)]
    if len(found) != 1:
        raise TypeError(
            "estimator must be an SdAClassifier or SdARegressor, or have exactly one of them in it, got "
            f"{estimator!r}."
        )
    return found[0].removesuffix("pretrain")


def _is_pretrain(name):
    """Return whether a parameter is the `pretrain` of an estimator or of one in it."""
    return name.split("__")[-1] == "pretrain"


def _check_searches(estimator):
    """Raise ValueError if an estimator is a search that chooses whether there is pretraining."""
    for name, value in estimator.get_params(deep=True).items():
        if name.split("__")[-1] in ("param_grid", "param_distributions"):
            grids = value if isinstance(value, list | tuple) else [value]
            if any(_is_pretrain(key) for grid in grids for key in grid):
                raise ValueError(
                    f"{name} has 'pretrain', which the comparison sets: the search would undo it, and both "
                    "fits of a pair would be the same. Leave it out of the grid."
                )


def _unlabelled(labels, classes):
    """Return which samples have no label, or no target value if these are no `classes`."""
    mark = UNLABELLED if classes else None
    if labels.ndim == 1:
        return is_unlabelled(labels, mark)
    return np.apply_along_axis(is_unlabelled, 0, labels, mark).all(axis=1)


def _splitter(cv, estimator, n_dimensions, seed):
    """Return what splits labels of one or two dimensions in one repeat."""
    if isinstance(cv, Integral):
        kind = StratifiedKFold if is_classifier(estimator) and n_dimensions == 1 else KFold
        return kind(cv, shuffle=True, random_state=seed)
    if hasattr(cv, "random_state"):
        splitter = clone(cv, safe=False)
        if getattr(cv, "shuffle", True):
            splitter.random_state = seed
        return splitter
    return cv


def _score_pair(estimator, prefix, X, y, train, test, others, seed, scoring):
    """Return the test scores of an estimator with and without pretraining."""
    rows = np.concatenate([train, others])
    labels = y[rows]
    if len(others):
        if labels.dtype.kind in "US":
            labels = labels.astype(object)
        elif not is_classifier(estimator):
            labels = labels.astype(np.float64)
        elif labels.dtype.kind in "bu" or labels.ndim == 2:
            labels = labels.astype(object if labels.dtype == np.uint64 else np.int64)
        labels[len(train) :] = {"O": None, "f": np.nan}.get(labels.dtype.kind, UNLABELLED)
    scores = []
    # those of the encoder are drawn from that of the network, so that repeats have other random weights
    own_seeds = [
        name
        for name in estimator.get_params(deep=True)
        if name.startswith(f"{prefix}encoder__") and name.split("__")[-1] == "random_state"
    ]
    for pretrain in (True, False):
        seeds = {**dict.fromkeys(own_seeds), f"{prefix}random_state": seed}
        fitted = clone(estimator).set_params(**{f"{prefix}pretrain": pretrain, **seeds})
        fitted.fit(_safe_indexing(X, rows), labels)
        scorer = check_scoring(fitted, scoring)
        scores.append(scorer(fitted, _safe_indexing(X, test), plain(y[test])))
    return scores
