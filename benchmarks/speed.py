"""Seconds of a fit and of a transform, sklearn_sda beside PyTorch, scikit-learn and NumPy.

Each case runs ours, the peer and a large matrix product in turn (A B C A B C ...) in one process, on the
same data, architecture, batch size, optimizer, type and number of threads, after a warm-up. What is
reported: the median over the rounds of peer / ours, with its range; our GFLOP/s, counting only what
the matrix products of the formulas need; and those as a fraction of the large product's GFLOP/s with as
many threads. The losses of both at the end are printed and recorded: nobody is fast by doing less. With the
extra `mkl` installed, the record is `speed_mkl.json`.
"""

import itertools
import time
import tracemalloc
import warnings
from typing import NamedTuple

import numpy as np
from scipy.linalg.blas import sger
from scipy.special import expit
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from _common import argument_parser, environment, load_images, write_record
from sklearn_sda import DenoisingAutoencoder, SdAClassifier, StackedAutoencoderTransformer
from sklearn_sda._kernels.blas import BLAS

LEVEL = 0.3
SQUARE = 4096
# Seconds: OpenBLAS's threads look for work for some 2**26 cycles.
PAUSE = 0.1


class Case(NamedTuple):
    """One comparison.

    Attributes
    ----------
    name : str
    peer : str
    ours, theirs : callable
        Without arguments, does the work and returns its result: the loss at the end, or an output.
    flops : float
        Floating-point operations of the matrix products.
    threads : int
    target : float or None
        Least ratio that we want.
    """

    name: str
    peer: str
    ours: object
    theirs: object
    flops: float
    threads: int
    target: float


# --- what we measure --------------------------------------------------------------------------------


def our_layer(X, n_components, batch_size, epochs, solver, rate):
    """Return a function that trains one layer and returns its loss."""
    layer = DenoisingAutoencoder(
        n_components, activation="logistic", corruption_level=LEVEL, loss="cross_entropy",
        solver=solver, momentum=0.0, learning_rate_init=rate, batch_size=batch_size,
        max_iter=epochs, tol=0.0, n_iter_no_change=np.inf, random_state=0,
    )  # fmt: skip
    return lambda: layer.fit(X).loss_curve_[-1]


def our_classifier(X, y, sizes, batch_size, epochs):
    """Return a function that trains a deep classifier from random weights and returns its loss."""
    encoder = StackedAutoencoderTransformer(sizes, activation="logistic", random_state=0)
    clf = SdAClassifier(
        encoder, pretrain=False, solver="adam", alpha=0.0, batch_size=batch_size,
        max_iter=epochs, tol=0.0, n_iter_no_change=np.inf, random_state=0,
    )  # fmt: skip
    return lambda: clf.fit(X, y).loss_curve_[-1]


# --- peers ------------------------------------------------------------------------------------------


def torch_optimizer(solver, parameters, rate):
    """Return PyTorch's fastest optimizer of that name."""
    import torch

    classes = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    return classes[solver](parameters, lr=rate, fused=True)


