"""The one decorator of all kernels: when, for what types and with what flags they are compiled."""

import functools
from types import FunctionType

import numba
import numpy as np
from numba import types

# A kernel is compiled for float32 and for float64 and for nothing else. Inputs are declared
# read-only, which accepts writable arrays too, so that parameters loaded with ``mmap_mode="r"``
# need no signature of their own.
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def _array(ndim, readonly, layout="C"):
    """Return a function from a Numba scalar type to an array type."""
    return lambda scalar: types.Array(scalar, ndim, layout, readonly=readonly)


VECTOR_IN, MATRIX_IN = _array(1, readonly=True), _array(2, readonly=True)
VECTOR, MATRIX = _array(1, readonly=False), _array(2, readonly=False)
STRIDED_IN = _array(2, readonly=True, layout="A")


def _compute_type(scalar):
    """Return the compute type itself: a Python float is rounded to it at the call."""
    return scalar


def _uint64(scalar):
    """Return uint64 whatever the compute type is: seeds, positions and counts."""
    return types.uint64


def _int64(scalar):
    """Return int64 whatever the compute type is: sizes."""
    return types.int64


def _int64_array(ndim, readonly):
    """Return a function from a Numba scalar type to an array of int64: sizes, addresses, rows, counters."""
    return lambda scalar: types.Array(types.int64, ndim, "C", readonly=readonly)


SCALAR, UINT64, INT64 = _compute_type, _uint64, _int64
SIZES, COUNTERS = _int64_array(1, readonly=True), _int64_array(1, readonly=False)
INT64_MATRIX = _int64_array(2, readonly=False)


def function(*arguments, returns=None):
    """Return the type of an argument that is itself a kernel; see `Kernel.of`.

    Parameters
    ----------
    *arguments : callable
        As for `kernel`.
    returns : callable or None
        Type of what it returns, None for nothing.

    Returns
    -------
    argument : callable
        From a Numba scalar type to the type of the function.
    """

    def function_type(scalar):
        result = types.void if returns is None else returns(scalar)
        return types.FunctionType(result(*(argument(scalar) for argument in arguments)))

    return function_type


def functions(argument, length):
    """Return the type of an argument that is a tuple of kernels of one family.

    Parameters
    ----------
    argument : callable
        What `function` returned for the family.
    length : int
        Number of kernels in the tuple.

    Returns
    -------
    argument : callable
        From a Numba scalar type to the type of the tuple.
    """
    return lambda scalar: types.UniTuple(argument(scalar), length)


class _Function(types.WrapperAddressProtocol):
    """A compiled kernel as an argument of another one: its address and its signature."""

    def __init__(self, dispatcher):
        (overload,) = dispatcher.overloads.values()
        self._overload = overload
        self._address = overload.library.get_pointer_to_function(overload.fndesc.llvm_cfunc_wrapper_name)

    def __wrapper_address__(self):
        """Return where the code begins."""
        return self._address

    def signature(self):
        """Return Numba's signature."""
        return self._overload.signature


FLAGS = {
    # other threads run while a kernel does
    "nogil": True,
    # Python's check for division by zero blocks SIMD (Adam's update: 4 times slower)
    "error_model": "numpy",
    # fast, but NaN and infinity keep their meaning (fastmath=True breaks isnan)
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
}


def _compile(signature, function):
    """Compile `function` with a disk cache, or without one where no cache folder is writable."""
    try:
        return numba.njit([signature], cache=True, **FLAGS)(function)
    except RuntimeError as error:  # raised where neither package nor home is writable
        if "no locator available" not in str(error):
            raise
        return numba.njit([signature], **FLAGS)(function)


def _copy_named(function, suffix):
    """Return a copy of a function whose qualified name, and so its file in the cache, ends in `suffix`."""
    copy = FunctionType(function.__code__, function.__globals__, function.__name__)
    copy.__module__ = function.__module__
    copy.__qualname__ = f"{function.__qualname__}_{suffix}"
    return copy


