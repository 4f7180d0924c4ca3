"""Parameters out and in: a safetensors file with a name, a shape and a type for each array."""

import json
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklearn_sda._base import all_or_nothing
from sklearn_sda._version import __version__

FORMAT = "sklearn_sda parameters 1"
# The arrays of a layer in a file; that of the decoder's coefficients only where they are its own.
LAYER_ARRAYS = ("encoder_coef", "encoder_intercept", "decoder_coef", "decoder_intercept")


def import_safetensors():
    """Return the package that reads and writes files; raise ImportError if it is not installed."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "save_parameters and load_parameters need safetensors: pip install safetensors."
        ) from error
    return safetensors


# Parameters of a layer with which any samples will do.
NO_NOISE = {"corruption": "masking", "corruption_level": 0, "emphasis": None}


class SavesParameters:
    """Mixin: the parameters of an estimator in a file.

    An estimator has ``_parameter_layers()``, its fitted layers; ``_output_arrays()``, coefficients and
    intercept of its output layer or None; ``_start_like(file)``, which gives an unfitted one the
    attributes of a fitted one, and `dtype` or layers with one.
    """

    def save_parameters(self, path):
        """Write the parameters of a fitted estimator to a safetensors file.

        The arrays are named "layer1.encoder_coef", "layer1.encoder_intercept", "layer1.decoder_intercept"
        and, where weights are not tied, "layer1.decoder_coef", "layer2...", and "output.coef" and
        "output.intercept". Metadata say what the units, the links and the classes are, and the versions of
        format and package. Not preprocessing, and not the state of the optimizer: that is for joblib.

        Parameters
        ----------
        path : str or path-like
            Of the file.

        Raises
        ------
        ImportError
            If safetensors is not installed.
        NotFittedError
            If the estimator is not fitted.
        """
        safetensors = import_safetensors()
        check_is_fitted(self)
        layers, output = self._parameter_layers(), self._output_arrays()
        arrays = {
            f"layer{number}.{name}": array
            for number, layer in enumerate(layers, start=1)
            for name, array in arrays_of(layer).items()
        }
        if output is not None:
            arrays["output.coef"], arrays["output.intercept"] = output
        metadata = {
            "format": FORMAT,
            "sklearn_sda": __version__,
            "estimator": type(self).__name__,
            "activations": json.dumps([layer.activation for layer in layers]),
            "links": json.dumps([getattr(layer, "out_activation_", "logistic") for layer in layers]),
        }
        if getattr(self, "_fine_tuned", False):
            metadata["fine_tuned"] = "true"
        if output is not None:
            metadata["link"] = self.out_activation_
        if hasattr(self, "classes_"):
            metadata["classes"] = json.dumps(self.classes_.tolist())
        if hasattr(self, "feature_names_in_"):
            metadata["feature_names"] = json.dumps(list(self.feature_names_in_))
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        # not `save_file`, whose files nobody but their owner can read, whatever the umask
        Path(path).write_bytes(safetensors.numpy.save(arrays, metadata=metadata))

    @all_or_nothing
    def load_parameters(self, path):
        """Take parameters from a safetensors file that `save_parameters` wrote.

        The layers of the file become the lowest layers of the estimator, of which there may be more: those
        above keep their parameters. The output layer is taken too if the file has as many layers. An
        estimator that is not fitted is then fitted as by ``max_iter=0``, with the names of columns that the
        file has; layers that it has not are random. (A network needs a file of a network of its kind for
        that, and no preprocessing: fit it with ``pretrain=False, max_iter=0`` first otherwise.) One that is
        fitted keeps its own names.

        Parameters
        ----------
        path : str or path-like
            Of the file.

        Returns
        -------
        self : object
            The estimator itself.

        Raises
        ------
        ImportError
            If safetensors is not installed.
        ValueError
            If the file is none of this kind, has more layers, or an array of another shape, another unit or
            other classes, or can't make an estimator that is not fitted a fitted one. The estimator is then
            as it was before.
        """
        file = ParameterFile(path)
        try:
            check_is_fitted(self)
        except NotFittedError:
            self._start_like(file)
        layers, output = self._parameter_layers(), self._output_arrays()
        file.check(layers)
        with_output = output is not None and file.n_layers == len(layers) and file.output is not None
        if with_output:
            self._check_output(file, output)
        for layer, arrays, link in zip(layers, file.layers, file.links, strict=False):
            layer._make_writeable()
            layer._optimizer = None  # its state is of other parameters
            layer._columns = None  # and these of other samples
            for name, array in arrays_of(layer).items():
                array[...] = arrays[name]
            if hasattr(layer, "out_activation_"):
                layer.out_activation_ = link
        self._optimizer = None
        if hasattr(self, "_set_fine_tuned"):
            self._set_fine_tuned(file.fine_tuned)
        if with_output:
            self._make_output_writeable()
            for array, value in zip(self._output_arrays(), file.output, strict=True):
                array[...] = value
        return self

    def _check_output(self, file, output):
        """Raise ValueError if the output layer of a file is of another kind."""
        for name, array, value in zip(("coef", "intercept"), output, file.output, strict=True):
            _check_array(f"output.{name}", value, array, file.path, "the output layer")
        classes = self.classes_.tolist() if hasattr(self, "classes_") else None
        if (file.link, file.classes) != (self.out_activation_, classes):
            raise ValueError(
                f"The output layer in {file.path} is {file.link!r} with classes {file.classes}, that of this "
                f"estimator {self.out_activation_!r} with {classes}."
            )


def arrays_of(layer):
    """Return the arrays of a layer by their names, without the decoder's coefficients if they are tied."""
    arrays = {name: getattr(layer, f"{name}_") for name in LAYER_ARRAYS if name != "decoder_coef"}
    if getattr(layer, "_decoder_coef", None) is not None:
        arrays["decoder_coef"] = layer._decoder_coef
    return arrays


