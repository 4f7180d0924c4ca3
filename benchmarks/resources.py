"""What a fit costs beside its arithmetic: the first use, memory, and processes and threads side by side.

- First use: seconds that the import adds to those of scikit-learn and Numba; seconds that the first fit of a
  process takes beyond the second, with an empty cache of compiled kernels and with a filled one; files that a
  second process adds to the cache; eight processes that start together on an empty cache, half of them in
  float32 and half in float64, and one after them.
- Memory: how far a fit on a memmap of 1,000,000 x 784 bytes raises the peak of the memory that is the
  process's own (anonymous pages: the page cache does not count), beside the size of what it has to hold.
- Search: seconds of a grid search over eight candidates, three folds and a final fit, with ``n_jobs=2`` in
  processes and in threads, as a fraction of those with ``n_jobs=1``; and how many threads were busy, which is
  to say computed for more than a fifth of each of two half-seconds in a row. (Four threads that compete for
  two cores count as four; joblib's own, which look after the others, do not count.) The large network uses
  both cores with ``n_jobs=1`` too.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from _common import ROOT, argument_parser, environment, write_record

FITS = {
    "DenoisingAutoencoder(50)": "DenoisingAutoencoder(50, max_iter=2, tol=1e9).fit(X)",
    "StackedAutoencoderTransformer((100, 50))": "StackedAutoencoderTransformer((100, 50), max_iter=2).fit(X)",
    "SdAClassifier((100, 50))": "SdAClassifier((100, 50), max_iter=2).fit(X, y)",
}
IMPORT = """
import time
import sklearn, numba
start = time.perf_counter()
import sklearn_sda
print(time.perf_counter() - start)
"""
FIRST_FIT = """
import time, warnings
import numpy as np
from sklearn_sda import *
warnings.simplefilter("ignore")
X, y = np.random.RandomState(0).uniform(size=(1000, 64)).astype({dtype!r}), np.arange(1000) % 10
seconds = []
for _ in range(2):
    start = time.perf_counter()
    {fit}
    seconds.append(time.perf_counter() - start)
print(seconds[0] - seconds[1])
"""
MEMORY = """
import gc, threading, time, warnings
import numpy as np
from sklearn_sda import *
warnings.simplefilter("ignore")
def own():
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
def fit(X):
    return {fit}
X = np.memmap({path!r}, np.uint8, "r").reshape(-1, 784)
fit(X[:5000])  # compiles
gc.collect()
before, peak, going = own(), 0, True
def watch():
    global peak
    while going:
        peak = max(peak, own())
        time.sleep(0.001)  # a look a millisecond leaves the processor to the fit
watcher = threading.Thread(target=watch)
watcher.start()
model = fit(X)
going = False
watcher.join()
print(peak - before)
"""
SEARCH = """
import time, warnings
import joblib, numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn_sda import *
warnings.simplefilter("ignore")
X, y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")
grid = {{"learning_rate_init": list(np.geomspace(1e-4, 1e-2, 8))}}
def search(n_jobs):
    clf = SdAClassifier({sizes}, max_iter={max_iter}, tol=0, n_iter_no_change=np.inf, random_state=0)
    with joblib.parallel_config({backend!r}):
        start = time.perf_counter()
        GridSearchCV(clf, grid, n_jobs=n_jobs, cv=3, error_score="raise").fit(X, y)
        return time.perf_counter() - start
clf = SdAClassifier({sizes}, max_iter=1)
GridSearchCV(clf, grid, n_jobs={n_jobs}, cv=3).fit(X[:100], y[:100])  # starts the workers and compiles
print("go", flush=True)
input()
print(search({n_jobs}))
"""


# Rows of a minibatch of these fits. It is there as it is read, corrupted, and in the two halves of each
# product of the layer: four times its features, twice its code.
BATCH_SIZE = 200
# A thread is busy if it computes for more than this fraction of a window of so many seconds.
BUSY, WINDOW = 0.2, 0.5
BACKENDS = (("1", 1, "loky"), ("2, processes", 2, "loky"), ("2, threads", 2, "threading"))


def python(code, cache, **options):
    """Start a process that runs code with its own cache of compiled kernels.

    Memory goes back to the system as soon as it is freed: what an earlier fit needed counts again.
    """
    variables = {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT), "MALLOC_MMAP_THRESHOLD_": "131072"}
    options = {"env": {**os.environ, **variables}, "text": True, "stdout": subprocess.PIPE, **options}
    return subprocess.Popen([sys.executable, "-c", code], **options)


def printed(process):
    """Return the number that a process printed; raise if it failed."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"A process failed with code {process.returncode}.")
    return float(output.split()[-1])


def median(values):
    """Return the median and all values, rounded to milliseconds."""
    return {"median": round(float(np.median(values)), 3), "all": [round(value, 3) for value in values]}


