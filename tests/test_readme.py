"""The README: its commands are those that CI runs, and its examples work."""

import re
import sys
from pathlib import Path

import pytest

from marks import slow_without_the_jit

README = Path(__file__).parents[1] / "README.md"
COMMANDS = """\
python -m pip install '.[cli]' && python -m sklearn_sda
python -m pip install '.[test]' && python -m pytest
"""


def test_the_two_commands_are_there():
    assert f"```\n{COMMANDS}```" in README.read_text()


@slow_without_the_jit
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_examples_run(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 4
    namespace = {}
    for block in blocks:
        exec(block, namespace)
    lines = capsys.readouterr().out.splitlines()
    scores = [float(line.split()[-1]) for line in lines if line[-4:].isdigit()]
    assert len(scores) >= 5 and min(scores) > 0.8
    assert sum(line.startswith("Pretraining: ") for line in lines) == 1


def test_the_figures_are_the_recorded_ones(monkeypatch):
    monkeypatch.syspath_prepend(str(README.parent / "benchmarks"))
    monkeypatch.delitem(sys.modules, "_common", raising=False)
    import tables

    for page in tables.PAGES:
        text = page.read_text()
        assert text.count("<!-- end -->") >= 2
        assert tables.filled(text) == text, f"{page} is out of date: run python benchmarks/tables.py"
