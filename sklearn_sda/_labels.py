"""Class labels: checked, encoded, and written as targets."""

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite


def check_labels(X, y):
    """Validate class labels.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,)
        Class labels.

    Returns
    -------
    y : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If y is None, has another length than X, is not 1d, has missing labels, or is continuous.
    """
    if y is None:
        raise ValueError("SdAClassifier requires y to be passed, but the target y is None.")
    check_consistent_length(X, y)
    y = column_or_1d(y, warn=True)
    check_none_missing(y, "y")
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    return y


def check_none_missing(labels, name):
    """Raise ValueError if there are missing labels among objects.

    Parameters
    ----------
    labels : ndarray of shape (n_labels,)
        Of any type; floats have their own check.
    name : str
        Of the argument that they come from.
    """
    missing = sum(map(is_missing, labels)) if labels.dtype.kind == "O" else 0
    if missing:
        raise ValueError(
            f"{name} has missing labels (None, NaN or pandas.NA): {missing} of {len(labels)}. Leave them out."
        )


def is_missing(label):
    """Return whether a label is None or, as NaN and pandas.NA, not equal to itself."""
    try:
        return label is None or not label == label
    except TypeError:  # pandas.NA == pandas.NA is neither true nor false
        return True


def check_classes(classes, name):
    """Raise ValueError if there are fewer than two classes.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Class labels.
    name : str
        Of the argument that they come from.
    """
    if len(classes) < 2:
        raise ValueError(
            f"Training with labels needs samples of at least 2 classes, but {name} has {len(classes)} "
            f"class(es): {classes}."
        )


def encode_labels(y, classes):
    """Return the position in `classes` of each label.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class labels.
    classes : ndarray of shape (n_classes,)
        Sorted known labels.

    Returns
    -------
    codes : ndarray of int of shape (n_samples,)

    Raises
    ------
    ValueError
        If a label is not in `classes`.
    """
    labels, codes = np.unique(y, return_inverse=True)
    known = np.isin(labels, classes)
    if not known.all():
        raise ValueError(f"y has labels that are not among the classes {classes}: {labels[~known]}.")
    return np.searchsorted(classes, labels)[codes]


def one_hot_writer(codes):
    """Return ``write_targets(rows, out)``, which writes 1 to the column of each row's class and 0 elsewhere.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
        Column of each sample.
    """

    def write_targets(rows, out):
        out.fill(0)
        out[np.arange(len(rows)), codes[rows]] = 1

    return write_targets
