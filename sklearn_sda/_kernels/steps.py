"""Whole steps in one call: many minibatches, by one thread or by several that work on each together.

The formulas of training are here. The pieces (unit, loss, update, matrix product) come as functions, so
that one compiled function serves them all.

Several threads make the same call, each with its number `thread` of `n_threads`, on the same arrays. They
share the columns (or rows) of every matrix product, the rows of what comes between, and at last the rows of
the coefficients, and wait for each other in between. Every number is computed in the same way whoever
computes it.
"""

import ctypes
import sys

import numpy as np
from llvmlite import binding
from numba import types
from numba.extending import intrinsic, overload

from sklearn_sda._kernels import corruption, penalty, pointwise, update
from sklearn_sda._kernels._jit import (
    COUNTERS,
    FLAGS,
    INT64,
    MATRIX,
    MATRIX_IN,
    SCALAR,
    SIZES,
    STRIDED_IN,
    VECTOR,
    VECTOR_IN,
    call,
    function,
    functions,
    helper,
    kernel,
    subroutine,
)
from sklearn_sda._kernels.views import (
    as_matrix,
    cut,
    cut_or_empty,
    flat_rows,
    matrix_at,
    row_part,
    transposed_at,
)

FORWARD = function(MATRIX, VECTOR_IN)
BACKWARD = function(MATRIX_IN, MATRIX)
DERIVATIVES = function(MATRIX_IN, MATRIX, MATRIX)
CORRUPT = function(*corruption.ARGUMENTS)
LOSS = function(*pointwise.LOSS_ARGUMENTS)
L2 = function(*penalty.L2_ARGUMENTS, returns=SCALAR)
CODE_PENALTY = function(*penalty.CODE_ARGUMENTS)
UPDATE = function(*update.ARGUMENTS)
PRODUCT = function(STRIDED_IN, STRIDED_IN, SCALAR, SCALAR, MATRIX, INT64, INT64)

# Rows of coefficients, or items of an intercept, that no two threads share.
BLOCK = 16
# `train_samples`: rows of the coefficients between their decoding and their update, few enough to stay in
# the cache, enough for the loss to be a short loop (784 x 1000: 170 us with 8, 184 with 4, 188 with 16).
AHEAD = 8
# From this count on nobody waits any more: one of the threads has failed.
RELEASED = 2**62
# Looks at the counter before a waiting thread offers its core to others.
SPINS = 200

# --- threads ------------------------------------------------------------------------------------------

_library = ctypes.windll.kernel32 if sys.platform == "win32" else ctypes.CDLL(None)
_name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
binding.add_symbol("sklearn_sda_yield", ctypes.cast(getattr(_library, _name), ctypes.c_void_p).value)
_yield = types.ExternalFunction("sklearn_sda_yield", types.intc())


@intrinsic
def _add_one(typingctx, counters):
    """Add 1 to the first counter, which other threads may do too, and return what it was."""

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.atomic_rmw("add", array.data, context.get_constant(types.int64, 1), "seq_cst")

    return types.int64(counters), generate