class ParameterFile:
    """What a file of parameters holds.

    Parameters
    ----------
    path : str or path-like
        Of the file.

    Attributes
    ----------
    layers : list of dict
        The arrays of each layer by name.
    output : list of ndarray or None
        Coefficients and intercept of the output layer.
    activations, links : list of str
        Of each layer.
    link : str or None
        Of the output layer.
    estimator : str
        Name of the class of what was saved.
    classes, feature_names : list or None
        If the estimator had any.
    fine_tuned : bool
        Whether the layers of a stack were trained together.
    """

    def __init__(self, path):
        safetensors = import_safetensors()
        self.path = path
        try:
            with safetensors.safe_open(path, framework="np") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}
        except safetensors.SafetensorError as error:
            raise ValueError(f"{path} is not a safetensors file: {error}") from error
        if metadata.get("format") != FORMAT:
            raise ValueError(
                f"{path} has no parameters of sklearn_sda that this version can read: its format is "
                f"{metadata.get('format')!r}, not {FORMAT!r}."
            )
        try:
            self._read(arrays, metadata)
        except KeyError as error:
            raise ValueError(f"{path} is damaged: it lacks {error}.") from error
        except ValueError as error:
            raise ValueError(f"{path} is damaged: {error}") from error

    def _read(self, arrays, metadata):
        """Take apart arrays and metadata; raise KeyError or ValueError if they are not whole."""
        self.activations, self.links = (_read_list(metadata, name) for name in ("activations", "links"))
        self.classes, self.feature_names = (
            _read_list(metadata, name) if name in metadata else None for name in ("classes", "feature_names")
        )
        self.link, self.estimator = metadata.get("link"), metadata["estimator"]
        self.fine_tuned = "fine_tuned" in metadata
        if not self.activations or len(self.activations) != len(self.links):
            raise ValueError(
                f"it must have an activation and a link for each layer, and has {self.activations} and "
                f"{self.links}."
            )
        unknown = [link for link in self.links if link not in ("logistic", "identity")]
        if unknown:
            raise ValueError(f"it has unknown links {unknown}.")
        rest = dict(arrays)
        self.layers = []
        for number in range(1, len(self.activations) + 1):
            prefix = f"layer{number}."
            names = [name for name in LAYER_ARRAYS if name != "decoder_coef" or prefix + name in rest]
            self.layers.append({name: rest.pop(prefix + name) for name in names})
        with_output = bool({"output.coef", "output.intercept"} & rest.keys())
        self.output = [rest.pop(f"output.{name}") for name in ("coef", "intercept")] if with_output else None
        if rest:
            raise ValueError(f"it has unknown arrays: {', '.join(sorted(rest))}.")
        for name, array in arrays.items():
            n_axes = 2 if name.endswith("coef") else 1
            if array.ndim != n_axes or array.dtype.kind != "f":
                raise ValueError(
                    f"{name} has shape {array.shape} and type {array.dtype}, but must be a "
                    f"{'matrix' if n_axes == 2 else 'vector'} of floats."
                )
            if not np.isfinite(array).all():
                raise ValueError(f"{name} has NaN or infinity.")
        if with_output and self.output[0].shape[1] != len(self.output[1]):
            coef, intercept = self.output
            raise ValueError(
                f"output.coef has shape {coef.shape}, but output.intercept {intercept.shape}: one intercept "
                "is needed for each column."
            )

    @property
    def n_layers(self):
        """Number of layers."""
        return len(self.layers)

    @property
    def n_features(self):
        """Number of inputs of the lowest layer."""
        return self.layers[0]["encoder_coef"].shape[0]

    def check(self, layers):
        """Raise ValueError if the lowest of some layers can't take the parameters."""
        if self.n_layers > len(layers):
            raise ValueError(f"{self.path} has {self.n_layers} layers, this estimator {len(layers)}.")
        for number, (layer, arrays) in enumerate(zip(layers, self.layers, strict=False), start=1):
            activation = self.activations[number - 1]
            if layer.activation != activation:
                raise ValueError(
                    f"Layer {number} has activation={activation!r} in {self.path}, but "
                    f"{layer.activation!r} in this estimator."
                )
            own = arrays_of(layer)
            for name in sorted({*own, *arrays}):
                if name not in own or name not in arrays:
                    place = "this estimator" if name not in own else self.path
                    raise ValueError(
                        f"layer{number}.{name} is not in {place}: tied_weights of layer {number} is another, "
                        "or solver='marginalized', whose layers have a decoder of their own."
                    )
                _check_array(f"layer{number}.{name}", arrays[name], own[name], self.path, f"layer {number}")