def measure_first_use(rounds, folder):
    """Return the record of imports, first fits and the cache."""
    record = {"import": median([printed(python(IMPORT, folder / "none")) for _ in range(rounds)])}
    for name, fit in FITS.items():
        cold, warm, added = [], [], []
        for k in range(rounds):
            cache = folder / f"{name}-{k}"
            code = FIRST_FIT.format(fit=fit, dtype="float64")
            cold.append(printed(python(code, cache)))
            files = sum(path.suffix in (".nbi", ".nbc") for path in cache.rglob("*"))
            warm.append(printed(python(code, cache)))
            added.append(sum(path.suffix in (".nbi", ".nbc") for path in cache.rglob("*")) - files)
        record[name] = {"empty cache": median(cold), "filled cache": median(warm), "files added": added}
    fit = "SdAClassifier(StackedAutoencoderTransformer((100, 50), max_iter=2, dtype=X.dtype.name)).fit(X, y)"
    codes = [FIRST_FIT.format(fit=fit, dtype=dtype) for dtype in ("float32", "float64")]
    together = [python(codes[k % 2], folder / "together") for k in range(8)]
    record["eight processes together"] = median([printed(process) for process in together])
    record["a process after them"] = median([printed(python(code, folder / "together")) for code in codes])
    return record


def measure_memory(folder, n_samples):
    """Return the record of the memory of fits on a memmap."""
    path = folder / "bytes"
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        for _ in range(0, n_samples, 10000):
            file.write(rng.integers(0, 2, (10000, 784), np.uint8).tobytes())
    records = {}
    for name, fit, n_components, n_parameters, n_codes in (
        ("layer 784-1000", "DenoisingAutoencoder(1000, max_iter=1).fit(X)", 1000, 784 * 1000, 0),
        (
            "stack 784-200-100",
            "StackedAutoencoderTransformer((200, 100), max_iter=1).fit(X)", 200, 784 * 200 + 200 * 100, 200,
        ),
    ):  # fmt: skip
        raised = printed(python(MEMORY.format(fit=fit, path=str(path)), folder / "memory"))
        records[name] = {
            "peak above the start, MB": round(raised / 1e6, 1),
            "five times the parameters, MB": round(5 * 4 * n_parameters / 1e6, 1),
            "code of the layer below, MB": round(4 * n_samples * n_codes / 1e6, 1),
            "buffers of a minibatch, MB": round(4 * BATCH_SIZE * (4 * 784 + 2 * n_components) / 1e6, 1),
        }
        limit = sum(list(records[name].values())[1:])
        if raised / 1e6 > limit:
            raise SystemExit(f"{name} takes {raised / 1e6:.1f} MB, which is more than {limit:.1f}.")
    return records


def used_ticks(root):
    """Return the processor time that each thread of a process and of its descendants has used, in ticks."""
    children, ticks = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    family = [root]
    for pid in family:
        family += children.get(pid, [])
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                user, system = (task / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
                ticks[pid, task.name] = int(user) + int(system)
        except OSError:
            continue
    return ticks


def busy_threads(root, going):
    """Return how many threads were busy in each window, and in the one before, until `going` is set.

    In one window alone a thread that ends and another that takes its place would count as two.
    """
    counts, before, busy_before = [], used_ticks(root), set()
    least = BUSY * WINDOW * os.sysconf("SC_CLK_TCK")
    while not going.wait(WINDOW):
        now = used_ticks(root)
        busy = {thread for thread, ticks in now.items() if ticks - before.get(thread, 0) > least}
        counts.append(len(busy & busy_before))
        before, busy_before = now, busy
    return counts[1:]


def measure_search(folder, sizes, max_iter, rounds):
    """Return the record of grid searches with one job and with two."""
    seconds, busy = {}, {}
    for _ in range(rounds):
        for name, n_jobs, backend in BACKENDS:
            code = SEARCH.format(sizes=sizes, max_iter=max_iter, n_jobs=n_jobs, backend=backend)
            process = python(code, folder / "search", stdin=subprocess.PIPE)
            process.stdout.readline()
            going = threading.Event()
            with ThreadPoolExecutor(1) as watcher:
                process.stdin.write("\n")
                process.stdin.flush()
                counts = watcher.submit(busy_threads, process.pid, going)
                seconds.setdefault(name, []).append(float(process.stdout.readline()))
                going.set()
            process.wait()
            busy.setdefault(name, []).extend(counts.result())
    return {
        name: {
            "seconds": median(values),
            "fraction of n_jobs=1": round(float(np.median(np.divide(values, seconds["1"]))), 2),
            "busy threads, mean": round(float(np.mean(busy[name])), 2),
            "busy threads, most": max(busy[name]),
        }
        for name, values in seconds.items()
    }


def main():
    """Measure everything, print and record it."""
    parser = argument_parser(__doc__, "resources")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    began, rounds = environment(), 1 if args.quick else args.rounds
    content = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, measure in (
            ("search, small network", lambda: measure_search(folder, (100, 50), 200, rounds)),
            ("search, large network", lambda: measure_search(folder, (1000, 1000), 1, 1)),
            ("memory", lambda: measure_memory(folder, 100_000 if args.quick else 1_000_000)),
            ("first use", lambda: measure_first_use(rounds, folder)),
        ):
            start = time.perf_counter()
            content[name] = measure()
            print(f"{name} ({time.perf_counter() - start:.0f} s)")
            for key, value in content[name].items():
                print(f"  {key}: {value}", flush=True)
    if not args.quick:
        write_record(args.output, began, **content)


if __name__ == "__main__":
    main()
