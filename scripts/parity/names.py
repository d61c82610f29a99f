"""Writes keras.json: the public names of Keras and the options of its classes. Run: python names.py (Keras 3 with any backend)."""
import inspect
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras  # noqa: E402


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


# What the base classes of layers take, or what is Python's alone.
HIDDEN = {"self", "args", "kwargs", "dtype", "autocast", "rank", "pool_dimensions", "pool_mode", "input_shape", "batch_shape"} | {
    "input_dtype",
    "input_tensor",
    "batch_size",
    "batch_input_shape",
    "arguments",
}


def options(cls):
    found = {}
    for owner in cls.__mro__:
        if owner is object or "__init__" not in vars(owner):
            continue
        taken = inspect.signature(owner.__init__).parameters
        for name, parameter in taken.items():
            if name not in HIDDEN and parameter.kind != parameter.VAR_KEYWORD:
                found.setdefault(camel(name), parameter.default is inspect.Parameter.empty)
        if not any(p.kind == p.VAR_KEYWORD for p in taken.values()):
            break
        if owner.__module__.startswith("keras.src") and owner is not cls:
            break
    return found


def classes(module):
    return {
        name: options(cls)
        for name, cls in sorted(vars(module).items())
        if inspect.isclass(cls) and cls.__name__ == name and name[:1].isupper()
    }


def aliases(module):
    """Other names of classes."""
    return sorted(n for n, c in vars(module).items() if inspect.isclass(c) and c.__name__ != n and "_" in n)


def functions(module):
    return sorted(n for n, f in vars(module).items() if inspect.isfunction(f) and not n.startswith("_"))


members = sorted(n for n in dir(keras.Model) if not n.startswith("_"))
layer_members = sorted(n for n in dir(keras.layers.Layer) if not n.startswith("_"))
keras_names = {
    "version": keras.__version__,
    "layers": classes(keras.layers),
    "losses": classes(keras.losses),
    "lossFunctions": functions(keras.losses),
    "metrics": classes(keras.metrics),
    "optimizers": classes(keras.optimizers),
    "schedules": classes(keras.optimizers.schedules),
    "callbacks": classes(keras.callbacks),
    "callbackHooks": sorted(n for n in vars(keras.callbacks.Callback) if n.startswith(("on_", "set_"))),
    "initializers": classes(keras.initializers),
    "regularizers": classes(keras.regularizers),
    "regularizerAliases": aliases(keras.regularizers),
    "constraints": classes(keras.constraints),
    "activations": functions(keras.activations),
    "utils": functions(keras.utils),
    "compile": sorted(camel(n) for n in inspect.signature(keras.Model.compile).parameters if n != "self"),
    "fit": sorted(camel(n) for n in inspect.signature(keras.Model.fit).parameters if n != "self"),
    "evaluate": sorted(camel(n) for n in inspect.signature(keras.Model.evaluate).parameters if n not in ("self", "kwargs")),
    "predict": sorted(camel(n) for n in inspect.signature(keras.Model.predict).parameters if n != "self"),
    "model": [camel(n) for n in members],
    "layer": [camel(n) for n in layer_members],
}
path = pathlib.Path(__file__).with_name("keras.json")
path.write_text(json.dumps(keras_names, indent=1) + "\n")
