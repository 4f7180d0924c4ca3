"""Tables of cells: a finished cell is not run again, another seed starts anew, intervals are right."""

import argparse
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks" / "papers"


@pytest.fixture
def table_module(monkeypatch):
    """Import `_table`, and with it `_cells`, as the scripts do."""
    for path in (FOLDER, FOLDER.parent):
        monkeypatch.syspath_prepend(str(path))
    for name in ("_common", "_cells", "_validation", "_table"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import _table

    return _table


def test_a_finished_cell_is_not_run_again(table_module, tmp_path):
    calls = []

    def compute(value):
        calls.append(value)
        if value < 0:
            raise RuntimeError("interrupted")
        return {"error": value}

    args = argparse.Namespace(output=tmp_path / "papers" / "table.json", quick=False)

    def run(values, grid=(1, 2), seed=0):
        table = table_module.Table(args, grid=grid, seed=seed)
        table.run({f"cell {value}": (compute, value) for value in values})
        return table

    with pytest.raises(RuntimeError, match="interrupted"):
        run([3.0, 1.0, -1.0])
    table = run([3.0, 1.0, 2.0])
    assert calls == [3.0, 1.0, -1.0, 2.0]
    assert table.best(table.cells, "error") == "cell 1.0"
    record = json.loads(args.output.read_text())
    assert list(record["cells"]) == ["cell 3.0", "cell 1.0", "cell 2.0"]
    assert record["grid"] == [1, 2]
    assert set(record["cells"]["cell 1.0"]) >= {"seconds", "date", "commit", "cpu"}
    run([1.0, 3.0, 4.0], grid=(1, 2, 3))
    assert calls[4:] == [4.0]
    assert len(json.loads(args.output.read_text())["cells"]) == 4
    run([1.0], seed=1)
    assert calls[5:] == [1.0]
    assert len(json.loads(args.output.read_text())["cells"]) == 1
    quick = argparse.Namespace(output=args.output, quick=True)
    before = args.output.read_text()
    table_module.Table(quick, grid=(1, 2, 3), seed=1).run({"cell 1.0": (compute, 9.0)})
    assert calls[-1] == 9.0 and args.output.read_text() == before


def test_intervals(table_module):
    # of the papers: 3 % of 50,000 images have an interval of 0.15
    assert round(table_module.interval(3, 50000), 2) == 0.15
    assert round(table_module.interval(50, 10000), 2) == 0.98
