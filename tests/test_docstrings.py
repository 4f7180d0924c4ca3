"""Docstrings say what the code says: every function has one, every parameter and shape is in it."""

import doctest
import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import sklearn_sda
from marks import slow_without_the_jit
from sklearn_sda._kernels._jit import Kernel
from sklearn_sda._stacked import StackedAutoencoderTransformer
from sklearn_sda._unrolled import FINE_TUNING_ATTRIBUTES

PUBLIC = [
    getattr(sklearn_sda, name) for name in sklearn_sda.__all__ if inspect.isclass(getattr(sklearn_sda, name))
]


def section(doc, title):
    """Return the entries of a numpydoc section as {name: text}, in order."""
    match = re.search(rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", doc + "\n", re.DOTALL | re.MULTILINE)
    entries, current = {}, None
    for line in match.group(1).splitlines() if match else []:
        if line and not line.startswith(" "):
            names, _, kind = line.partition(" : ")
            for name in names.split(", "):
                entries[name.lstrip("*")] = kind
                current = name
        elif current and line.strip():
            for name in names.split(", "):
                entries[name.lstrip("*")] += " " + line.strip()
    return entries


def parameter_problems(signature, doc):
    """Return how the documented parameters differ from a signature (nothing if none are documented)."""
    documented = list(section(doc, "Parameters"))
    actual = [name for name in signature.parameters if name != "self"]
    return [] if documented == actual else [f"documented {documented}, signature {actual}"]


def default_problems(signature, doc):
    """Return the parameters whose documented default is not that of the signature."""
    problems = []
    for name, text in section(doc, "Parameters").items():
        default = signature.parameters[name].default
        stated = re.search(r"default=((?:\([^)]*\)|[^\s,])+)", text)
        if default is not inspect.Parameter.empty and stated and eval(stated.group(1)) != default:
            problems.append(f"{name}: documented default {stated.group(1)}, actual {default!r}")
        if default is not inspect.Parameter.empty and not stated:
            problems.append(f"{name}: no default documented")
    return problems


def functions():
    """Yield (qualified name, function) for every function, method and kernel of the package."""
    for info in pkgutil.walk_packages(sklearn_sda.__path__, "sklearn_sda."):
        module = import_module(info.name)
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if isinstance(value, Kernel):
                yield f"{info.name}.{name}", value.py_func
            elif inspect.isfunction(value):
                yield f"{info.name}.{name}", value
            elif inspect.isclass(value):
                for attribute, member in vars(value).items():
                    member = getattr(member, "fget", member)
                    special = attribute.startswith("__") and attribute != "__init__"
                    if inspect.isfunction(member) and not special and attribute != "__init__":
                        yield f"{info.name}.{name}.{attribute}", member


# not lambdas, and not what NamedTuple writes itself
FUNCTIONS = {
    name: function
    for name, function in functions()
    if "<lambda>" not in function.__qualname__
    and not function.__code__.co_filename.startswith("<")
    and Path(function.__code__.co_filename).parts[-1] != "__init__.py"
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_docstring_that_matches_its_signature(name):
    function = FUNCTIONS[name]
    doc = inspect.getdoc(function)
    assert doc and doc.split("\n")[0].endswith((".", ":")), name
    if "Parameters\n-" in doc:
        assert parameter_problems(inspect.signature(function), doc) == []
    # an array is documented with its shape
    for kind in section(doc, "Parameters").values():
        if re.match(r"(ndarray|array-like)\b", kind):
            assert "shape" in kind, f"{name}: {kind}"


@pytest.mark.parametrize("estimator", PUBLIC)
def test_parameters_and_defaults_of_the_estimators(estimator):
    doc, signature = inspect.getdoc(estimator), inspect.signature(estimator)
    assert parameter_problems(signature, doc) == []
    assert default_problems(signature, doc) == []
    for kind in section(doc, "Attributes").values():
        if kind.startswith(("ndarray", "list of ndarray")):
            assert "shape" in kind


@pytest.mark.parametrize("estimator", PUBLIC)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_attribute_is_documented(estimator, X, y):
    fitted = estimator().set_params(max_iter=1).fit(X, y)
    documented = section(inspect.getdoc(estimator), "Attributes")
    public = {name for name in dir(fitted) if name.endswith("_") and not name.startswith("_")}
    assert public - set(documented) == set()
    sometimes = {"feature_names_in_"}
    if estimator is StackedAutoencoderTransformer:
        sometimes |= set(FINE_TUNING_ATTRIBUTES)
        fitted_too = estimator(fine_tune=True, max_iter=1).fit(X)
        assert all(hasattr(fitted_too, name) for name in FINE_TUNING_ATTRIBUTES)
    assert {name for name in documented if not hasattr(fitted, name)} <= sometimes


@slow_without_the_jit
@pytest.mark.parametrize("estimator", PUBLIC)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_examples_run(estimator):
    module = import_module(estimator.__module__)
    (example,) = doctest.DocTestFinder(recurse=False).find(estimator, module=module)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert example.examples and runner.run(example).failed == 0


def test_the_gate_bites():
    def function(a, b=1):
        """Do.

        Parameters
        ----------
        a : int
            A.
        c : int, default=2
            C.
        """

    doc = inspect.getdoc(function)
    assert parameter_problems(inspect.signature(function), doc)

    def other(b=1):
        """Do.

        Parameters
        ----------
        b : int, default=2
            B.
        """

    assert default_problems(inspect.signature(other), inspect.getdoc(other))
    assert section(inspect.getdoc(other), "Parameters") == {"b": "int, default=2 B."}
