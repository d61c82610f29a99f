"""PyTorch as an engine: eager (torch.compile needs a C++ compiler at run time and leaves recurrent layers as they are),
denormals flushed, inference mode for forward passes, Adam in its fused form.
"""

import itertools
import sys

import torch
from shared.serve import serve
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.set_num_threads(int(sys.argv[1]))
torch.set_flush_denormal(True)

LAYERS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


def layer(case):
    # Time first, as PyTorch does it by default: with the batch first it transposes, which costs a large LSTM a quarter.
    one = LAYERS[case["kind"]](case["input"], case["hidden"])
    x = (torch.rand(case["time"], case["batch"], case["input"]) - 0.5) * case.get("scale", 1)
    cotangent = torch.rand(case["time"], case["batch"], case["hidden"]) - 0.5

    def infer():
        with torch.inference_mode():
            one(x)

    def train():
        x.grad = None
        one.zero_grad(set_to_none=True)
        one(x)[0].backward(cotangent)

    if case["op"] == "infer":
        return infer
    x.requires_grad_()
    return train


def min_gru(projected, hidden: int):
    z, candidate = torch.sigmoid(projected[:, :, :hidden]), projected[:, :, hidden:]
    kept, added = 1 - z, z * candidate
    h = torch.zeros_like(added[0])
    outputs = []
    for step in range(added.shape[0]):
        h = kept[step] * h + added[step]
        outputs.append(h)
    return torch.stack(outputs)


def qrnn(projected, hidden: int):
    now, before = projected[:, :, : 3 * hidden], projected[:, :, 3 * hidden :]
    gates = now + torch.cat((torch.zeros_like(before[:1]), before[:-1]))
    z, f = torch.tanh(gates[:, :, :hidden]), torch.sigmoid(gates[:, :, hidden : 2 * hidden])
    added = (1 - f) * z
    c = torch.zeros_like(added[0])
    states = []
    for step in range(added.shape[0]):
        c = f[step] * c + added[step]
        states.append(c)
    return torch.sigmoid(gates[:, :, 2 * hidden :]) * torch.stack(states)


def sru(projected, state, hidden: int):
    x, f_in = projected[:, :, :hidden], projected[:, :, hidden : 2 * hidden]
    r_in, skip = projected[:, :, 2 * hidden : 3 * hidden], projected[:, :, 3 * hidden :]
    v_f, v_r = state[:hidden], state[hidden:]
    c = torch.zeros_like(x[0])
    outputs = []
    for step in range(x.shape[0]):
        f, r = torch.sigmoid(f_in[step] + v_f * c), torch.sigmoid(r_in[step] + v_r * c)
        c = f * c + (1 - f) * x[step]
        outputs.append(r * c + (1 - r) * skip[step])
    return torch.stack(outputs)


def linear(case):
    """A linear recurrence as users write it: the products first, then a loop; compiled by torch.compile, or by TorchScript before it."""
    hidden, kind = case["hidden"], case["kind"]
    products = nn.Linear(hidden, case["projections"] * hidden)
    state = torch.zeros(2 * hidden, requires_grad=True)
    loop = {"minGRU": min_gru, "qrnn": qrnn, "sru": sru}[kind]
    if case["form"] == "compiled":
        loop = torch.compile(loop) if hasattr(torch, "compile") else torch.jit.script(loop)
    x = torch.rand(case["time"], case["batch"], hidden) - 0.5
    cotangent = torch.rand(case["time"], case["batch"], hidden) - 0.5

    def run():
        return loop(products(x), state, hidden) if kind == "sru" else loop(products(x), hidden)

    def infer():
        with torch.inference_mode():
            run()

    def train():
        x.grad = state.grad = None
        products.zero_grad(set_to_none=True)
        run().backward(cotangent)

    if case["op"] == "infer":
        return infer
    x.requires_grad_()
    return train


