"""What Keras computes in float64."""
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

from protocol import array, plain, serve

keras.config.set_floatx("float64")

NAMESPACES = {
    "layers": keras.layers,
    "losses": keras.losses,
    "metrics": keras.metrics,
    "optimizers": keras.optimizers,
    "optimizers.schedules": keras.optimizers.schedules,
    "regularizers": keras.regularizers,
    "constraints": keras.constraints,
    "initializers": keras.initializers,
}


def make(description):
    """What a description stands for: {"make": "regularizers.l2", "options": {"l2": 0.1}}."""
    if isinstance(description, list):
        return [make(each) for each in description]
    if not isinstance(description, dict) or "make" not in description:
        return description
    space, name = description["make"].rsplit(".", 1)
    classes = {key.lower(): value for key, value in vars(NAMESPACES[space]).items() if isinstance(value, type)}
    return classes[name.lower()](**{key: make(value) for key, value in description["options"].items()})


class Masked(keras.layers.Layer):
    """Gives its first input the second one as its mask."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs):
        return inputs[0] + 0 if inputs[0].dtype != "int32" else inputs[0]

    def compute_mask(self, inputs, mask=None):
        return inputs[1]


def build(case):
    values, inputs, data = {}, [], []
    for i, given in enumerate(case["inputs"]):
        x = array(given["tensor"])
        shape = x.shape if case.get("stateful") else (None, *x.shape[1:])
        symbol = keras.Input(batch_shape=shape, dtype=str(x.dtype))
        inputs.append(symbol)
        data.append(tf.constant(x))
        if given.get("mask"):
            mask = np.array(given["mask"], dtype=bool)
            inputs.append(keras.Input(batch_shape=(shape[0], *mask.shape[1:]), dtype="bool"))
            data.append(tf.constant(mask))
            symbol = Masked()([symbol, inputs[-1]])
        values[f"in{i}"] = symbol
    layers = []
    for i, node in enumerate(case["nodes"]):
        options = {"initial_state": [values[ref] for ref in node["state"]]} if node.get("state") else {}
        if node.get("layer", {}).get("options", {}).pop("return_attention_scores", False):
            options["return_attention_scores"] = True
        layer = layers[node["shared"]] if "shared" in node else make(node["layer"])
        layers.append(layer)
        given = [values[ref] for ref in node["from"]]
        if options.get("initial_state"):
            # Beside initial states Keras forgets the mask, unless it is given.
            options["mask"] = keras.src.backend.get_keras_mask(given[0])
        if node.get("spread"):
            result = layer(*given, **options)
        else:
            result = layer(given[0] if len(given) == 1 else given, **options)
        parts = list(result) if isinstance(result, (list, tuple)) else [result]
        values[str(i)] = parts[0]
        values.update({f"{i}.{at}": part for at, part in enumerate(parts)})
    model = keras.Model(inputs, [values[ref] for ref in case["outputs"]])
    own = [layer for node, layer in zip(case["nodes"], layers) if "shared" not in node]
    for layer, node, weights in zip(layers, case["nodes"], case["weights"]):
        if "shared" not in node and weights:
            shapes = [tuple(w.shape) for w in layer.weights if w.dtype != "uint32" and "seed" not in w.path]
            assert len(shapes) == len(weights), f"{layer.name} has weights {[w.path for w in layer.weights]}"
            # Heads are a dimension of their own in Keras's kernels.
            layer.set_weights([array(w).reshape(shape) for w, shape in zip(weights, shapes)])
    return model, own, data


def zeroed(value, mask):
    """A value with zeros at masked steps."""
    if mask is None:
        return value
    mask = tf.cast(mask, value.dtype)
    return value * tf.reshape(mask, [*mask.shape, *[1] * (len(value.shape) - len(mask.shape))])


def run_model(case):
    model, own, data = build(case)

    def call(training):
        reset(own)
        results = model(data, training=training)
        results = results if isinstance(results, (list, tuple)) else [results]
        masks = [keras.src.backend.get_keras_mask(r) for r in results]
        # What padding gives is zero with us, whatever the layer.
        return [r if case.get("keepMasked") else zeroed(r, m) for r, m in zip(results, masks)]

    answer = {"outputs": [plain(value) for value in call(False)]}
    floats = [x for x in data if x.dtype == tf.float64]
    variables = [w for layer in own for w in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(floats)
        # Gradients are those of predictions, as ours: nothing is dropped, and no statistics move.
        results = call(False)
        total = sum(tf.reduce_sum(r * array(c)) for r, c in zip(results, case["cotangents"]))
    found = tape.gradient(total, [*floats, *[w.value for w in variables]], unconnected_gradients="zero")
    found = [tf.convert_to_tensor(g) for g in found]
    answer["inputGradients"] = [plain(g) for g in found[: len(floats)]]
    answer["weightGradients"] = [plain(g) for g in found[len(floats) :]]
    if case.get("training"):
        answer.update(train(model, own, data, case["training"]))
    for name in ("weightGradients", "first", "last"):
        for made, shape in zip(answer.get(name, []), shapes_of(case, own, name == "weightGradients")):
            made["shape"] = shape
    return answer


def shapes_of(case, own, trainable):
    """The shapes of weights as we have them: Keras keeps heads as a dimension of their own."""
    given = [ws for ws, node in zip(case["weights"], case["nodes"]) if "shared" not in node]
    shapes = []
    for layer, weights in zip(own, given):
        names = {id(w) for w in layer.trainable_variables}
        kept = [w for w in layer.weights if "seed" not in w.path]
        shapes += [w["shape"] for w, variable in zip(weights, kept) if not trainable or id(variable) in names]
    return shapes


def reset(layers):
    for layer in layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()


def weights_of(own):
    return [np.array(w) for layer in own for w in layer.weights if "seed" not in w.path]


def of_rows(case, rank):
    """Weights of rows for a loss of outputs of a rank: Keras spreads those of one dimension over the steps instead."""
    if not case.get("sampleWeight"):
        return None
    return array(case["sampleWeight"]).reshape(-1, *[1] * (rank - 2))


def class_weights(training, y):
    """Options for weights of classes; Keras refuses them beside those of rows, and for steps."""
    if not training.get("classWeight"):
        return {}
    classes = {int(key): value for key, value in training["classWeight"].items()}
    labels = y if y.dtype == "int32" else y.argmax(-1)
    if labels.ndim == 1 and not training.get("sampleWeight"):
        return {"class_weight": classes}
    factors = np.vectorize(lambda label: classes.get(int(label), 1.0), otypes=["float64"])(labels)
    rows = array(training["sampleWeight"]) if training.get("sampleWeight") else np.ones(len(labels))
    return {"sample_weight": factors * rows.reshape(-1, *[1] * (factors.ndim - 1))}


def train(model, own, data, training):
    model.compile(optimizer=make(training["optimizer"]), loss=make(training["loss"]), run_eagerly=True)
    targets = [array(t) for t in training["targets"]]
    y = targets if len(targets) > 1 else targets[0]
    weight = of_rows(training, len(model.outputs[0].shape))
    options = {} if weight is None else {"sample_weight": weight}
    weighted = {**options, **class_weights(training, y)}
    begin, losses, answer = weights_of(own), [], {}
    reset(own)
    for step in range(training["steps"]):
        model.reset_metrics()
        result = model.train_on_batch(data, y, **weighted)
        losses.append(float(np.ravel(result)[0]))
        if step == 0:
            answer["first"] = [plain(w - b) for w, b in zip(weights_of(own), begin)]
    answer["losses"] = plain(losses)
    answer["last"] = [plain(w - b) for w, b in zip(weights_of(own), begin)]
    model.reset_metrics()
    reset(own)
    answer["evaluation"] = float(np.ravel(model.test_on_batch(data, y, **options))[0])
    return answer


def masked(values, mask):
    x = tf.identity(values)
    if mask is not None:
        keras.src.backend.set_keras_mask(x, tf.constant(np.array(mask, dtype=bool)))
    return x


def run_loss(case):
    loss, y, x = make(case["loss"]), array(case["yTrue"]), tf.constant(array(case["yPred"]))
    weight = of_rows(case, len(x.shape))
    value = loss(y, masked(x, case.get("mask")), sample_weight=weight)
    with tf.GradientTape() as tape:
        tape.watch(x)
        alone = loss(y, masked(x, case.get("mask")))
    return {"value": float(value), "gradient": plain(tape.gradient(alone, x))}


def run_metric(case):
    metric, y = make(case["metric"]), array(case["yTrue"])
    x = array(case["yPred"]).astype("float32")  # The kernel of top k takes nothing else.
    mask = np.array(case["mask"], dtype="float64") if case.get("mask") else None
    size, loss, total = case["batchSize"], make(case["loss"]), keras.metrics.Mean()
    weight = of_rows(case, x.ndim)
    for at in range(0, len(x), size):
        rows = slice(at, at + size)
        # compile(metrics=...) counts padding; with us it never counts.
        metric.update_state(y[rows], x[rows], sample_weight=None if mask is None else mask[rows])
        value = loss(y[rows], x[rows].astype("float64"), sample_weight=None if weight is None else weight[rows])
        total.update_state(value, sample_weight=len(x[rows]))
    answer = {"value": float(np.ravel(metric.result())[0])}
    return answer if mask is not None else {**answer, "evaluation": float(total.result())}


def run_optimizer(case):
    optimizer = make(case["optimizer"])
    variables = [keras.Variable(array(w), name=f"w{i}") for i, w in enumerate(case["weights"])]
    begin, answer = [np.array(v) for v in variables], {}
    moved = lambda: [plain(np.array(v) - b) for v, b in zip(variables, begin)]
    for step, gradients in enumerate(case["gradients"]):
        optimizer.apply([tf.constant(array(g)) for g in gradients], variables)
        if step == 0:
            answer["first"] = moved()
    answer["last"] = moved()
    return answer


def run_schedule(case):
    schedule = make(case["schedule"])
    return {"rates": plain([float(schedule(step)) for step in range(case["steps"])])}


def run_initializer(case):
    drawn = plain(np.array(make(case["initializer"])(tuple(case["shape"]), dtype="float64")))
    return {"exact": drawn} if case.get("exact") else {"drawn": drawn}


serve({
    "model": run_model,
    "loss": run_loss,
    "metric": run_metric,
    "optimizer": run_optimizer,
    "schedule": run_schedule,
    "initializer": run_initializer,
})