def torch_layer(X, n_components, batch_size, epochs, solver, rate):
    """Return a function that trains the same layer in PyTorch."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    X = torch.from_numpy(X)
    n_samples, n_features = X.shape
    bound = 4 * np.sqrt(6 / (n_features + n_components))

    def fit():
        torch.manual_seed(0)
        coef = torch.empty(n_features, n_components).uniform_(-bound, bound).requires_grad_()
        intercept = torch.zeros(n_components, requires_grad=True)
        decoder_intercept = torch.zeros(n_features, requires_grad=True)
        optimizer = torch_optimizer(solver, [coef, intercept, decoder_intercept], rate)
        for _ in range(epochs):
            order, total = torch.randperm(n_samples), 0.0
            for start in range(0, n_samples, batch_size):
                x = X[order[start : start + batch_size]]
                x_tilde = x * (torch.rand_like(x) >= LEVEL)
                code = torch.sigmoid(torch.addmm(intercept, x_tilde, coef))
                logits = torch.addmm(decoder_intercept, code, coef.T)
                loss = binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(x)
        return total / n_samples

    return fit


def torch_chain(sizes, final):
    """Return a network of linear layers with logistic units between them."""
    import torch

    pairs = list(itertools.pairwise(sizes))
    layers = []
    for k, (fan_in, fan_out) in enumerate(pairs):
        linear = torch.nn.Linear(fan_in, fan_out)
        layers.append(linear)
        if k < len(pairs) - 1:
            layers.append(torch.nn.Sigmoid())
            bound = 4 * np.sqrt(6 / (fan_in + fan_out))
            torch.nn.init.uniform_(linear.weight, -bound, bound)
        else:  # as ours
            torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
    return torch.nn.Sequential(*layers, *final)


def torch_classifier(X, y, sizes, batch_size, epochs):
    """Return a function that trains the same classifier in PyTorch."""
    import torch

    X, y = torch.from_numpy(X), torch.from_numpy(y.astype(np.int64))
    n_samples = len(X)

    def fit():
        torch.manual_seed(0)
        network = torch_chain((X.shape[1], *sizes, int(y.max()) + 1), [])
        optimizer = torch_optimizer("adam", network.parameters(), 0.001)
        for _ in range(epochs):
            order, total = torch.randperm(n_samples), 0.0
            for start in range(0, n_samples, batch_size):
                rows = order[start : start + batch_size]
                loss = torch.nn.functional.cross_entropy(network(X[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(rows)
        return total / n_samples

    return fit


def sklearn_classifier(X, y, sizes, batch_size, epochs):
    """Return a function that trains the same classifier in scikit-learn."""
    clf = MLPClassifier(
        sizes, activation="logistic", alpha=0.0, batch_size=batch_size, max_iter=epochs, tol=0.0,
        n_iter_no_change=epochs + 1, random_state=0,
    )  # fmt: skip
    return lambda: clf.fit(X, y).loss_curve_[-1]


def outer_update(rate, a, b, coef):
    """Subtract rate a b' from coef, as NumPy does it."""
    coef -= rate * np.outer(a, b)


def ger_update(rate, a, b, coef):
    """Subtract rate a b' from coef in place, by BLAS's ger: coef.T is the matrix in Fortran's order."""
    sger(-rate, b, a, a=coef.T, overwrite_a=True)


def numpy_online(X, n_components, rate, update):
    """Return a function that trains a layer one sample at a time: gemv, gemv, gemv, and two updates."""
    n_samples, n_features = X.shape

    def fit():
        rng = np.random.default_rng(0)
        bound = 4 * np.sqrt(6 / (n_features + n_components))
        coef = rng.uniform(-bound, bound, (n_features, n_components)).astype(np.float32)
        intercept = np.zeros(n_components, np.float32)
        decoder_intercept = np.zeros(n_features, np.float32)
        total = 0.0
        for i in rng.permutation(n_samples):
            x = X[i]
            x_tilde = x * (rng.random(n_features, np.float32) >= LEVEL)
            h = expit(x_tilde @ coef + intercept)
            z = coef @ h + decoder_intercept
            delta = expit(z) - x
            delta_h = (delta @ coef) * h * (1 - h)
            total += float(np.sum(np.logaddexp(0, z) - x * z))
            update(rate, x_tilde, delta_h, coef)
            update(rate, delta, h, coef)
            intercept -= rate * delta_h
            decoder_intercept -= rate * delta
        return total / n_samples

    return fit


def torch_forward(X, layers, final):
    """Return a function that passes X through the layers of one of our networks, in PyTorch."""
    import torch

    network = torch_chain([len(layers[0][0]), *(coef.shape[1] for coef, _ in layers)], final)
    linear = [module for module in network if isinstance(module, torch.nn.Linear)]
    with torch.no_grad():
        for module, (coef, intercept) in zip(linear, layers, strict=True):
            module.weight.copy_(torch.from_numpy(coef.T.copy()))
            module.bias.copy_(torch.from_numpy(intercept))
    X = torch.from_numpy(X)

    def forward():
        with torch.inference_mode():
            return torch.cat([network(chunk) for chunk in torch.split(X, 1024)]).numpy()

    return forward


# --- cases ------------------------------------------------------------------------------------------


def layer_flops(X, n_components, epochs):
    """Return the operations of training a tied layer: five products."""
    return 10 * X.size * n_components * epochs


def chain_flops(X, sizes):
    """Return the operations of a forward pass."""
    return 2 * len(X) * sum(a * b for a, b in itertools.pairwise((X.shape[1], *sizes)))


