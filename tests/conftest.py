"""Small data that many tests share."""

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(name="X")
def samples():
    """Sixty samples in [0, 1] with four features that depend on two."""
    rng = np.random.RandomState(0)
    hidden = rng.uniform(size=(60, 2))
    return np.column_stack([hidden, hidden.mean(axis=1), 1 - hidden[:, 0]])


@pytest.fixture(name="y")
def labels():
    """Three classes for X."""
    return np.arange(60) % 3


@pytest.fixture
def digits():
    """Two hundred digits, scaled to [0, 1], and their labels."""
    X, y = load_digits(return_X_y=True)
    return X[:200] / 16, y[:200]


@pytest.fixture
def agg():
    """Draw into memory and close what was drawn."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.close("all")  # matplotlib 3.8 warns of figures that another test has left
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")
