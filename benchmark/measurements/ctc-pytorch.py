"""PyTorch's part of ctc.mjs: for each line of standard input one round, whose milliseconds are printed. Arguments: rows, time, symbols, labels, threads."""
import sys
import time

import torch
import torch.nn.functional as F

rows, steps, symbols, labels, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)
torch.manual_seed(1)
x = torch.randn(rows, steps, symbols)
targets = torch.randint(1, symbols, (rows, labels))
lengths, counts = torch.full((rows,), steps), torch.full((rows,), labels)


def once():
    logits = x.detach().requires_grad_()
    loss = F.ctc_loss(logits.log_softmax(-1).transpose(0, 1), targets, lengths, counts)
    torch.autograd.grad(loss, logits)


for line in sys.stdin:
    count = int(line)
    begin = time.perf_counter()
    for _ in range(count):
        once()
    print((time.perf_counter() - begin) * 1000 / count, flush=True)
