"""The loss of a linear-chain CRF and its gradients as PyTorch's users write it (the loop over time of pytorch-crf).

Arguments: passes, threads, rows, steps, tags. For each line that it reads, it prints the milliseconds of the fastest of so
many passes, and the loss of the data that crf.mjs has.
"""

import json
import sys
import time

import torch

passes, threads = int(sys.argv[1]), int(sys.argv[2])
batch, steps, tags = (int(size) for size in sys.argv[3:6])
torch.set_num_threads(threads)


def wave(*shape, phase=0):
    count = 1
    for size in shape:
        count *= size
    return torch.sin(1.3 * torch.arange(count, dtype=torch.float64) + phase).float().reshape(shape)


def loss(emissions, labels, start, end, transitions):
    batch, steps, _ = emissions.shape
    rows = torch.arange(batch)
    score = start[labels[:, 0]] + emissions[rows, 0, labels[:, 0]]
    total = start + emissions[:, 0]
    for step in range(1, steps):
        score = score + transitions[labels[:, step - 1], labels[:, step]] + emissions[rows, step, labels[:, step]]
        total = torch.logsumexp(total.unsqueeze(2) + transitions + emissions[:, step].unsqueeze(1), dim=1)
    score = score + end[labels[:, -1]]
    return (torch.logsumexp(total + end, dim=1) - score).mean()


values = [wave(batch, steps, tags), wave(tags, phase=1), wave(tags, phase=2), wave(tags, tags, phase=3)]
values = [value.requires_grad_() for value in values]
labels = (torch.arange(batch * steps) * 7 % tags).reshape(batch, steps)
for line in sys.stdin:
    fastest = float("inf")
    for _ in range(passes):
        for value in values:
            value.grad = None
        start = time.perf_counter()
        result = loss(values[0], labels, *values[1:])
        result.backward()
        fastest = min(fastest, time.perf_counter() - start)
    print(json.dumps({"ms": 1000 * fastest, "loss": result.item()}), flush=True)
