"""torchaudio's part of transducer.mjs: for each line of standard input one round, whose milliseconds are printed, at first with
the loss and the gradients. Arguments: rows, time, labels, symbols, width, threads."""
import json
import sys
import time

import torch
import torchaudio

rows, steps, labels, symbols, width, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)


def wave(*shape, step):
    count = torch.Size(shape).numel()
    return torch.sin(torch.arange(count, dtype=torch.float64) * step).float().reshape(shape).requires_grad_()


frames, written = wave(rows, steps, width, step=1.1), wave(rows, labels + 1, width, step=2.3)
kernel, bias = wave(width, symbols, step=7.7), wave(symbols, step=3.3)
targets = (1 + (torch.arange(rows * labels) * 31) % (symbols - 1)).int().reshape(rows, labels)
lengths, counts = torch.full((rows,), steps, dtype=torch.int32), torch.full((rows,), labels, dtype=torch.int32)


def once():
    joined = torch.tanh(frames[:, :, None] + written[:, None]) @ kernel + bias
    loss = torchaudio.functional.rnnt_loss(joined, targets, lengths, counts, blank=0)
    return loss, torch.autograd.grad(loss, [frames, written, kernel, bias])


first = True
for line in sys.stdin:
    begin = time.perf_counter()
    loss, gradients = once()
    answer = {"milliseconds": (time.perf_counter() - begin) * 1000}
    if first:
        names = ["frames", "written", "kernel", "bias"]
        answer |= {"loss": [loss.item()], **{name: g.flatten().tolist() for name, g in zip(names, gradients)}}
    first = False
    print(json.dumps(answer), flush=True)