def make_cases(folder, quick):
    """Yield the cases, smaller ones where it must be quick."""
    import torch

    digits, y_digits = load_digits(return_X_y=True)
    digits = (digits / 16).astype(np.float32)
    images, y, *_ = load_images("mnist", folder)
    n = 2000 if quick else 10000
    crops = images[:n].reshape(n, 28, 28)[:, 9:19, 9:19].reshape(n, 100) / np.float32(255)
    everything = images[: 6 * n] / np.float32(255)
    mnist, y = everything[:n], y[:n]

    def layer(name, X, n_components, batch_size, epochs, solver, rate, threads, target):
        args = (X, n_components, batch_size, epochs, solver, rate)
        work = layer_flops(X, n_components, epochs)
        return Case(name, "PyTorch", our_layer(*args), torch_layer(*args), work, threads, target)

    epochs = 20 if quick else 50
    yield layer("layer 64-50, digits, batch 20, SGD", digits, 50, 20, epochs, "sgd", 0.1, 1, 10)
    yield layer("layer 100-256, batch 64, SGD", crops, 256, 64, 1 if quick else 5, "sgd", 0.1, 1, 3)
    yield layer("layer 784-1000, batch 20, SGD", mnist, 1000, 20, 1, "sgd", 0.1, 1, 1.5)
    yield layer("layer 784-1000, batch 128, SGD", mnist, 1000, 128, 1, "sgd", 0.1, 1, 1.15)
    yield layer("layer 784-1000, batch 128, SGD", mnist, 1000, 128, 1, "sgd", 0.1, 2, 1.25)
    yield layer("layer 784-1000, batch 128, Adam", mnist, 1000, 128, 1, "adam", 0.001, 1, 1.3)

    sizes = (1000, 1000, 1000)
    args = (mnist, y, sizes, 128, 1 if quick else 3)
    work = (3 * chain_flops(mnist, (*sizes, 10)) - chain_flops(mnist, sizes[:1])) * args[-1]
    name = "fine-tuning 784-1000-1000-1000-10, batch 128, Adam"
    yield Case(name, "PyTorch", our_classifier(*args), torch_classifier(*args), work, 2, 1.5)
    yield Case(name, "MLPClassifier", our_classifier(*args), sklearn_classifier(*args), work, 2, 4)

    few = mnist[: n // 5]
    work = layer_flops(few, 1000, 1)
    ours, name = our_layer(few, 1000, 1, 1, "sgd", 0.01), "layer 784-1000, batch size 1, SGD"
    yield Case(name, "NumPy", ours, numpy_online(few, 1000, 0.01, outer_update), work, 1, 5)
    yield Case(name, "SciPy's ger", ours, numpy_online(few, 1000, 0.01, ger_update), work, 1, None)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = StackedAutoencoderTransformer(sizes, activation="logistic", max_iter=1, random_state=0)
        clf = SdAClassifier(encoder, pretrain=False, max_iter=1, random_state=0).fit(mnist[:1000], y[:1000])
    stack = clf.encoder_
    layers = list(zip(clf.coefs_, clf.intercepts_, strict=True))
    name = f"{len(everything)} x 784 through 1000-1000-1000"
    theirs = torch_forward(everything, layers[:-1], [torch.nn.Sigmoid()])
    work = chain_flops(everything, sizes)
    yield Case(f"transform, {name}", "PyTorch", lambda: stack.transform(everything), theirs, work, 2, 1)
    theirs = torch_forward(everything, layers, [torch.nn.Softmax(dim=1)])
    work = chain_flops(everything, (*sizes, 10))
    yield Case(f"predict_proba, {name}", "PyTorch", lambda: clf.predict_proba(everything), theirs, work, 2, 1)

    args = (digits, y_digits, (100, 50), 32, epochs)
    work = (3 * chain_flops(digits, (100, 50, 10)) - chain_flops(digits, (100,))) * epochs
    ours, theirs = our_classifier(*args), sklearn_classifier(*args)
    yield Case("classifier 64-100-50-10, digits, batch 32, Adam", "MLPClassifier", ours, theirs, work, 1, 3)


def seconds(work):
    """Return the seconds that a function takes, and its result.

    Before it there is a pause: idle threads of BLAS, here of another library's, look for work for a while
    before they go to sleep.
    """
    time.sleep(PAUSE)
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def measure(case, rounds):
    """Return the record of one case."""
    import torch

    rng = np.random.default_rng(0)
    A = rng.standard_normal((SQUARE, SQUARE), np.float32)
    B, C = A.T.copy(), np.empty_like(A)
    torch.set_num_threads(case.threads)
    with threadpool_limits(case.threads):
        ours, theirs, limits = [], [], []
        for k in range(rounds + 1):
            one, our_result = seconds(case.ours)
            two, their_result = seconds(case.theirs)
            limit, _ = seconds(lambda: np.matmul(A, B, out=C))
            if k > 0:  # the first round compiles and warms up
                ours.append(one)
                theirs.append(two)
                limits.append(2 * SQUARE**3 / limit / 1e9)
    ratios = np.divide(theirs, ours)
    speeds = case.flops / np.array(ours) / 1e9
    record = {
        "case": case.name, "peer": case.peer, "threads": case.threads, "target": case.target,
        "ratio": float(np.median(ratios)), "lowest": float(ratios.min()), "highest": float(ratios.max()),
        "our seconds": ours, "peer seconds": theirs,
        "GFLOP/s": float(np.median(speeds)), "limit GFLOP/s": float(np.median(limits)),
        "fraction of the limit": float(np.median(speeds / limits)),
    }  # fmt: skip
    if np.ndim(our_result):
        record["largest difference"] = float(np.abs(our_result - their_result).max())
        tracemalloc.start()
        case.ours()
        record["peak memory / output"] = tracemalloc.get_traced_memory()[1] / our_result.nbytes
        tracemalloc.stop()
    else:
        record["our loss"], record["peer loss"] = float(our_result), float(their_result)
    return record


def line(record):
    """Return one line of the table."""
    if "our loss" in record:
        check = f"loss {record['our loss']:.4g} / {record['peer loss']:.4g}"
    else:
        check = f"difference {record['largest difference']:.0e}"
    return (
        f"{record['case']:52} {record['peer']:14}{record['threads']} "
        f"{record['ratio']:6.2f}x ({record['lowest']:.2f} to {record['highest']:.2f}), "
        f"wanted {record['target'] or 'any'}x  "
        f"{record['GFLOP/s']:6.1f} GFLOP/s = {record['fraction of the limit']:4.0%} of the limit  {check}"
    )


def draw(runs, path):
    """Draw the ratio of each case.

    Parameters
    ----------
    runs : dict of str to list of dict
        The records of the same cases, by the name of the run.
    path : Path
        Of the picture.
    """
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    cases = next(iter(runs.values()))
    figure, ax = plt.subplots(figsize=(8, 0.47 * len(cases) + 1.2), layout="constrained")
    place, height = np.arange(len(cases))[::-1], 0.8 / len(runs)
    for k, (name, records) in enumerate(runs.items()):
        ratios = np.array([r["ratio"] for r in records])
        spread = [ratios - [r["lowest"] for r in records], [r["highest"] for r in records] - ratios]
        mine = place + 0.4 - height * (k + 0.5)
        ax.barh(mine, ratios - 1, left=1, height=height, color=("#4878a8", "#a3bfd9")[k], label=name)
        ax.errorbar(ratios, mine, xerr=spread, fmt="none", ecolor="0.35", capsize=2)
    aims = [r["target"] or np.nan for r in cases]
    ax.plot(aims, place, "|", ms=20, mew=2, color="#d1603d", label="aim")
    ax.axvline(1, color="black", lw=0.8)
    names = [f"{r['case']}, {r['threads']} thread{'s'[: r['threads'] > 1]}\nvs. {r['peer']}" for r in cases]
    ax.set_yticks(place, names, fontsize=7)
    ax.set_xscale("log")
    ticks = [0.7, 1, 1.5, 2, 3, 5, 10, 20]
    ax.set_xticks(ticks, [f"{t:g}x" for t in ticks])
    ax.minorticks_off()
    ax.set_xlabel("times faster than the peer (median and range, logarithmic)")
    # beside the short bars of the transformations
    ax.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.18), fontsize=8, markerscale=0.5)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main():
    """Measure all cases, print and record them."""
    parser = argument_parser(__doc__, "speed_mkl" if BLAS.strict else "speed")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", type=int, nargs="+", help="positions of the cases to run, from 0")
    args = parser.parse_args()
    began = environment()
    warnings.simplefilter("ignore", ConvergenceWarning)
    records = []
    for k, case in enumerate(make_cases(args.data, args.quick)):
        if args.only is None or k in args.only:
            records.append(measure(case, 3 if args.quick else args.rounds))
            print(f"{k:2} {line(records[-1])}", flush=True)
    if not (args.quick or args.only):
        write_record(args.output, began, cases=records)


if __name__ == "__main__":
    main()
