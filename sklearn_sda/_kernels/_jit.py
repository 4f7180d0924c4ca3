"""The one decorator of all kernels: when, for what types and with what flags they are compiled."""

import functools
from types import FunctionType

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import NativeValue, intrinsic, models, register_model, unbox

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
        return _Address(result(*(argument(scalar) for argument in arguments)))

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


class _Address(types.Type):
    """The type of an argument that is itself a kernel: the address of its code, and what it takes."""

    def __init__(self, signature):
        self.signature = signature
        super().__init__(name=f"address of {signature}")


@register_model(_Address)
class _AddressModel(models.PrimitiveModel):
    """An address is an integer."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.IntType(64))


@unbox(_Address)
def _unbox_address(kind, number, c):
    """Return code for a Python integer as an address."""
    return NativeValue(c.pyapi.long_as_ulonglong(number))


def call(kernel, *arguments):
    """Call a kernel that is an argument of a compiled function."""
    return kernel(*arguments)


@intrinsic
def _compiled_call(typingctx, kernel, *arguments):
    """Return it compiled: nothing but the call.

    Numba's own first-class functions have 70 more instructions at each call, for an address that may be
    missing, and are looked up in Python whenever the compiled function is called.
    """
    expected = kernel.signature

    def generate(context, builder, signature, args):
        address, *values = args
        *_, given = signature.args
        values = [
            context.cast(builder, value, own, wanted)
            for value, own, wanted in zip(
                cgutils.unpack_tuple(builder, values[0], len(given)), given, expected.args, strict=True
            )
        ]
        form = context.call_conv.get_function_type(expected.return_type, expected.args)
        code = builder.inttoptr(address, form.as_pointer())
        _, result = context.call_conv.call_function(
            builder, code, expected.return_type, expected.args, values
        )
        return result

    return expected.return_type(kernel, types.StarArgTuple(arguments)), generate


if not numba.config.DISABLE_JIT:
    call = _compiled_call


FLAGS = {
    # other threads run while a kernel does
    "nogil": True,
    # Python's check for division by zero blocks SIMD (Adam's update: 4 times slower)
    "error_model": "numpy",
    # fast, but NaN and infinity keep their meaning (fastmath=True breaks isnan)
    "fastmath": {"nsz", "arcp", "contract", "afn", "reassoc"},
    # kernels allocate nothing, and so count no references: a layer's steps compile a tenth faster
    "_nrt": False,
    # only for first-class functions and C
    "no_cfunc_wrapper": True,
}
# for what is compiled once and copied by LLVM to each call
INLINED = {**FLAGS, "forceinline": True}


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
        address is the same type for all kernels of a family.
        """
        size = dtype.itemsize
        if size not in self._functions:
            code = self._of(dtype)
            if not numba.config.DISABLE_JIT:
                (overload,) = code.overloads.values()
                code = overload.library.get_pointer_to_function(overload.fndesc.llvm_func_name)
            self._functions[size] = code
        return self._functions[size]

    def entry(self, dtype):
        """Return the compiled function without the check of its arguments' types.

        Without it a wrong type is not an error but reads and writes anywhere: only for arguments that are
        our own arrays, and for addresses of kernels, whose type Numba does not know.
        """
        size = dtype.itemsize
        if size not in self._entries:
            compiled = self._of(dtype)
            jit = not numba.config.DISABLE_JIT
            self._entries[size] = next(iter(compiled.overloads.values())).entry_point if jit else compiled
        return self._entries[size]

    def _of(self, dtype):
        """Return the compiled function with the check of its arguments' types."""
        with global_compiler_lock:  # of two threads, one compiles
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

    Only of the same file: a cached kernel is not rebuilt when a function in another file changes. Python
    can't call it: the wrappers for that take a tenth of the seconds that a layer's steps compile.
    """
    return _compile_part(function, INLINED)


def subroutine(function):
    """Compile a function that kernels of the same file call: where `helper` copies it to every call, once."""
    return _compile_part(function, FLAGS)


def _compile_part(function, flags):
    """Return a compiled function that only kernels can call, or the function where the JIT is off."""
    return function if numba.config.DISABLE_JIT else numba.njit(no_cpython_wrapper=True, **flags)(function)
