"""A grid over the fine-tuning with and without `memory`: seconds, and that the results are the same.

Twelve candidates, three folds, 3,000 images of MNIST, a stack 784-300-300 with the default number of epochs.
The two searches take turns; the median of three is shown. The cache of each run is new.
"""

import tempfile
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from _common import argument_parser, environment, load_images, write_record
from sklearn_sda import SdAClassifier, StackedAutoencoderTransformer

GRID = {"learning_rate_init": [0.0003, 0.001, 0.003], "alpha": [0.0, 0.001], "dropout": [0.0, 0.3]}


def search(X, y, memory, quick):
    """Return the seconds and the mean scores of a search."""
    sizes = (50,) if quick else (300, 300)
    clf = SdAClassifier(StackedAutoencoderTransformer(sizes), max_iter=10, random_state=0, memory=memory)
    start = time.perf_counter()
    result = GridSearchCV(clf, GRID, cv=3, refit=False).fit(X, y)
    return time.perf_counter() - start, result.cv_results_["mean_test_score"]


def main():
    """Run both searches in turn, print and record the seconds."""
    args = argument_parser(__doc__, "grid_memory").parse_args()
    run = environment()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y, *_ = load_images("mnist", args.data)
    n = 500 if args.quick else 3000
    X, y = X[:n] / np.float32(255), y[:n]
    seconds = {"without memory": [], "with memory": []}
    for _ in range(1 if args.quick else 3):
        scores = {}
        for name in seconds:
            with tempfile.TemporaryDirectory() as folder:
                taken, scores[name] = search(X, y, folder if name == "with memory" else None, args.quick)
            seconds[name].append(round(taken, 1))
            print(f"{name}: {taken:.1f} s", flush=True)
        if not np.array_equal(*scores.values()):
            raise RuntimeError(f"the searches differ: {scores}")
    ratio = float(np.median(seconds["with memory"]) / np.median(seconds["without memory"]))
    print(f"with memory it takes {ratio:.2f} of the time; the scores are the same to the last bit")
    if not args.quick:
        write_record(args.output, run, seconds=seconds, ratio=ratio)


if __name__ == "__main__":
    main()
