"""Networks as people write them in PyTorch, each with the inputs of a batch of two and the axis of the batch."""
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

TOKENS = torch.tensor([[3, 7, 1, 0, 12, 5], [9, 9, 2, 4, 1, 8]])


class Case:
    """`free` are the axes that are dynamic besides the batch, by input; `front` the axis of the batch of each output."""

    def __init__(self, module, *inputs, names=None, batch=0, free=True, front=(0,), kinds=("script", "dynamo"), training=False):
        self.module, self.inputs, self.batch, self.front, self.kinds = module.eval(), inputs, batch, front, kinds
        self.names = names or [f"x{at}" for at in range(len(inputs))]
        self.free, self.training = free, training


class Classifier(nn.Module):
    """Embedding, bidirectional LSTM, additive attention over its steps, dense layers."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 6, padding_idx=0)
        self.lstm = nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True, dropout=0.2)
        self.score = nn.Linear(10, 1)
        self.head = nn.Sequential(nn.Linear(10, 7), nn.ReLU(), nn.Dropout(0.5), nn.Linear(7, 3))

    def forward(self, tokens):
        h, _ = self.lstm(self.embed(tokens))
        weights = torch.softmax(self.score(torch.tanh(h)).squeeze(-1), dim=1)
        return self.head(torch.bmm(weights.unsqueeze(1), h).squeeze(1))


class MaskedAttention(Classifier):
    def forward(self, tokens):
        h, _ = self.lstm(self.embed(tokens))
        scores = self.score(h).squeeze(-1).masked_fill(tokens == 0, float("-inf"))
        return self.head((torch.softmax(scores, 1).unsqueeze(-1) * h).sum(1))


class Seq2Seq(nn.Module):
    """GRU encoder, GRU decoder that is taught, dot-product attention."""

    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(20, 6), nn.Embedding(15, 6)
        self.encoder = nn.GRU(6, 8, batch_first=True)
        self.decoder = nn.GRU(6, 8, batch_first=True)
        self.out = nn.Linear(16, 15)

    def forward(self, source, target):
        memory, h = self.encoder(self.source(source))
        y, _ = self.decoder(self.target(target), h)
        weights = torch.softmax(y @ memory.transpose(1, 2) / 8**0.5, -1)
        return self.out(torch.cat([y, weights @ memory], -1))


class Greedy(nn.Module):
    """A decoder that reads its own choice, a fixed number of steps, written as a loop in Python."""

    def __init__(self):
        super().__init__()
        self.embed, self.encoder, self.cell = nn.Embedding(15, 6), nn.GRU(4, 8, batch_first=True), nn.GRUCell(6, 8)
        self.out = nn.Linear(8, 15)

    def forward(self, x):
        _, h = self.encoder(x)
        h, token, outputs = h[0], torch.zeros(x.shape[0], dtype=torch.long), []
        for _ in range(4):
            h = self.cell(self.embed(token), h)
            logits = self.out(h)
            outputs.append(logits)
            token = logits.argmax(-1)
        return torch.stack(outputs, 1)


class ConvLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(3, 8, 3, padding=1), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(8, 6, 3, padding=1), nn.PReLU(6)
        )
        self.lstm = nn.LSTM(6, 5, batch_first=True)
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        y, (h, _) = self.lstm(self.conv(x).transpose(1, 2))
        return self.head(h[-1]), y


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm, self.head = nn.Embedding(20, 6), nn.LSTM(6, 5, batch_first=True, bidirectional=True), nn.Linear(10, 3)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embed(tokens), lengths, batch_first=True, enforce_sorted=False)
        y, (h, _) = self.lstm(packed)
        y, _ = pad_packed_sequence(y, batch_first=True)
        return self.head(torch.cat([h[0], h[1]], -1)), y


class Normalized(nn.Module):
    """Residual layers with layer normalization, pooled by the mean and the maximum."""

    def __init__(self):
        super().__init__()
        self.project = nn.Linear(4, 8)
        self.layers = nn.ModuleList([nn.LSTM(8, 8, batch_first=True) for _ in range(3)])
        self.norms = nn.ModuleList([nn.LayerNorm(8) for _ in range(3)])
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        x = self.project(x)
        for lstm, norm in zip(self.layers, self.norms):
            x = norm(x + lstm(x)[0])
        return torch.sigmoid(self.head(torch.cat([x.mean(1), x.max(1).values], -1)))


class Transformed(nn.Module):
    """nn.MultiheadAttention behind a GRU."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 8, batch_first=True)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        h, _ = self.gru(x)
        a, _ = self.attention(h, h, h, need_weights=False)
        return self.head(self.norm(h + a))