class BahdanauDecoder(nn.Module):
    """A loop over steps, as decoders with attention are written. What does not depend on the state (the memory's keys and the inputs'
    part of the gates) stands before the loop."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden = hidden
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.key = nn.Linear(hidden, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)
        self.read = nn.Linear(inputs, 3 * hidden)
        self.context = nn.Linear(hidden, 3 * hidden, bias=False)
        self.recurrent = nn.Linear(hidden, 2 * hidden, bias=False)
        self.candidate = nn.Linear(hidden, hidden, bias=False)

    def forward(self, x, memory):
        state = x.new_zeros(x.shape[0], self.hidden)
        keys = self.key(memory)
        outputs = []
        for word, read in zip(x.unbind(1), self.read(x).unbind(1)):
            scores = self.score(torch.tanh(keys + self.query(state).unsqueeze(1))).squeeze(2)
            context = torch.bmm(torch.softmax(scores, dim=1).unsqueeze(1), memory).squeeze(1)
            read_z, read_r, read_n = (read + self.context(context)).chunk(3, dim=1)
            state_z, state_r = self.recurrent(state).chunk(2, dim=1)
            z = torch.sigmoid(read_z + state_z)
            r = torch.sigmoid(read_r + state_r)
            n = torch.tanh(read_n + self.candidate(r * state))
            state = (1 - z) * state + z * n
            outputs.append(torch.cat((state, word, context), dim=1))
        return torch.stack(outputs, dim=1)


def decoder(case):
    batch, source, time, inputs, hidden = (case[name] for name in ("batch", "source", "time", "input", "hidden"))
    one = BahdanauDecoder(inputs, hidden)
    x = torch.rand(batch, time, inputs) - 0.5
    memory = torch.rand(batch, source, hidden) - 0.5
    cotangent = torch.rand(batch, time, 2 * hidden + inputs) - 0.5

    def infer():
        with torch.inference_mode():
            one(x, memory)

    def train():
        x.grad = memory.grad = None
        one.zero_grad(set_to_none=True)
        one(x, memory).backward(cotangent)

    if case["op"] == "infer":
        return infer
    x.requires_grad_()
    memory.requires_grad_()
    return train


class Model(nn.Module):
    """Embedding, recurrent layers, and a linear layer on every step or on the last states."""

    def __init__(self, case):
        super().__init__()
        self.every_step = case["everyStep"]
        self.embedding = nn.Embedding(case["vocabulary"], case["input"])
        self.reader = LAYERS[case["kind"]](
            case["input"],
            case["hidden"],
            num_layers=case["layers"],
            bidirectional=case["bidirectional"],
            batch_first=True,
        )
        self.directions = 2 if case["bidirectional"] else 1
        self.linear = nn.Linear(self.directions * case["hidden"], case["outputs"])

    def forward(self, tokens, lengths):
        x = self.embedding(tokens)
        if lengths is not None:
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, states = self.reader(x)
        if self.every_step:
            return self.linear(y)
        h = states[0] if isinstance(states, tuple) else states
        return self.linear(torch.cat(tuple(h[-self.directions :]), dim=1))


def model(case):
    network = Model(case)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    loss_of = nn.CrossEntropyLoss()
    batches = itertools.cycle(
        [
            (
                torch.tensor(part["tokens"]).reshape(part["batch"], part["time"]),
                torch.tensor(part["lengths"]) if "lengths" in part else None,
                torch.tensor(part["labels"]),
            )
            for part in case["batches"]
        ]
    )

    def train():
        for _ in range(case["steps"]):
            tokens, lengths, labels = next(batches)
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(network(tokens, lengths).flatten(0, -2), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), case["clipNorm"])
            optimizer.step()
            loss.item()

    return train


def stream(case):
    one = LAYERS[case["kind"]](case["input"], case["hidden"], batch_first=True)
    x = torch.rand(1, 1, case["input"]) - 0.5
    states = None

    def step():
        nonlocal states
        with torch.inference_mode():
            _, states = one(x, states)

    return step


serve({"engine": "pytorch", "version": torch.__version__}, {"layer": layer, "linear": linear, "decoder": decoder, "model": model, "stream": stream})
