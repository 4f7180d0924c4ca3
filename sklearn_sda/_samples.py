"""What estimators accept as samples: X, codes, samples for validation."""

import math
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
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
# Whether the scales of samples for validation are known to be those of training, or were warned of.
SCALES_COMPARED = ContextVar("SCALES_COMPARED", default=False)


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
    return low >= -UNIT_INTERVAL_SLACK * min(high, 1) and high <= 1 + UNIT_INTERVAL_SLACK


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


def warn_of_other_scale(values, val_values, names, advice):
    """Warn if values for validation are elsewhere than those of training, as if one of the two were scaled.

    Parameters
    ----------
    values, val_values : {ndarray, CSR matrix} of shape (n_samples, n_columns)
        Finite numbers. They count as elsewhere if the means of the latter are farther from the range of the
        former than that is wide in more than a tenth of the columns that have several values there.
    names : tuple of str
        What to call the two.
    advice : str
        What to do.
    """
    some, others = (part[:: math.ceil(part.shape[0] / ROWS)] for part in (values, val_values))
    low, high = (
        (bound.toarray() if issparse(bound) else bound).ravel().astype(np.float64)
        for bound in (some.min(axis=0), some.max(axis=0))
    )
    mean = np.asarray(others.mean(axis=0, dtype=np.float64)).ravel()
    varies = low < high
    elsewhere = np.maximum(low - mean, mean - high) > high - low
    if np.count_nonzero(elsewhere & varies) > np.count_nonzero(varies) / 10:
        warnings.warn(
            f"{names[1]} lies far outside of the range of {names[0]}: is one of them scaled, and the other "
            f"not? {advice}",
            UserWarning,
            stacklevel=7,  # through two decorators
        )


def warn_of_other_samples(X, X_val):
    """Warn if samples for validation are scaled otherwise than X, unless `scales_compared`."""
    if not SCALES_COMPARED.get():
        warn_of_other_scale(
            X,
            X_val,
            ("X", "X_val"),
            "A Pipeline does not scale X_val. Put the scaler into the encoder, or name X_val in "
            "transform_input.",
        )


def warn_of_other_targets(y, y_val):
    """Warn if target values for validation, of shape (n_samples, n_outputs), are scaled otherwise than y."""
    advice = "A TransformedTargetRegressor does not scale y_val: scale both yourself."
    warn_of_other_scale(y, y_val, ("y", "y_val"), advice)


@contextmanager
def scales_compared():
    """Say that scales were compared where layers are fitted to what is made of the same samples."""
    token = SCALES_COMPARED.set(True)
    try:
        yield
    finally:
        SCALES_COMPARED.reset(token)


def check_validation(estimator, X, X_val, y_val):
    """Validate samples for validation.

    Parameters
    ----------
    estimator : DenoisingAutoencoder or StackedAutoencoderTransformer
        That is being fitted.
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Validated samples for training.
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
    warn_of_other_samples(X, X_val)
    if y_val is None and np.any(estimator.supervision):
        raise ValueError(
            f"supervision={estimator.supervision!r}: X_val is provided, but y_val was not provided."
        )
    return X_val, y_val
