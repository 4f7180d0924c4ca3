"""Weights of samples: checked, scaled to the mean of one, and made from the weights of classes."""

import numpy as np


def check_weights(sample_weight, X):
    """Validate the weights of samples.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), float or None
        Weights; a number is the weight of all samples.
    X : array-like of shape (n_samples, n_features)
        Samples.

    Returns
    -------
    weights : ndarray of float64 of shape (n_samples,) or None
        None for None.

    Raises
    ------
    ValueError
        If weights are not numbers, negative, infinite, NaN or all zero, their sum is infinite, or their
        number is not that of the samples.
    """
    if sample_weight is None:
        return None
    if not (hasattr(X, "shape") or hasattr(X, "__len__")):
        X = np.asarray(X)
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    try:
        weights = np.array(np.asarray(sample_weight), np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_weight must be numbers: {error}") from error
    if weights.ndim == 0:
        weights = np.full(n_samples, weights)
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got an array of shape {weights.shape}.")
    if len(weights) != n_samples:
        raise ValueError(f"sample_weight has {len(weights)} values for {n_samples} samples.")
    if not np.isfinite(weights).all():
        raise ValueError("sample_weight has NaN or infinity.")
    if (weights < 0).any():
        raise ValueError(
            f"Negative values in data passed to `sample_weight`: {(weights < 0).sum()} of {len(weights)}, "
            f"the smallest {weights.min():g}."
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError(
            f"The sum of sample_weight is too large for a number: the largest of them is {weights.max():g}. "
            "Divide them by it."
        )
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number: all are zero.")
    return weights


def labelled_weights(weights, labelled):
    """Return the weights of the samples that are labelled, or None; raise ValueError if all are zero."""
    if weights is None:
        return None
    if not weights[labelled].any():
        raise ValueError("The weights of all labelled samples are zero: there is nothing to score.")
    return weights[labelled]


def scaled(weights, rows, dtype, unit=None):
    """Return weights divided by the mean of some rows, and that mean.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,) or None
        Of all samples.
    rows : range or ndarray of int of shape (n_rows,)
        The samples that are trained on.
    dtype : dtype
        Of the result.
    unit : ndarray of shape (n_samples,) or None
        Other weights, whose mean it shall be; None for the same.

    Returns
    -------
    weights : ndarray of shape (n_samples,) or None
        None if they are all one: it stands for them.
    mean : float
    """
    if weights is None:
        return None, 1.0
    unit = weights if unit is None else unit
    own, unit = (part if len(rows) == len(part) else part[rows] for part in (weights, unit))
    mean = float(unit.mean())
    ones = (unit == unit[0]).all() and (own == unit).all()
    return None if ones else (weights / mean).astype(dtype), mean


def class_weights(class_weight, targets, weights):
    """Return the weights of samples times those of their classes.

    Parameters
    ----------
    class_weight : dict of label to float, "balanced" or None
        "balanced" gives every class the same sum of weights, the sum over all samples being that without.
    targets : ClassTargets or IndicatorTargets
        Of the samples.
    weights : ndarray of shape (n_samples,) or None
        Of the samples.

    Returns
    -------
    weights : ndarray of shape (n_samples,) or None

    Raises
    ------
    ValueError
        If it has other classes and not all of these, a weight is not a number of at least 0, or samples
        have several classes.
    """
    if class_weight is None:
        return weights
    if targets.strata is None:
        raise ValueError(
            f"class_weight={class_weight!r} is not defined where samples have several classes. Set "
            "class_weight=None, and use sample_weight."
        )
    codes, classes = targets.codes, targets.classes
    own = np.ones(len(codes)) if weights is None else weights
    if class_weight == "balanced":
        totals = np.bincount(codes[targets.labelled], own[targets.labelled], minlength=len(classes))
        factors = np.divide(
            totals.sum() / (totals > 0).sum(), totals, where=totals > 0, out=np.zeros(len(totals))
        )
    else:
        labels = classes.tolist()
        absent = [label for label in class_weight if label not in labels]
        if absent and not set(labels) <= set(class_weight):  # else a fold may lack a class
            raise ValueError(
                f"class_weight has {absent}, which are not among the classes {labels}, and not all of those."
            )
        factors = np.array([class_weight.get(label, 1) for label in labels], np.float64)
        if not (np.isfinite(factors).all() and (factors >= 0).all()):
            raise ValueError(
                f"Every value of class_weight must be a number of at least 0, got {class_weight!r}."
            )
    result = own * np.where(targets.labelled, factors[codes], 0)
    if not result.any():
        raise ValueError(f"With class_weight={class_weight!r} the weights of all labelled samples are zero.")
    return result