class Kernel:
    """A function that is compiled for a compute type at its first call with that type.

    Compiling nothing at import keeps ``import sklearn_sda`` cheap. Each type has a compiled function,
    and an index in the disk cache, of its own: the index has no lock, and processes that store
    different signatures in one index at the same time can corrupt it for good.

    The first argument must be an array: its type selects the compiled function.

    Parameters
    ----------
    function : callable
        The Python function, run as it is under ``NUMBA_DISABLE_JIT=1``.
    arguments : tuple of callable
        The type of each argument as a function of the compute type.
    variant : str
        What the compiled code depends on besides: part of its name in the disk cache.
    """

    def __init__(self, function, arguments, variant=""):
        functools.update_wrapper(self, function)
        self.py_func = function
        self.arguments = arguments
        self.variant = variant
        self._compiled = {}  # by the size of an item in bytes
        self._functions = {}
        self._entries = {}

    def __call__(self, *args):
        """Run the compiled function, compiling it first if this is the first call."""
        try:
            compiled = self._compiled[args[0].itemsize]
        except KeyError:
            compiled = self._of(args[0].dtype)
        return compiled(*args)

    def of(self, dtype):
        """Return what stands for this kernel among the arguments of another one.

        A compiled function would be a type of its own there, with a cache file in every process; its
        address and signature are the same type for all kernels of a family.
        """
        size = dtype.itemsize
        if size not in self._functions:
            compiled = self._of(dtype)
            self._functions[size] = compiled if numba.config.DISABLE_JIT else _Function(compiled)
        return self._functions[size]

    def entry(self, dtype):
        """Return the compiled function without the check of its arguments' types.

        The check costs 20 microseconds for each argument that is itself a kernel. Without it a wrong
        type is not an error but reads and writes anywhere: only for arguments that are our own arrays.
        """
        size = dtype.itemsize
        if size not in self._entries:
            compiled = self._of(dtype)
            jit = not numba.config.DISABLE_JIT
            self._entries[size] = next(iter(compiled.overloads.values())).entry_point if jit else compiled
        return self._entries[size]

    def _of(self, dtype):
        """Return the compiled function with the check of its arguments' types."""
        if dtype.itemsize not in self._compiled:
            self._compiled[dtype.itemsize] = self._compile(dtype)
        return self._compiled[dtype.itemsize]

    def _compile(self, dtype):
        """Return the compiled function; with the JIT off, the function without overflow warnings."""
        if numba.config.DISABLE_JIT:
            # the integer hash wraps around on purpose, and exp overflows to infinity
            return np.errstate(over="ignore")(self.py_func)
        if dtype not in DTYPES:
            raise TypeError(f"{self.__qualname__} is compiled for float32 and float64, not for {dtype}.")
        signature = tuple(argument(numba.from_dtype(dtype)) for argument in self.arguments)
        return _compile(signature, _copy_named(self.py_func, dtype.name + self.variant))

    def __reduce__(self):
        """Pickle by name, as a function: the compiled code belongs to the process."""
        return self.__qualname__


def kernel(*arguments, variant=""):
    """Declare the argument types of a kernel; see `Kernel`.

    Parameters
    ----------
    *arguments : callable
        One of `VECTOR_IN`, `MATRIX_IN`, `STRIDED_IN`, `VECTOR`, `MATRIX`, `SCALAR`, `UINT64`, `INT64`,
        `SIZES`, `COUNTERS`, `INT64_MATRIX`, a `function` or `functions` per argument.
    variant : str
        See `Kernel`.

    Returns
    -------
    decorator : callable
        From a function to its `Kernel`.
    """
    return lambda function: Kernel(function, arguments, variant)


def helper(function):
    """Compile a scalar function into the kernels of the same file that call it.

    Only of the same file: a cached kernel is not rebuilt when a function in another file changes.
    """
    return function if numba.config.DISABLE_JIT else numba.njit(inline="always")(function)


def subroutine(function):
    """Compile a function that kernels of the same file call: once, where `helper` copies it to every call.

    Python can't call it: the wrappers for that are a tenth of the seconds that a layer's steps compile.
    """
    if numba.config.DISABLE_JIT:
        return function
    return numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **FLAGS)(function)
