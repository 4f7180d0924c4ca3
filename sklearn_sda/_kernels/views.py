"""Parts of arrays for compiled code, made of nothing but an address and a shape.

Numba's own slices look after negative and too large numbers and count references: a layer's steps compile in
3.6 seconds with them and in 2.6 with these. They take C-ordered arrays, which must outlive the view, and
numbers that are right: nothing is checked. Where the JIT is off they are NumPy's slices.

A cached kernel is not rebuilt when this file changes: clear the cache, or touch the kernels' files, after it.
"""

import ctypes
import functools

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def cut(array, start, stop):
    """Return the items, or rows, of an array from `start` to `stop`."""
    return array[start:stop]


def cut_or_empty(flat, start, size):
    """Return `size` items of a flat array from `start` on; of an empty one nothing."""
    return flat[start : start + size]


def flat_rows(matrix, start, stop):
    """Return the rows of a matrix from `start` to `stop`, one after the other, as a vector."""
    return matrix[start:stop].reshape(-1)


def row_part(matrix, i, start, stop):
    """Return columns `start` to `stop` of row i of a matrix."""
    return matrix[i, start:stop]


def as_matrix(flat, start, n_rows, n_columns):
    """Return a part of a flat array as a matrix of shape (n_rows, n_columns)."""
    return flat[start : start + n_rows * n_columns].reshape((n_rows, n_columns))


def matrix_at(address, n_rows, n_columns, like):
    """Return the C-ordered matrix at an address, of the type of the array `like`."""
    items = (ctypes.c_float if like.itemsize == 4 else ctypes.c_double) * int(n_rows * n_columns)
    return np.ctypeslib.as_array(items.from_address(int(address))).reshape(n_rows, n_columns)


def transposed_at(address, n_rows, n_columns, yes, like):
    """Return the matrix at an address, of shape (n_rows, n_columns): C-ordered, or F-ordered if `yes`."""
    if yes:
        return matrix_at(address, n_columns, n_rows, like).T
    return matrix_at(address, n_rows, n_columns, like)


def _field(context, kind, name):
    """Return where a field is in the structure that an array of some type is."""
    return context.data_model_manager[kind].get_field_position(name)


def _data(context, builder, kind, array):
    """Return code for a pointer to the items of an array."""
    return builder.extract_value(array, _field(context, kind, "data"))


def _shape(context, builder, kind, array):
    """Return code for the sizes of an array."""
    place = _field(context, kind, "shape")
    return [builder.extract_value(array, [place, axis]) for axis in range(kind.ndim)]


def _view(context, builder, kind, data, shape, strides=None):
    """Return code for an array of some type at a pointer; C-ordered, unless there are strides in items."""
    structure = context.get_value_type(kind)
    item = context.get_constant(types.intp, context.get_abi_sizeof(data.type.pointee))
    n_items = functools.reduce(builder.mul, shape)
    if strides is None:
        steps = [item]
        for size in shape[:0:-1]:
            steps.insert(0, builder.mul(steps[0], size))
    else:
        steps = [builder.mul(stride, item) for stride in strides]
    view = ir.Constant(structure, None)  # belongs to nobody
    for name, value in (("nitems", n_items), ("itemsize", item), ("data", data)):
        view = builder.insert_value(view, value, _field(context, kind, name))
    for name, values in (("shape", shape), ("strides", steps)):
        for axis, value in enumerate(values):
            view = builder.insert_value(view, value, [_field(context, kind, name), axis])
    return view


@intrinsic
def _compiled_cut(typingctx, array, start, stop):
    """Return it compiled."""

    def generate(context, builder, signature, args):
        _, *sizes = _shape(context, builder, array, args[0])
        offset = functools.reduce(builder.mul, sizes, args[1])
        data = builder.gep(_data(context, builder, array, args[0]), [offset])
        return _view(context, builder, array, data, [builder.sub(args[2], args[1]), *sizes])

    return array(array, types.intp, types.intp), generate


@intrinsic
def _compiled_cut_or_empty(typingctx, flat, start, size):
    """Return it compiled."""

    def generate(context, builder, signature, args):
        (length,) = _shape(context, builder, flat, args[0])
        empty = builder.icmp_signed("==", length, length.type(0))
        start, size = (builder.select(empty, length, number) for number in args[1:])
        data = builder.gep(_data(context, builder, flat, args[0]), [start])
        return _view(context, builder, flat, data, [size])

    return flat(flat, types.intp, types.intp), generate


@intrinsic
def _compiled_flat_rows(typingctx, matrix, start, stop):
    """Return it compiled."""
    flat = matrix.copy(ndim=1)

    def generate(context, builder, signature, args):
        _, n_columns = _shape(context, builder, matrix, args[0])
        data = builder.gep(_data(context, builder, matrix, args[0]), [builder.mul(args[1], n_columns)])
        size = builder.mul(builder.sub(args[2], args[1]), n_columns)
        return _view(context, builder, flat, data, [size])

    return flat(matrix, types.intp, types.intp), generate


@intrinsic
def _compiled_row_part(typingctx, matrix, i, start, stop):
    """Return it compiled."""
    flat = matrix.copy(ndim=1)

    def generate(context, builder, signature, args):
        array, i, start, stop = args
        _, n_columns = _shape(context, builder, matrix, array)
        first = builder.add(builder.mul(i, n_columns), start)
        data = builder.gep(_data(context, builder, matrix, array), [first])
        return _view(context, builder, flat, data, [builder.sub(stop, start)])

    return flat(matrix, types.intp, types.intp, types.intp), generate


@intrinsic
def _compiled_as_matrix(typingctx, flat, start, n_rows, n_columns):
    """Return it compiled."""
    matrix = flat.copy(ndim=2)

    def generate(context, builder, signature, args):
        data = builder.gep(_data(context, builder, flat, args[0]), [args[1]])
        return _view(context, builder, matrix, data, args[2:])

    return matrix(flat, types.intp, types.intp, types.intp), generate


def _at(context, builder, kind, address):
    """Return code for an address as a pointer to the items of an array type."""
    return builder.inttoptr(address, context.get_data_type(kind.dtype).as_pointer())


@intrinsic
def _compiled_matrix_at(typingctx, address, n_rows, n_columns, like):
    """Return it compiled."""
    kind = types.Array(like.dtype, 2, "C")

    def generate(context, builder, signature, args):
        return _view(context, builder, kind, _at(context, builder, kind, args[0]), args[1:3])

    return kind(types.intp, types.intp, types.intp, like), generate


@intrinsic
def _compiled_transposed_at(typingctx, address, n_rows, n_columns, yes, like):
    """Return it compiled."""
    kind = types.Array(like.dtype, 2, "A")

    def generate(context, builder, signature, args):
        address, n_rows, n_columns, yes, _ = args
        one = context.get_constant(types.intp, 1)
        strides = builder.select(yes, one, n_columns), builder.select(yes, n_rows, one)
        return _view(
            context, builder, kind, _at(context, builder, kind, address), [n_rows, n_columns], strides
        )

    return kind(types.intp, types.intp, types.intp, types.boolean, like), generate


if not numba.config.DISABLE_JIT:
    cut, cut_or_empty = _compiled_cut, _compiled_cut_or_empty
    flat_rows, row_part = _compiled_flat_rows, _compiled_row_part
    as_matrix, matrix_at, transposed_at = _compiled_as_matrix, _compiled_matrix_at, _compiled_transposed_at
