"""A table of cells that are recorded as soon as each is finished; a finished one is not run again."""

import json
import time
from datetime import UTC, datetime

from joblib import Parallel, delayed

from _common import environment, write_record

# What a cell's name says anyway: another grid has other names, and leaves the cells as they are.
IN_NAMES = ("grid",)


class Table:
    """The cells of a table and their record.

    Parameters
    ----------
    args : argparse.Namespace
        Of `_common.argument_parser`. A quick run reads and writes no record.
    **content : dict
        What the record says beside the cells: the published figures, the grid, what all cells share. The
        cells of a record with another content are not taken; another `grid` only asks for other cells.
    """

    def __init__(self, args, **content):
        self.path, self.quick = args.output, args.quick
        self.content = json.loads(json.dumps(content))
        self.environment, self.cells = environment(), {}
        if self.path.exists() and not self.quick:
            record = json.loads(self.path.read_text())
            if all(record.get(name) == self.content[name] for name in self.content if name not in IN_NAMES):
                self.environment, self.cells = record["environment"], record["cells"]

    def run(self, cells, n_jobs=1):
        """Compute those of some cells that are not there yet.

        Parameters
        ----------
        cells : dict of str to tuple
            By name, a function and its arguments; it returns the figures, a dict.
        n_jobs : int
            Processes; more than one is faster than as many threads, but leaves no time to report.
        """
        missing = [(name, *call) for name, call in cells.items() if name not in self.cells]
        parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        for name, figures in parallel(delayed(_compute)(*call) for call in missing):
            run = environment()
            self.cells[name] = {**figures, "commit": run["commit"], "cpu": run["cpu"]}
            print(f"{name}: {figures}", flush=True)
            if not self.quick:
                write_record(self.path, self.environment, **self.content, cells=self.cells)

    def best(self, names, figure):
        """Return the name of the cell with the lowest value of a figure."""
        return min(names, key=lambda name: self.cells[name][figure])


def _compute(name, function, *arguments):
    """Return the name of a cell and its figures, seconds and date included."""
    start = time.perf_counter()
    figures = function(*arguments)
    seconds = round(time.perf_counter() - start, 1)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return name, {**figures, "seconds": seconds, "date": date}
