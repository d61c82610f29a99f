"""The text classifier of agnews.mjs in PyTorch, with Keras's initial weights: prints a line of JSON for each epoch.

Arguments: CSV file, seed, epochs, threads. Embedding 64, one bidirectional LSTM of 64 (last states), a linear layer; Adam
1e-3, batches of 32 packed sequences, the words of the training part only, a random 90/10 split.
"""

import csv
import json
import math
import random
import re
import sys
import time
from collections import Counter

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

path, seed, epochs, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
torch.set_flush_denormal(True)
torch.manual_seed(seed)
random.seed(seed)


class Classifier(nn.Module):
    def __init__(self, words, labels):
        super().__init__()
        self.embedding = nn.Embedding(words, 64)
        self.lstm = nn.LSTM(64, 64, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(128, labels)
        self.reset()

    def reset(self):
        """Keras's: uniform embedding, Glorot kernels, orthogonal recurrent kernels, forget bias 1, one trained bias."""
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        for name, weight in self.lstm.named_parameters():
            if "weight_ih" in name:
                limit = math.sqrt(6 / (weight.shape[0] + weight.shape[1]))
                nn.init.uniform_(weight, -limit, limit)
            elif "weight_hh" in name:
                nn.init.orthogonal_(weight)
            else:
                nn.init.zeros_(weight)
                if "bias_ih" in name:
                    with torch.no_grad():
                        weight[64:128] = 1
                else:
                    weight.requires_grad_(False)
        nn.init.xavier_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.linear(torch.cat([h[0], h[1]], dim=1))


def words_of(text):
    return re.findall(r"[a-z0-9']+|[^\sa-z0-9']", text.lower())


def batches(rows):
    for start in range(0, len(rows), 32):
        part = rows[start : start + 32]
        lengths = torch.tensor([len(ids) for ids, _ in part])
        yield pad_sequence([ids for ids, _ in part], batch_first=True), lengths, torch.tensor([y for _, y in part])


with open(path, newline="", encoding="utf-8") as file:
    data = [(words_of(row["text"]), row["label"]) for row in csv.DictReader(file)]
random.shuffle(data)
held_out = len(data) // 10
counts = Counter(word for words, _ in data[held_out:] for word in words)
vocabulary = {word: index + 2 for index, (word, _) in enumerate(counts.most_common(20_000 - 2))}
labels = {label: index for index, label in enumerate(sorted({label for _, label in data}))}
encoded = [(torch.tensor([vocabulary.get(word, 1) for word in words] or [1]), labels[label]) for words, label in data]
validation, training = encoded[:held_out], encoded[held_out:]

model = Classifier(len(vocabulary) + 2, len(labels))
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3, eps=1e-7)
loss_of = nn.CrossEntropyLoss()
for epoch in range(1, epochs + 1):
    start = time.perf_counter()
    random.shuffle(training)
    model.train()
    total = 0.0
    for tokens, lengths, targets in batches(training):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(tokens, lengths), targets)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(targets)
    model.eval()
    with torch.inference_mode():
        right = sum((model(t, n).argmax(1) == y).sum().item() for t, n, y in batches(validation))
    print(
        json.dumps(
            {
                "event": "epoch",
                "epoch": epoch,
                "loss": total / len(training),
                "val_accuracy": right / len(validation),
                "seconds": time.perf_counter() - start,
            }
        ),
        flush=True,
    )
