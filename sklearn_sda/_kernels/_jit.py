"""The one decorator of all kernels: when, for what types and with what flags they are compiled."""

import functools

import numba
import numpy as np
from numba import types

# A floating-point type is named once per signature: a kernel is compiled for float32 and for
# float64 and for nothing else. Inputs are declared read-only, which accepts writable arrays too,
# so that parameters loaded with ``mmap_mode="r"`` need no signature of their own.
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def _array(ndim, readonly):
    """Return a function from a Numba scalar type to its C-ordered array type."""
    return lambda scalar: types.Array(scalar, ndim, "C", readonly=readonly)


VECTOR_IN, MATRIX_IN = _array(1, readonly=True), _array(2, readonly=True)
VECTOR, MATRIX = _array(1, readonly=False), _array(2, readonly=False)


def _compute_type(scalar):
    """Return the compute type itself: a Python float is rounded to it at the call."""
    return scalar


def _uint64(scalar):
    """Return uint64 whatever the compute type is: seeds and positions."""
    return types.uint64


SCALAR, UINT64 = _compute_type, _uint64


FLAGS = {
    # other threads run while a kernel does
    "nogil": True,
    # Python's check for division by zero blocks SIMD (Adam's update: 4 times slower)
    "error_model": "numpy",
    # fast, but NaN and infinity keep their meaning (fastmath=True breaks isnan)
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
}


def _compile(signatures, function):
    """Compile `function` with a disk cache, or without one where no cache folder is writable."""
    try:
        return numba.njit(signatures, cache=True, **FLAGS)(function)
    except RuntimeError as error:  # raised where neither package nor home is writable
        if "no locator available" not in str(error):
            raise
        return numba.njit(signatures, **FLAGS)(function)


class Kernel:
    """A function that is compiled at its first call, for both compute types in a fixed order.

    Compiling nothing at import keeps ``import sklearn_sda`` cheap. Compiling *both* types, always
    in the same order, keeps the disk cache sound: its index has no lock, and processes that store
    different signatures of one function at the same time can corrupt it for good.

    Parameters
    ----------
    function : callable
        The Python function, run as it is under ``NUMBA_DISABLE_JIT=1``.
    arguments : tuple of callable
        The type of each argument as a function of the compute type.
    """

    def __init__(self, function, arguments):
        functools.update_wrapper(self, function)
        self.py_func = function
        self.arguments = arguments
        self._compiled = None

    def __call__(self, *args):
        """Run the compiled function, compiling it first if this is the first call."""
        if self._compiled is None:
            self._compiled = self._compile()
        return self._compiled(*args)

    def _compile(self):
        """Return the compiled function; with the JIT off, the function without overflow warnings."""
        if numba.config.DISABLE_JIT:
            # the integer hash wraps around on purpose, and exp overflows to infinity
            return np.errstate(over="ignore")(self.py_func)
        signatures = [
            tuple(argument(numba.from_dtype(dtype)) for argument in self.arguments) for dtype in DTYPES
        ]
        return _compile(signatures, self.py_func)

    def __reduce__(self):
        """Pickle by name, as a function: the compiled code belongs to the process."""
        return self.__qualname__


def kernel(*arguments):
    """Declare the argument types of a kernel; see `Kernel`.

    Parameters
    ----------
    *arguments : callable
        One of `VECTOR_IN`, `MATRIX_IN`, `VECTOR`, `MATRIX`, `SCALAR`, `UINT64` per argument.

    Returns
    -------
    decorator : callable
        From a function to its `Kernel`.
    """
    return lambda function: Kernel(function, arguments)


def helper(function):
    """Compile a scalar function into the kernels of the same file that call it.

    Only of the same file: a cached kernel is not rebuilt when a function in another file changes.
    """
    return function if numba.config.DISABLE_JIT else numba.njit(inline="always")(function)
