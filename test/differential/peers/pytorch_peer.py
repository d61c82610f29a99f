"""What PyTorch computes in float64, from weights laid out as Keras's."""
import functools

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from protocol import array, plain, serve

torch.set_default_dtype(torch.float64)

ACTIVATIONS = {
    "linear": lambda x: x,
    "exponential": torch.exp,
    "softmax": lambda x: F.softmax(x, -1),
    "logSoftmax": lambda x: F.log_softmax(x, -1),
    "hardSigmoid": F.hardsigmoid,
    "leakyRelu": lambda x: F.leaky_relu(x, 0.2),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    **{name: getattr(F, name) for name in ("relu", "softsign", "elu", "selu", "relu6", "softplus", "gelu", "silu", "mish")},
}

MERGES = {
    "add": lambda xs: functools.reduce(torch.add, xs),
    "average": lambda xs: functools.reduce(torch.add, xs) / len(xs),
    "concatenate": lambda xs: torch.cat(xs, -1),
    "maximum": lambda xs: functools.reduce(torch.maximum, xs),
    "minimum": lambda xs: functools.reduce(torch.minimum, xs),
    "multiply": lambda xs: functools.reduce(torch.mul, xs),
    "subtract": lambda xs: xs[0] - xs[1],
}


def tensor(given):
    values = array(given)
    return torch.tensor(values, dtype=torch.long if values.dtype == "int32" else torch.float64)


def of_gates(weight, name):
    """Gates in PyTorch's order: a GRU has reset before update."""
    if name != "gru":
        return weight
    z, r, n = weight.chunk(3, -1)
    return torch.cat([r, z, n], -1)


def parameters(name, weights, suffix):
    """A layer's weights as those of a module."""
    kernel, recurrent, *bias = weights
    made = {f"weight_ih_l0{suffix}": of_gates(kernel, name).T, f"weight_hh_l0{suffix}": of_gates(recurrent, name).T}
    if bias:
        # One bias is PyTorch's of the input; a GRU has both.
        ih, hh = bias[0] if name == "gru" else (bias[0], torch.zeros_like(bias[0]))
        made |= {f"bias_ih_l0{suffix}": of_gates(ih, name), f"bias_hh_l0{suffix}": of_gates(hh, name)}
    return made


def recurrent(layer, x, states, weights, lengths):
    both = layer["make"] == "layers.bidirectional"
    own = layer["options"]["layer"] if both else layer
    name, options = own["make"].split(".")[1], own["options"]
    half = len(weights) // 2
    params = parameters(name, weights[:half] if both else weights, "")
    if both:
        params |= parameters(name, weights[half:], "_reverse")
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "simpleRNN": torch.nn.RNN}[name]
    extra = {"nonlinearity": options["activation"]} if name == "simpleRNN" else {}
    module = kind(x.shape[-1], options["units"], batch_first=True, bidirectional=both, bias=options.get("useBias", True), **extra)
    packed = x if lengths is None else pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    initial = ()
    if states:
        per = 2 if name == "lstm" else 1
        stacked = [torch.stack(states[i::per]) for i in range(per)]
        initial = (tuple(stacked) if per == 2 else stacked[0],)
    # Weights that gradients flow to, in place of the module's own.
    module._flat_weights = [params[name] for name in module._flat_weights_names]
    out, last = module(packed, *initial)
    if lengths is not None:
        out, _ = pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])
    last = last if name == "lstm" else (last,)
    first = out if options.get("returnSequences") else torch.cat(list(last[0]), -1)
    if not options.get("returnState"):
        return [first]
    return [first, *[state[way] for way in range(2 if both else 1) for state in last]]


def run_layer(layer, xs, states, weights, lengths):
    name, options = layer["make"].split(".")[1], layer["options"]
    if name in ("lstm", "gru", "simpleRNN", "bidirectional"):
        return recurrent(layer, xs[0], states, weights, lengths)
    if name in MERGES:
        return [MERGES[name](xs)]
    if name == "activation":
        return [ACTIVATIONS[options["activation"]](xs[0])]
    if name == "dense":
        y = xs[0] @ weights[0]
        y = y + weights[1] if options.get("useBias", True) else y
        return [ACTIVATIONS[options.get("activation", "linear")](y)]
    if name == "embedding":
        return [F.embedding(xs[0], weights[0])]
    if name == "layerNormalization":
        left = list(weights)
        gamma = left.pop(0) if options.get("scale", True) else None
        beta = left.pop(0) if options.get("center", True) else None
        return [F.layer_norm(xs[0], xs[0].shape[-1:], gamma, beta, options.get("epsilon", 1e-3))]
    if name == "prelu":
        # Channels are the second dimension there.
        return [F.prelu(xs[0].movedim(-1, 1), weights[0].flatten()).movedim(1, -1)]
    raise ValueError(f"no {name} in PyTorch's cases")


def forward(case, inputs, weights):
    values = {f"in{i}": x for i, x in enumerate(inputs)}
    mask = case["inputs"][0].get("mask")
    lengths = None if mask is None else [sum(row) for row in mask]
    for i, node in enumerate(case["nodes"]):
        xs = [values[ref] for ref in node["from"]]
        states = [values[ref] for ref in node.get("state") or []]
        parts = run_layer(node["layer"], xs, states, weights[i], lengths)
        values[str(i)] = parts[0]
        values.update({f"{i}.{at}": part for at, part in enumerate(parts)})
    return [values[ref] for ref in case["outputs"]]


