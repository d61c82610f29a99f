"""PyTorch as an engine of the benchmark: answers the commands of lib/engine.mjs, one line of JSON each."""

import json
import sys
import time

import torch

threads = int(sys.argv[1])
torch.set_num_threads(threads)
torch.set_flush_denormal(True)

LAYERS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}
step = None


def prepare(case):
    global step
    layer = LAYERS[case["kind"]](case["input"], case["hidden"], batch_first=True)
    x = torch.rand(case["batch"], case["time"], case["input"]) - 0.5
    cotangent = torch.rand(case["batch"], case["time"], case["hidden"]) - 0.5
    if case["op"] == "step":
        optimizer = torch.optim.Adam(layer.parameters())

        def step():
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.mse_loss(layer(x)[0], cotangent).backward()
            optimizer.step()

    elif case["op"] == "train":
        x.requires_grad_()

        def step():
            x.grad = None
            layer.zero_grad(set_to_none=True)
            layer(x)[0].backward(cotangent)

    else:

        def step():
            with torch.inference_mode():
                layer(x)

    return {"engine": "pytorch", "version": torch.__version__, "threads": threads}


def run(repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return {"ms": (time.perf_counter() - start) * 1000 / repeats}


for line in sys.stdin:
    command = json.loads(line)
    try:
        answer = prepare(command["case"]) if command["op"] == "prepare" else run(command["repeats"])
    except Exception as error:  # the benchmark reports it and goes on with the other engines
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