@intrinsic
def _load(typingctx, counters):
    """Return the first counter, and see what other threads wrote before they added to it."""

    def generate(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.load_atomic(array.data, "seq_cst", 8)

    return types.int64(counters), generate


def _wait(arrivals, n_threads):
    """Wait until all threads have come here; `arrivals` counts them (where the JIT is off there is one)."""


@overload(_wait, jit_options=FLAGS)
def _wait_for_all(arrivals, n_threads):
    """Wait at a counter that never goes back: each round adds n_threads to it."""

    def implementation(arrivals, n_threads):
        if n_threads > 1:
            goal = (_add_one(arrivals) // n_threads + 1) * n_threads
            looks = 0
            while _load(arrivals) < goal < RELEASED:
                looks += 1
                if looks > SPINS:
                    _yield()

    return implementation


@subroutine
def _share(size, block, thread, n_threads):
    """Return where a thread's share of `size` items begins and ends (exclusive), in whole blocks."""
    n_blocks = (size + block - 1) // block
    start, stop = n_blocks * thread // n_threads * block, n_blocks * (thread + 1) // n_threads * block
    return min(start, size), min(stop, size)


# --- the update of one array --------------------------------------------------------------------------


@subroutine
def _fill(value, out):
    """Out <- value, a vector (an assignment to a slice compiles ten times as long as a loop)."""
    for i in range(out.size):
        out[i] = value


@subroutine
def _copy_rows(X, start, stop, out, first):
    """Copy rows start to stop of X to the rows of `out` from `first` on."""
    for i in range(stop - start):
        for j in range(X.shape[1]):
            out[first + i, j] = X[start + i, j]


@subroutine
def _move_coef(
    coef, grad, place, add_l2, update, strength, strengths, decays, first, second,
    step_size, decay_1, decay_2, epsilon, penalties, thread, n_threads,
):  # fmt: skip
    """Update a thread's share of the rows of `coef`; `grad`, flat, lacks the L2 penalty's, if it `decays`.

    The penalty of each BLOCK of rows goes to `penalties`. `place` is where this array begins among all
    parameters, one after the other.
    """
    columns = coef.shape[1]
    i, j = _share(coef.shape[0], BLOCK, thread, n_threads)
    if decays:
        for k in range(i, j, BLOCK):
            stop = min(k + BLOCK, j)
            block, block_grad = flat_rows(coef, k, stop), cut(grad, k * columns, stop * columns)
            penalties[k // BLOCK] = call(add_l2, block, strength, strengths, block_grad)
    start, size = place + i * columns, (j - i) * columns
    call(
        update, flat_rows(coef, i, j), cut(grad, i * columns, j * columns),
        cut_or_empty(first, start, size), cut_or_empty(second, start, size),
        step_size, decay_1, decay_2, epsilon,
    )  # fmt: skip


@subroutine
def _move_intercept(
    delta, intercept, grad, place, update, first, second, step_size, decay_1, decay_2, epsilon,
    thread, n_threads,
):  # fmt: skip
    """Update a thread's share of an intercept, whose gradient is the sum of the rows of delta."""
    i, j = _share(intercept.size, BLOCK, thread, n_threads)
    mine = cut(grad, i, j)
    for row in range(delta.shape[0]):
        part = row_part(delta, row, i, j)
        for column in range(part.size):
            mine[column] += part[column]
    start, size = place + i, j - i
    call(
        update, cut(intercept, i, j), mine,
        cut_or_empty(first, start, size), cut_or_empty(second, start, size),
        step_size, decay_1, decay_2, epsilon,
    )  # fmt: skip


@subroutine
def _add_penalties(penalties, losses):
    """Add the sum of the penalties to every loss."""
    total = penalties.dtype.type(0)
    for k in range(penalties.size):
        total += penalties[k]
    for i in range(losses.size):
        losses[i] += total


# --- steps --------------------------------------------------------------------------------------------


@kernel(
    MATRIX_IN, MATRIX_IN, MATRIX_IN, VECTOR_IN, MATRIX_IN, VECTOR_IN, INT64,
    FORWARD, BACKWARD, DERIVATIVES, LOSS, LOSS, L2, L2, CODE_PENALTY, UPDATE, PRODUCT,
    MATRIX, VECTOR, VECTOR, MATRIX, MATRIX, VECTOR, SCALAR, VECTOR_IN,
    SCALAR, INT64, VECTOR, VECTOR, VECTOR_IN, SCALAR, SCALAR, SCALAR,
    MATRIX, MATRIX, MATRIX, MATRIX, MATRIX, MATRIX, VECTOR, VECTOR, VECTOR, VECTOR, VECTOR, COUNTERS, INT64,
    INT64,
)  # fmt: skip
def train_layer(
    X, X_tilde, emphasis, sample_weights, targets, target_weights, batch_size,
    forward, backward, derivatives, loss, target_loss, add_encoder_l2, add_l2, penalise_code, update,
    multiply,
    coef, intercept, decoder_intercept, decoder_coef, output_coef, output_intercept, supervision, strengths,
    alpha, folded, first, second, step_sizes, decay_1, decay_2, epsilon,
    visible, hidden, bent, output, by_row, by_column, gradients, l2, penalties, code_penalties, losses,
    arrivals, thread, n_threads,
):  # fmt: skip
    """Update a layer with one minibatch after the other.

    The loss is (1 - supervision) times that of the reconstruction plus supervision times that of an
    output layer on the code (Bengio et al. 2007, section 4), plus penalties. Each sample has its weight in
    all of them.

    Parameters
    ----------
    X, X_tilde : ndarray of shape (n_samples, n_features)
        Clean and corrupted samples.
    emphasis : ndarray of shape (n_samples, n_features) or (0, 0)
        Weight of each component in the loss, if `loss` has such weights.
    sample_weights : ndarray of shape (n_samples,)
        Weight of each sample.
    targets : ndarray of shape (n_samples, n_outputs)
        Of the output layer; n_outputs is 0 if there is none.
    target_weights : ndarray of shape (n_samples,) or (0,)
        Weight of each sample in the loss of the output layer, if there is one: 0 where there is no target.
    batch_size : int
        Rows per minibatch; the last one may have fewer.
    forward, backward, derivatives : function
        Of the hidden unit, see `sklearn_sda._kernels.pointwise.Activation`.
    loss, target_loss : function
        Of the reconstruction and of the output layer, see `pointwise.squared_error`.
    add_encoder_l2, add_l2, penalise_code, update, multiply : function
        See `penalty`, `update` and `products.multiply`; the first is for the encoder's coefficients.
    coef : ndarray of shape (n_features, n_components)
        Encoder coefficients, updated in place as the other parameters.
    intercept : ndarray of shape (n_components,)
        Encoder intercepts.
    decoder_intercept : ndarray of shape (n_features,)
        Decoder intercepts.
    decoder_coef : ndarray of shape (n_components, n_features)
        Decoder coefficients; of shape (0, 0) if the weights are tied.
    output_coef : ndarray of shape (n_components, n_outputs)
        Coefficients of the output layer.
    output_intercept : ndarray of shape (n_outputs,)
        Intercepts of the output layer.
    supervision : float
        Weight of the output layer's loss, in [0, 1].
    strengths : ndarray of shape (4,)
        See `penalty.penalise_code`.
    alpha : float
        Strength of the L2 penalty, as in `sklearn_sda._objectives`.
    folded : int
        1 if coefficients move by -step_size gradient within the matrix product; 0 if `update` moves them.
    first, second : ndarray of shape (n_parameters,) or (0,)
        The state of the update, all parameters one after the other in the order of this signature.
    step_sizes : ndarray of shape (n_minibatches,)
        Step size of each update.
    decay_1, decay_2, epsilon : float
        Of the update.
    visible : ndarray of shape (2 * batch_size, n_features)
        Buffer, as all that follow but `losses`: X_tilde and, below, delta.
    hidden : ndarray of shape (2 * batch_size, n_components)
        delta_H and, below, H. So both terms of the tied gradient, X_tilde.T delta_H + delta.T H, are one
        matrix product.
    bent : ndarray of shape (2 * batch_size, n_components) or (0, n_components)
        g'(z) and, below, g''(z), if there is a contraction.
    output : ndarray of shape (batch_size, n_outputs)
        Delta of the output layer.
    by_row : ndarray of shape (3, batch_size)
        Weights of the rows in both losses, loss of each row in the output layer.
    by_column : ndarray of shape (3, n_components)
        See `penalty.penalise_code`.
    gradients : ndarray of shape (n_parameters,)
        As `first`. Zero before the first step and, unless `update` leaves them, after each.
    l2 : ndarray of shape (n_components,)
        L2 strength of each column of `coef`.
    penalties : ndarray of shape (n_blocks,)
        At least one for each 16 rows of each array of coefficients.
    code_penalties : ndarray of shape (n_components,) or (0,)
        Penalty of each column of the code, if there is one.
    losses : ndarray of shape (n_samples,)
        Out: loss of each row, penalty included.
    arrivals : ndarray of shape (1,)
        Zero when the first thread starts; `RELEASED` if one does not come.
    thread, n_threads : int
        Number of this thread, and how many there are.
    """
    n_features, n_components = coef.shape
    n_outputs = output_coef.shape[1]
    tied, supervised, penalised = decoder_coef.size == 0, n_outputs > 0, code_penalties.size > 0
    contracted = bent.size > 0
    decays = alpha > 0 or contracted
    one, zero = coef.dtype.type(1), coef.dtype.type(0)
    weights, output_weights = flat_rows(by_row, 0, 1), flat_rows(by_row, 1, 2)
    output_losses = flat_rows(by_row, 2, 3)
    # where each array begins among all parameters, and the penalties of each array of coefficients
    first_place = np.int64(0)  # a literal would be a type of its own, for which `_move_coef` compiles again
    place_decoder = coef.size + n_components + n_features
    place_output = place_decoder + decoder_coef.size
    block_decoder = (n_features + BLOCK - 1) // BLOCK
    block_output = block_decoder + (decoder_coef.shape[0] + BLOCK - 1) // BLOCK
    for k in range(step_sizes.size):
        start = k * batch_size
        stop = min(start + batch_size, X.shape[0])
        n = stop - start
        i, j = _share(n, 1, thread, n_threads)
        a, b = _share(n_components, BLOCK, thread, n_threads)
        x, step_size = cut(X, start, stop), step_sizes[k]
        x_tilde, delta = cut(visible, 0, n), cut(visible, n, 2 * n)
        delta_h, h = cut(hidden, 0, n), cut(hidden, n, 2 * n)
        slopes, bends, delta_output = cut(bent, 0, n), cut(bent, n, 2 * n), cut(output, 0, n)
        # products, for LLVM may divide some rows of a loop and multiply others by the inverse
        share = one / coef.dtype.type(n)
        own_share, target_share, strength = (one - supervision) * share, supervision * share, alpha * share
        for row in range(i, j):
            weights[row] = own_share * sample_weights[start + row]
            if supervised:
                output_weights[row] = target_share * target_weights[start + row]
        _fill(strength, cut(l2, a, b))
        _copy_rows(X_tilde, start + i, start + j, x_tilde, i)

        _wait(arrivals, n_threads)
        call(multiply, x_tilde, coef, one, zero, h, thread, n_threads)
        _wait(arrivals, n_threads)
        call(forward, cut(h, i, j), intercept)
        if contracted:
            call(derivatives, cut(h, i, j), cut(slopes, i, j), cut(bends, i, j))
        _wait(arrivals, n_threads)
        call(multiply, h, coef.T if tied else decoder_coef, one, zero, delta, thread, n_threads)
        if supervised:
            call(multiply, h, output_coef, one, zero, delta_output, thread, n_threads)
        _wait(arrivals, n_threads)
        row_losses = cut(losses, start + i, start + j)
        call(
            loss, cut(x, i, j), cut(delta, i, j), decoder_intercept, cut(weights, i, j),
            cut(emphasis, start + i, start + j), row_losses,
        )  # fmt: skip
        if supervised:
            call(
                target_loss, cut(targets, start + i, start + j), cut(delta_output, i, j), output_intercept,
                cut(output_weights, i, j), emphasis, cut(output_losses, i, j),
            )  # fmt: skip
        for row in range(i, j):
            losses[start + row] *= (one - supervision) * sample_weights[start + row]
            if supervised:
                losses[start + row] += supervision * target_weights[start + row] * output_losses[row]
        _wait(arrivals, n_threads)
        if tied:
            call(multiply, delta, coef, one, zero, delta_h, thread, n_threads)
        else:
            call(multiply, delta, decoder_coef.T, one, zero, delta_h, thread, n_threads)
        if supervised:
            _wait(arrivals, n_threads)
            call(multiply, delta_output, output_coef.T, one, one, delta_h, thread, n_threads)
        _wait(arrivals, n_threads)
        if penalised:
            call(
                penalise_code, h, slopes, bends, coef, cut(sample_weights, start, stop), strengths, delta_h,
                l2, code_penalties, by_column, a, b,
            )  # fmt: skip
            _wait(arrivals, n_threads)
        call(backward, cut(h, i, j), cut(delta_h, i, j))
        _wait(arrivals, n_threads)
        # added to the gradient, which is zero, or at once to the coefficients
        factor = -step_size if folded else one
        out = coef if folded else as_matrix(gradients, 0, n_features, n_components)
        terms = 2 * n if tied else n
        call(multiply, cut(visible, 0, terms).T, cut(hidden, 0, terms), factor, one, out, thread, n_threads)
        if not tied:
            out = decoder_coef if folded else as_matrix(gradients, place_decoder, n_components, n_features)
            call(multiply, h.T, delta, factor, one, out, thread, n_threads)
        if supervised:
            out = output_coef if folded else as_matrix(gradients, place_output, n_components, n_outputs)
            call(multiply, h.T, delta_output, factor, one, out, thread, n_threads)
        if not folded:
            _wait(arrivals, n_threads)
            _move_coef(
                coef, gradients, first_place, add_encoder_l2, update, strength, l2, decays, first, second,
                step_size, decay_1, decay_2, epsilon, penalties, thread, n_threads,
            )  # fmt: skip
            if not tied:
                grad = cut(gradients, place_decoder, gradients.size)
                _move_coef(
                    decoder_coef, grad, place_decoder, add_l2, update, strength, l2, decays, first, second,
                    step_size, decay_1, decay_2, epsilon, cut(penalties, block_decoder, penalties.size),
                    thread, n_threads,
                )  # fmt: skip
            if supervised:
                grad = cut(gradients, place_output, gradients.size)
                _move_coef(
                    output_coef, grad, place_output, add_l2, update, strength, l2, decays, first, second,
                    step_size, decay_1, decay_2, epsilon, cut(penalties, block_output, penalties.size),
                    thread, n_threads,
                )  # fmt: skip
        place = coef.size
        _move_intercept(
            delta_h, intercept, cut(gradients, place, gradients.size), place, update, first, second,
            step_size, decay_1, decay_2, epsilon, thread, n_threads,
        )  # fmt: skip
        place += n_components
        _move_intercept(
            delta, decoder_intercept, cut(gradients, place, gradients.size), place, update, first, second,
            step_size, decay_1, decay_2, epsilon, thread, n_threads,
        )  # fmt: skip
        if supervised:
            place = place_output + output_coef.size
            _move_intercept(
                delta_output, output_intercept, cut(gradients, place, gradients.size), place, update,
                first, second, step_size, decay_1, decay_2, epsilon, thread, n_threads,
            )  # fmt: skip
        _wait(arrivals, n_threads)
        if thread == 0:
            if decays:
                _add_penalties(penalties, cut(losses, start, stop))
            if penalised:
                _add_penalties(code_penalties, cut(losses, start, stop))


@kernel(
    MATRIX_IN, VECTOR_IN, MATRIX_IN, INT64, SIZES, SIZES, SIZES, SIZES, SIZES,
    functions(FORWARD, len(pointwise.ACTIVATIONS)), functions(BACKWARD, len(pointwise.ACTIVATIONS)),
    CORRUPT, LOSS, L2, UPDATE, PRODUCT,
    VECTOR_IN, SIZES, INT64, SIZES, SIZES, VECTOR_IN, SCALAR, INT64, VECTOR, VECTOR, VECTOR_IN,
    SCALAR, SCALAR, SCALAR, VECTOR, VECTOR, VECTOR, VECTOR, VECTOR, VECTOR, COUNTERS, INT64, INT64,
)  # fmt: skip
def train_network(
    X, sample_weights, targets, batch_size, sizes, columns, places, blocks, units, forwards, backwards,
    drop, loss, add_l2, update, multiply, dropout, seeds, position, addresses, owners, rate_factors,
    alpha, folded, first, second, step_sizes, decay_1, decay_2, epsilon,
    outputs, deltas, weights, gradients, penalties, losses, arrivals, thread, n_threads,
):  # fmt: skip
    """Update a deep network with one minibatch after the other.

    With dropout, an entry of the input of layer k is 0 with probability p_k, and what remains is divided
    by 1 - p_k (Srivastava et al. 2014, section 10, where it is called inverted): the expected
    pre-activation is that without dropout. The division is a factor of the layer's three products.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples.
    sample_weights : ndarray of shape (n_samples,)
        Weight of each sample in the loss.
    targets : ndarray of shape (n_samples, n_outputs)
        Targets of the output layer.
    batch_size : int
        Rows per minibatch; the last one may have fewer.
    sizes : ndarray of shape (n_layers + 1,)
        Sizes of the input, the hidden layers and the output.
    columns, places, blocks : ndarray of shape (n_layers + 1,)
        Where each layer begins: its input among the columns of all, its parameters, its penalties.
    units : ndarray of shape (n_layers - 1,)
        Which of `forwards` and `backwards` is the unit of each hidden layer.
    forwards, backwards : tuple of function
        Of every unit, see `sklearn_sda._kernels.pointwise.Activation`.
    drop : function
        `corruption.masking`.
    loss, add_l2, update, multiply : function
        See `pointwise.squared_error`, `penalty.add_l2`, `update` and `products.multiply`.
    dropout : ndarray of shape (sum(sizes[:-1]),)
        Probability p_k, in [0, 1), for each column of the input of each layer in turn.
    seeds : ndarray of shape (n_layers,)
        Of the dropout.
    position : int
        Number of samples seen before; addresses the dropout.
    addresses : ndarray of shape (2 * n_layers,)
        Where the coefficients and the intercept of each layer in turn are; they are updated in place.
        (A compiled function takes any number of arrays only in this way.)
    owners : ndarray of shape (n_layers,)
        The layer whose coefficients layer k uses: itself, or a lower one whose transposed they are. Each
        lends them to one other layer at most.
    rate_factors : ndarray of shape (n_layers,)
        By which the step size is multiplied for the parameters of each layer.
    alpha, folded, first, second, step_sizes, decay_1, decay_2, epsilon
        As in `train_layer`.
    outputs, deltas : ndarray of shape (batch_size * sum(sizes),)
        Buffers.
    weights : ndarray of shape (batch_size,)
        Buffer.
    gradients : ndarray of shape (n_parameters,) or (size of the largest layer,)
        Of all layers one after the other, or of one layer after the other in the same place, for updates
        that leave zeros.
    penalties, losses, arrivals, thread, n_threads
        As in `train_layer`.
    """
    last = sizes.size - 2
    one, zero = outputs.dtype.type(1), outputs.dtype.type(0)
    nothing = cut(X, 0, 0)
    whole = gradients.size >= places[last + 1]
    for step in range(step_sizes.size):
        start = step * batch_size
        stop = min(start + batch_size, X.shape[0])
        n, step_size = stop - start, step_sizes[step]
        i, j = _share(n, 1, thread, n_threads)
        share = one / outputs.dtype.type(n)
        strength = alpha * share
        for row in range(i, j):
            weights[row] = share * sample_weights[start + row]
        _copy_rows(X, start + i, start + j, as_matrix(outputs, 0, n, sizes[0]), i)
        first_row = np.uint64(position + start + i)
        for k in range(last + 1):
            H = as_matrix(outputs, batch_size * columns[k], n, sizes[k])
            Z = as_matrix(outputs, batch_size * columns[k + 1], n, sizes[k + 1])
            coef = transposed_at(addresses[2 * owners[k]], sizes[k], sizes[k + 1], owners[k] != k, outputs)
            levels = cut(dropout, columns[k], columns[k + 1])
            intercept = flat_rows(matrix_at(addresses[2 * k + 1], 1, sizes[k + 1], outputs), 0, 1)
            if levels[0] > 0:
                mine = cut(H, i, j)
                call(drop, mine, levels, levels, levels, np.uint64(seeds[k]), first_row, mine)
            _wait(arrivals, n_threads)
            call(multiply, H, coef, one / (one - levels[0]), zero, Z, thread, n_threads)
            _wait(arrivals, n_threads)
            if k < last:
                call(forwards[units[k]], cut(Z, i, j), intercept)
            else:
                call(
                    loss, cut(targets, start + i, start + j), cut(Z, i, j), intercept, cut(weights, i, j),
                    nothing, cut(losses, start + i, start + j),
                )  # fmt: skip
                for row in range(start + i, start + j):
                    losses[row] *= sample_weights[row]
        # A layer moves when the one below has its delta: its coefficients, and the gradient, whose place all
        # layers use in turn, are in the cache then.
        for k in range(last, -1, -1):
            H = as_matrix(outputs, batch_size * columns[k], n, sizes[k])
            below = as_matrix(deltas, batch_size * columns[k], n, sizes[k])
            delta = as_matrix(outputs if k == last else deltas, batch_size * columns[k + 1], n, sizes[k + 1])
            coef = transposed_at(addresses[2 * owners[k]], sizes[k], sizes[k + 1], owners[k] != k, outputs)
            levels = cut(dropout, columns[k], columns[k + 1])
            intercept = flat_rows(matrix_at(addresses[2 * k + 1], 1, sizes[k + 1], outputs), 0, 1)
            place, size = places[k], places[k + 1] - places[k] - sizes[k + 1]
            grad = cut(gradients, place if whole else 0, gradients.size)
            rate = step_size * rate_factors[k]
            _wait(arrivals, n_threads)
            if k > 0:
                call(multiply, delta, coef.T, one / (one - levels[0]), zero, below, thread, n_threads)
            if size > 0:
                # added to the gradient, which is zero, or at once to the coefficients, which are used no more
                own = matrix_at(addresses[2 * k], sizes[k], sizes[k + 1], outputs)
                out = own if folded else as_matrix(grad, 0, sizes[k], sizes[k + 1])
                if folded:
                    _wait(arrivals, n_threads)
                for user in range(k, last + 1):
                    if owners[user] != k:
                        continue
                    factor = (-rate if folded else one) / (one - dropout[columns[user]])
                    H_user = as_matrix(outputs, batch_size * columns[user], n, sizes[user])
                    place_user = batch_size * columns[user + 1]
                    delta_user = as_matrix(
                        outputs if user == last else deltas, place_user, n, sizes[user + 1]
                    )
                    if user == k:
                        call(multiply, H_user.T, delta_user, factor, one, out, thread, n_threads)
                    else:  # transposed, each thread on top of the part that it wrote
                        call(multiply, delta_user.T, H_user, factor, one, out, thread, n_threads)
            _move_intercept(
                delta, intercept, cut(grad, size, grad.size), place + size, update, first, second, rate,
                decay_1, decay_2, epsilon, thread, n_threads,
            )  # fmt: skip
            _wait(arrivals, n_threads)
            if k > 0:
                # from the output that was not dropped; what comes from the others is dropped in the same way
                call(backwards[units[k - 1]], cut(H, i, j), cut(below, i, j))
                if levels[0] > 0:
                    mine = cut(below, i, j)
                    call(drop, mine, levels, levels, levels, np.uint64(seeds[k]), first_row, mine)
            if size > 0 and not folded:
                _move_coef(
                    own, grad, place, add_l2, update, strength, weights, alpha > 0, first, second, rate,
                    decay_1, decay_2, epsilon, cut(penalties, blocks[k], penalties.size), thread, n_threads,
                )  # fmt: skip
        _wait(arrivals, n_threads)
        if alpha > 0 and thread == 0:
            _add_penalties(penalties, cut(losses, start, stop))


@kernel(
    MATRIX_IN, MATRIX_IN, VECTOR_IN, FORWARD, BACKWARD, LOSS, MATRIX, VECTOR, VECTOR, SCALAR, MATRIX, VECTOR,
    VECTOR,
)  # fmt: skip
def train_samples(
    X, X_tilde, weight, forward, backward, loss, coef, intercept, decoder_intercept, step_size, hidden,
    decoded, losses,
):  # fmt: skip
    """Update a layer of tied weights with one sample after the other, by plain gradient descent.

    The rows of the coefficients pass through the cache once per sample: a row decodes its feature,
    adds to the error of the code and moves by its own error. Rows of features that are 0 in x_tilde
    neither encode nor move by the error of the code.

    Parameters
    ----------
    X, X_tilde : ndarray of shape (n_samples, n_features)
        Clean and corrupted samples.
    weight : ndarray of shape (1,)
        One, the weight of each sample.
    forward, backward, loss : function
        As in `train_layer`.
    coef : ndarray of shape (n_features, n_components)
        Coefficients, updated in place as the other parameters.
    intercept : ndarray of shape (n_components,)
        Encoder intercepts.
    decoder_intercept : ndarray of shape (n_features,)
        Decoder intercepts.
    step_size : float
        Of every update.
    hidden : ndarray of shape (2, n_components)
        Buffer: h and, below, the error of the code.
    decoded : ndarray of shape (n_features + AHEAD + 1,)
        Buffer: the decoder's pre-activations, later delta, and last the loss of a few features.
    losses : ndarray of shape (n_samples,)
        Out: loss of each row.
    """
    n_features, zero = coef.shape[0], coef.dtype.type(0)
    h, delta_h, nothing = cut(hidden, 0, 1), cut(hidden, 1, 2), cut(X, 0, 0)
    code, error = flat_rows(hidden, 0, 1), flat_rows(hidden, 1, 2)
    part_loss = cut(decoded, n_features + AHEAD, n_features + AHEAD + 1)
    for i in range(X.shape[0]):
        x, x_tilde = flat_rows(X, i, i + 1), flat_rows(X_tilde, i, i + 1)
        _fill(zero, code)
        _fill(zero, error)
        losses[i] = 0
        for j in range(n_features):
            if x_tilde[j] != 0:
                _add_multiple(x_tilde[j], flat_rows(coef, j, j + 1), code)
        call(forward, h, intercept)
        for j in range(min(AHEAD, n_features)):
            decoded[j] = _dot(flat_rows(coef, j, j + 1), code)
        for start in range(0, n_features, AHEAD):
            size = min(AHEAD, n_features - start)
            call(
                loss, as_matrix(x, start, 1, size), as_matrix(decoded, start, 1, size),
                cut(decoder_intercept, start, start + size), weight, nothing, part_loss,
            )  # fmt: skip
            losses[i] += part_loss[0]
            for j in range(start, start + size):
                delta, later = decoded[j], min(j + AHEAD, n_features - 1)
                decoded[j + AHEAD] = _decode_step(
                    delta, step_size * delta, code, flat_rows(coef, j, j + 1), error,
                    flat_rows(coef, later, later + 1),
                )  # fmt: skip
                decoder_intercept[j] -= step_size * delta
        call(backward, h, delta_h)
        for j in range(n_features):
            if x_tilde[j] != 0:
                _add_multiple(-step_size * x_tilde[j], error, flat_rows(coef, j, j + 1))
        _add_multiple(-step_size, error, intercept)


@helper
def _dot(a, b):
    """Return the scalar product of two vectors."""
    total = a.dtype.type(0)
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@helper
def _add_multiple(factor, a, out):
    """Out <- out + factor a, for vectors."""
    for k in range(a.size):
        out[k] += factor * a[k]


@helper
def _decode_step(delta, step, code, row, error, later):
    """Error <- error + delta row, then row <- row - step code; return later . code, for vectors.

    One pass: while this row is at work in the cache, the later one is on its way from memory.
    """
    total = row.dtype.type(0)
    for k in range(row.size):
        total += later[k] * code[k]
        error[k] += delta * row[k]
        row[k] -= step * code[k]
    return total