def run_model(case):
    inputs = [tensor(given["tensor"]) for given in case["inputs"]]
    floats = [x.requires_grad_() for x in inputs if x.is_floating_point()]
    weights = [[tensor(w).requires_grad_() for w in ws] for ws in case["weights"]]
    flat = [w for ws in weights for w in ws]
    results = forward(case, inputs, weights)
    total = sum((r * tensor(c)).sum() for r, c in zip(results, case["cotangents"]))
    found = torch.autograd.grad(total, [*floats, *flat], allow_unused=True)
    found = [torch.zeros_like(x) if g is None else g for g, x in zip(found, [*floats, *flat])]
    answer = {
        "outputs": [plain(r.detach()) for r in results],
        "inputGradients": [plain(g) for g in found[: len(floats)]],
        "weightGradients": [plain(g) for g in found[len(floats) :]],
    }
    if case.get("training"):
        answer.update(train(case, inputs, weights, flat))
    return answer


def train(case, inputs, weights, flat):
    training = case["training"]
    optimizer = make_optimizer(training["optimizer"], flat)
    criterion = {"losses.meanSquaredError": F.mse_loss, "losses.huber": F.huber_loss}[training["loss"]["make"]]
    target, mask = tensor(training["targets"][0]), case["inputs"][0].get("mask")
    begin, losses, answer = [w.detach().clone() for w in flat], [], {}

    def loss():
        (y,) = forward(case, inputs, weights)
        if mask is None or y.dim() < 3:
            return criterion(y, target)
        valid = torch.tensor(mask)
        return criterion(y[valid], target[valid])

    moved = lambda: [plain((w - b).detach()) for w, b in zip(flat, begin)]
    for step in range(training["steps"]):
        value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
        if step == 0:
            answer["first"] = moved()
    return {**answer, "losses": plain(losses), "last": moved(), "evaluation": loss().item()}


def make_optimizer(description, weights):
    name, o = description["make"].split(".")[1], description["options"]
    optim, lr, eps = torch.optim, o["learningRate"], o.get("epsilon")
    betas = tuple(float(o.get(name, 0)) for name in ("beta1", "beta2"))
    return {
        "sgd": lambda: optim.SGD(weights, lr, momentum=o["momentum"], nesterov=o["nesterov"] and o["momentum"] > 0),
        "adam": lambda: optim.Adam(weights, lr, betas, eps, amsgrad=o["amsgrad"]),
        "adamw": lambda: optim.AdamW(weights, lr, betas, eps, weight_decay=o["weightDecay"], amsgrad=o["amsgrad"]),
        # Before 2.0 its other form multiplied by one momentum twice.
        "nadam": lambda: optim.NAdam(weights, lr, betas, eps, foreach=True),
        "radam": lambda: optim.RAdam(weights, lr, betas, eps),
        "adamax": lambda: optim.Adamax(weights, lr, betas, eps),
        "rmsprop": lambda: optim.RMSprop(weights, lr, o["rho"], eps, momentum=o["momentum"], centered=o["centered"]),
        "adagrad": lambda: optim.Adagrad(weights, lr, initial_accumulator_value=o["initialAccumulatorValue"], eps=eps),
        "adadelta": lambda: optim.Adadelta(weights, lr, o["rho"], eps),
    }[name]()


def run_optimizer(case):
    weights = [tensor(w).requires_grad_() for w in case["weights"]]
    begin, answer = [w.detach().clone() for w in weights], {}
    optimizer = make_optimizer(case["optimizer"], weights)
    norm = case["optimizer"]["options"].get("globalClipNorm")
    moved = lambda: [plain((w - b).detach()) for w, b in zip(weights, begin)]
    for step, gradients in enumerate(case["gradients"]):
        for weight, gradient in zip(weights, gradients):
            weight.grad = tensor(gradient)
        if norm is not None:
            torch.nn.utils.clip_grad_norm_(weights, norm)
        optimizer.step()
        if step == 0:
            answer["first"] = moved()
    return {**answer, "last": moved()}


def ctc(case, options, y, x):
    """The mean over rows, whose masks are lengths."""
    steps, symbols = [torch.tensor(lengths) for lengths in ([sum(row) for row in case["mask"]], (y >= 0).sum(1).tolist())]
    log_p = x.log_softmax(-1).transpose(0, 1)
    zero, blank = options["zeroInfinity"], options["blank"]
    return F.ctc_loss(log_p, y, steps, symbols, blank=blank, reduction="none", zero_infinity=zero).mean()


def run_loss(case):
    name, o = case["loss"]["make"].split(".")[1], case["loss"]["options"]
    y, x = tensor(case["yTrue"]), tensor(case["yPred"]).requires_grad_()
    smoothing, width = o.get("labelSmoothing", 0), x.shape[-1]
    value = {
        "sparseCategoricalCrossentropy": lambda: F.cross_entropy(x.reshape(-1, width), y.reshape(-1)),
        "categoricalCrossentropy": lambda: F.cross_entropy(x.reshape(-1, width), y.reshape(-1, width), label_smoothing=smoothing),
        "binaryCrossentropy": lambda: F.binary_cross_entropy_with_logits(x, y * (1 - smoothing) + smoothing / 2),
        "meanSquaredError": lambda: F.mse_loss(x, y),
        "meanAbsoluteError": lambda: F.l1_loss(x, y),
        "huber": lambda: F.huber_loss(x, y, delta=o.get("delta", 1)),
        "ctc": lambda: ctc(case, o, y, x),
    }[name]()
    (gradient,) = torch.autograd.grad(value, x)
    return {"value": value.item(), "gradient": plain(gradient)}


serve({"model": run_model, "loss": run_loss, "optimizer": run_optimizer})