def _check_array(name, array, own, path, place):
    """Raise ValueError if an array of a file can't become one of an estimator's, which is in some place."""
    if array.shape != own.shape:
        raise ValueError(
            f"{name} has shape {array.shape} in {path}, but {own.shape} in {place} of this estimator."
        )
    largest = np.abs(array).max()
    if largest > np.finfo(own.dtype).max:
        raise ValueError(
            f"{name} has {largest:g} in {path}, too large for the {own.dtype} of {place} of this estimator."
        )


def _read_list(metadata, name):
    """Return the list that metadata have under a name; raise KeyError or ValueError if there is none."""
    try:
        value = json.loads(metadata[name])
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, list):
        raise ValueError(f"its {name} must be a list, in JSON, and are {metadata[name]!r}.")
    return value


def start_decoder(layer, arrays):
    """Give a layer in closed form a decoder of its own if a file has one, whatever `tied_weights`."""
    if "decoder_coef" in arrays and getattr(layer, "solver", None) == "marginalized":
        layer._decoder_coef = layer.encoder_coef_.T.copy()


def start_layers(estimator, file):
    """Give an unfitted layer or stack the attributes of a fitted one, with random parameters.

    Parameters
    ----------
    estimator : DenoisingAutoencoder or StackedAutoencoderTransformer
        Not fitted.
    file : ParameterFile
        Says what the features are.
    """
    untrained = {
        "max_iter": 0, "batch_size": "auto", "solver": "adam", "supervision": 0, "early_stopping": False,
        "warm_start": False, "loss": "squared_error", "verbose": 0, **NO_NOISE,
    }  # fmt: skip
    params = estimator.get_params(deep=False)
    others = {"memory": None, "fine_tune": False}
    options = {**untrained, **{name: value for name, value in others.items() if name in params}}
    template = clone(estimator).set_params(**options)
    vars(template).pop("_skl_callbacks", None)  # this is no fit that they should hear of
    template.fit(np.zeros((2, file.n_features)))
    own = {name: value for name, value in vars(template).items() if name not in params}
    vars(estimator).update(own)
    if file.feature_names is not None:
        estimator.feature_names_in_ = np.array(file.feature_names, dtype=object)
