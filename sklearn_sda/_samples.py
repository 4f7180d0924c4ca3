"""What estimators accept as samples: X, codes, samples for validation."""

from contextlib import contextmanager
from datetime import date, timedelta

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

# Rows of a part of the samples that are looked at together.
ROWS = 4096
# How scikit-learn's and our own messages about texts, categories, dates and so on begin.
NOT_NUMERIC = ("X is not numeric", "could not convert", "dtype='numeric' is not compatible")
# Rounding may carry scaled data this far beyond [0, 1]; cross-entropy does not mind.
UNIT_INTERVAL_SLACK = 1e-6


def check_samples(estimator, X, dtype, *, reset):
    """Validate X without casting or copying it.

    Parameters
    ----------
    estimator : BaseEstimator
        Its `n_features_in_` and `feature_names_in_` are set (`reset`) or checked.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    dtype : str or dtype
        The compute type that minibatches will be cast to.
    reset : bool
        True in `fit`.

    Returns
    -------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        The same memory, unless X was a list, a data frame, sparse in another format or the like.

    Raises
    ------
    ValueError
        If X is empty, not numeric, has NaN, infinity or a value beyond the compute type, or the
        wrong number of features.
    """
    given = X
    try:
        X = validate_data(estimator, X, accept_sparse="csr", dtype="numeric", reset=reset)
        if X.dtype.kind == "O":  # categories or decimals in all columns of a data frame
            X = check_array(X, dtype=np.float64)
        check_representable(X, dtype)
    except TypeError:  # NumPy's, of dates beside numbers
        _name_columns(given)
        raise
    except ValueError as error:
        if str(error).startswith(NOT_NUMERIC):
            _name_columns(given)
        raise
    return X


@contextmanager
def _about(what):
    """Put what a ValueError is about in front of it."""
    try:
        yield
    except ValueError as error:
        error.args = (f"{what}: {error}",)
        raise


def about_validation():
    """Say in a ValueError that it is about samples for validation, not about those of training."""
    return _about("Samples for validation")


def about_supervision():
    """Say in a ValueError that it is about the labels of pretraining."""
    return _about("Labels for `supervision`, one class for each sample")


def _name_columns(X):
    """Raise ValueError that names a column of texts or dates, if X is a data frame that has one."""
    names = "column_names" if not hasattr(X, "iloc") and hasattr(X, "column_names") else "columns"
    for name in getattr(X, names, ()):
        found = next((value for value in X[name] if isinstance(value, str | date | timedelta)), None)
        if found is not None:
            raise ValueError(
                f"X is not numeric: column {name!r} has {str(found)!r}. "
                "Make numbers of such columns, of texts for instance with OneHotEncoder() in a "
                "ColumnTransformer, of dates with a difference in days, or leave them out."
            )


def check_representable(X, dtype):
    """Raise ValueError if X, of shape (n_samples, n_features), is not numeric or overflows `dtype`."""
    if X.dtype.kind not in "biuf":
        raise ValueError(f"X is not numeric: it has {X.dtype!r}. Convert it to numbers.")
    largest = float(np.finfo(dtype).max)
    if X.dtype.kind == "f" and float(np.finfo(X.dtype).max) > largest:
        low, high = data_range(X)
        if max(-low, high) > largest:
            raise ValueError(
                f"X contains a value too large for dtype('{np.dtype(dtype)}'): it lies in "
                f"[{low:g}, {high:g}]. Scale X, or use dtype='float64'."
            )


def data_range(X, rows=None):
    """Return the smallest and the largest value in some rows, by default all, of X as floats.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Any numeric type.
    rows : range, ndarray of int of shape (n_rows,) or None
        Which rows; read a part at a time.
    """
    if rows is None or len(rows) == X.shape[0]:
        if issparse(X) and not X.has_canonical_format:
            X = X.copy()  # SciPy sorts its indices in place
        return float(X.min()), float(X.max())
    ranges = [data_range(X[rows[start : start + ROWS]]) for start in range(0, len(rows), ROWS)]
    lows, highs = zip(*ranges, strict=True)
    return min(lows), max(highs)


def in_unit_interval(X, rows=None):
    """Return whether some rows of X, by default all, lie in [0, 1] but for rounding; see `data_range`."""
    low, high = data_range(X, rows)
    return low >= -UNIT_INTERVAL_SLACK and high <= 1 + UNIT_INTERVAL_SLACK


def check_codes(X, layer):
    """Validate codes of shape (n_samples, n_components) for decoding by a fitted layer.

    Raises
    ------
    ValueError
        If X is not numeric and finite, has a value beyond the compute type or another number of
        columns.
    """
    X = check_array(X, dtype="numeric")
    check_representable(X, layer.encoder_coef_.dtype)
    n_components = layer._n_features_out
    if X.shape[1] != n_components:
        raise ValueError(f"X has {X.shape[1]} columns, but the code has {n_components} components.")
    return X


def check_validation(estimator, X_val, y_val):
    """Validate samples for validation.

    Parameters
    ----------
    estimator : DenoisingAutoencoder or StackedAutoencoderTransformer
        That is being fitted.
    X_val : array-like of shape (n_val_samples, n_features) or None
        Samples.
    y_val : array-like of shape (n_val_samples,) or None
        Their labels, for `supervision`.

    Returns
    -------
    validation : tuple (X_val, y_val) or None
        None without samples.

    Raises
    ------
    ValueError
        If one of the two is missing, or X_val is not valid.
    """
    if X_val is None:
        if y_val is not None:
            raise ValueError("y_val is provided, but X_val was not provided.")
        return None
    with about_validation():
        X_val = check_samples(estimator, X_val, estimator.dtype, reset=False)
    if y_val is None and np.any(estimator.supervision):
        raise ValueError(
            f"supervision={estimator.supervision!r}: X_val is provided, but y_val was not provided."
        )
    return X_val, y_val