class States(nn.Module):
    """Steps with states as inputs and outputs, as for streams."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 6, num_layers=2, batch_first=True), nn.Linear(6, 2)

    def forward(self, x, h, c):
        y, (h, c) = self.lstm(x, (h, c))
        return self.head(y), h, c


class TimeMajor(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.rnn = kind(4, 5, num_layers=2, bidirectional=True, **options)
        self.head = nn.Linear(10, 3)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


class Stacked(nn.Module):
    """Layers of one's own cells, unrolled over a known number of steps."""

    def __init__(self):
        super().__init__()
        self.cells = nn.ModuleList([nn.LSTMCell(4, 6), nn.LSTMCell(6, 6)])
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        states = [(x.new_zeros(x.shape[0], 6), x.new_zeros(x.shape[0], 6)) for _ in self.cells]
        for step in range(5):
            y = x[:, step]
            for at, cell in enumerate(self.cells):
                states[at] = cell(y, states[at])
                y = states[at][0]
        return self.head(y)


class LastStep(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(4, 6, num_layers=2, batch_first=True, dropout=0.3), nn.Linear(6, 4)

    def forward(self, x):
        return nn.functional.log_softmax(self.head(self.gru(x)[0][:, -1]), dim=-1)


class Language(nn.Module):
    """A language model with tied weights."""

    def __init__(self):
        super().__init__()
        self.embed, self.lstm = nn.Embedding(20, 6), nn.LSTM(6, 6, batch_first=True)
        self.out = nn.Linear(6, 20, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, tokens):
        return self.out(self.lstm(self.embed(tokens))[0])


class Characters(nn.Module):
    """Words by their characters: a convolution over each word, then an LSTM over the words."""

    def __init__(self):
        super().__init__()
        self.embed, self.conv = nn.Embedding(12, 4), nn.Conv1d(4, 5, 3, padding=1)
        self.lstm = nn.LSTM(5, 6, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, 3)

    def forward(self, chars):
        batch, words, length = chars.shape
        x = self.embed(chars.reshape(batch * words, length)).transpose(1, 2)
        x = torch.relu(self.conv(x)).max(-1).values.reshape(batch, words, -1)
        return self.head(self.lstm(x)[0])


class Gated(nn.Module):
    """A minimal gated cell; PyTorch's own cells do not pass its exporter of scripts."""

    def __init__(self, size, units):
        super().__init__()
        self.gate, self.candidate = nn.Linear(size + units, units), nn.Linear(size + units, units)

    def forward(self, x, h):
        both = torch.cat([x, h], -1)
        z = torch.sigmoid(self.gate(both))
        return z * h + (1 - z) * torch.tanh(self.candidate(both))


class Scripted(nn.Module):
    """A loop over steps in TorchScript, with a branch that the settings decide."""

    def __init__(self):
        super().__init__()
        self.cell, self.head = Gated(4, 6), nn.Linear(6, 2)

    def forward(self, x):
        h = torch.zeros(x.shape[0], 6)
        outputs = []
        for step in range(x.shape[1]):
            h = self.cell(x[:, step], h)
            outputs.append(self.head(h))
        return torch.stack(outputs, 1)


class Nested(nn.Module):
    """A loop in a loop: two passes over the steps of one sequence."""

    def __init__(self):
        super().__init__()
        self.cell = Gated(4, 6)

    def forward(self, x):
        h = torch.zeros(x.shape[0], 6)
        for _ in range(2):
            for step in range(x.shape[1]):
                h = self.cell(x[:, step], h)
        return h


class While(nn.Module):
    """Steps until a state says so, at most ten."""

    def __init__(self):
        super().__init__()
        self.cell = Gated(4, 4)

    def forward(self, x):
        h, count = x[:, 0], 0
        while count < 10 and bool((h.abs().sum() > 0.5).item()):
            h = self.cell(h, h) * 0.7
            count += 1
        return h


class Branch(nn.Module):
    """A branch that a value decides."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        if bool((x.sum() > 0).item()):
            return self.a(x)
        else:
            return torch.tanh(self.b(x))


class Forecast(nn.Module):
    """Channels of a series are normalized by row, and scaled back."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 6, batch_first=True), nn.Linear(6, 4 * 3)

    def forward(self, x):
        mean, std = x.mean(1, keepdim=True), x.std(1, keepdim=True, unbiased=False) + 1e-5
        _, (h, _) = self.lstm((x - mean) / std)
        return self.head(h[-1]).view(-1, 4, 3) * std + mean


class Residual(nn.Module):
    """Dilated causal convolutions with gates, then a GRU: group normalization and GELU on the way."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv1d(3, 8, 2, dilation=2), nn.Conv1d(3, 8, 2, dilation=2)
        self.norm, self.gru, self.head = nn.GroupNorm(2, 8), nn.GRU(8, 5, batch_first=True), nn.Linear(5, 1)

    def forward(self, x):
        padded = nn.functional.pad(x, (2, 0))
        y = torch.tanh(self.a(padded)) * torch.sigmoid(self.b(padded))
        y, _ = self.gru(nn.functional.gelu(self.norm(y)).permute(0, 2, 1))
        return self.head(y).squeeze(-1)


class Projected(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 6, proj_size=3, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0]


def cases():
    torch.manual_seed(3)
    x = torch.randn(2, 6, 4)
    script = lambda module, *given, **options: Case(torch.jit.script(module.eval()), *given, kinds=("script",), **options)
    return {
        "classifier": Case(Classifier(), TOKENS),
        "classifierFixed": Case(Classifier(), TOKENS, free=False),
        "classifierTraining": Case(Classifier(), TOKENS, training=True, kinds=("script",)),
        "maskedAttention": Case(MaskedAttention(), TOKENS),
        "seq2seq": Case(Seq2Seq(), TOKENS, torch.tensor([[1, 2, 3], [4, 5, 6]])),
        "greedy": Case(Greedy(), x),
        "convLstm": Case(ConvLSTM(), torch.randn(2, 3, 8), front=(0, 0), free=False),
        "packed": Case(Packed(), TOKENS, torch.tensor([6, 3]), front=(0, 0), kinds=("script",)),
        "normalized": Case(Normalized(), x),
        "transformed": Case(Transformed(), x),
        "states": Case(States(), x, torch.randn(2, 2, 6), torch.randn(2, 2, 6), batch=(0, 1, 1), front=(0, 1, 1)),
        "timeMajorLstm": Case(TimeMajor(nn.LSTM), x.transpose(0, 1).contiguous(), batch=1, front=(1,)),
        "timeMajorGru": Case(TimeMajor(nn.GRU), x.transpose(0, 1).contiguous(), batch=1, front=(1,)),
        "timeMajorRelu": Case(TimeMajor(nn.RNN, nonlinearity="relu"), x.transpose(0, 1).contiguous(), batch=1, front=(1,)),
        "stackedCells": Case(Stacked(), x, free=False),
        "lastStep": Case(LastStep(), x),
        "language": Case(Language(), TOKENS),
        "characters": Case(Characters(), torch.randint(0, 12, (2, 4, 5)), free=False),
        "charactersFree": Case(Characters(), torch.randint(0, 12, (2, 4, 5))),
        "scripted": script(Scripted(), x),
        "nested": script(Nested(), x, free=False),
        "nestedFree": script(Nested(), x),
        "while": script(While(), x[:1], free=None),
        "branch": script(Branch(), x[:1, 0], free=None),
        "forecast": Case(Forecast(), torch.randn(2, 6, 3)),
        "residual": Case(Residual(), torch.randn(2, 3, 6)),
        "projected": Case(Projected(), x),
    }
