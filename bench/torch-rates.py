"""Steps per second of the trainings of suite `learning` in PyTorch on one thread, as one JSON object."""
import json
import statistics
import time

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(7)


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 64, batch_first=True)
        self.dense = nn.Linear(64, 1)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])


class Gru(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(5, 64, batch_first=True)
        self.dense = nn.Linear(64, 1)

    def forward(self, x):
        return self.dense(self.gru(x)[0][:, -1])


def mlp():
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn():
    return nn.Sequential(nn.Conv2d(1, 16, 5, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(800, 10))


def sgd(model, data, labels, loss, batch):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    rows = len(data)

    def step(i):
        at = (i * batch) % (rows - batch + 1)
        optimizer.zero_grad(set_to_none=True)
        loss(model(data[at : at + batch]), labels[at : at + batch]).backward()
        optimizer.step()

    return step


def clipped(model, data, labels, loss, batch):
    """Every example's gradient clipped to 1: vmap over grad, where this PyTorch has it (2.0 on)."""
    from torch.func import functional_call, grad, vmap

    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def one(p, x, y):
        return loss(functional_call(model, p, (x[None],)), y[None])

    gradients = vmap(grad(one), in_dims=(None, 0, 0))
    rows = len(data)

    def step(i):
        nonlocal parameters
        at = (i * batch) % (rows - batch + 1)
        with torch.no_grad():
            g = gradients(parameters, data[at : at + batch], labels[at : at + batch])
            norm = torch.sqrt(sum((v.flatten(1) ** 2).sum(1) for v in g.values()))
            scale = torch.clamp(1 / norm, max=1) / batch
            parameters = {n: p - 0.01 * torch.tensordot(scale, g[n], 1) for n, p in parameters.items()}

    return step


def rate(step, steps):
    values = []
    for _ in range(5):
        for i in range(max(3, steps // 5)):
            step(i)
        start = time.perf_counter()
        for i in range(steps):
            step(i)
        values.append(steps / (time.perf_counter() - start))
    return statistics.median(values)


def main():
    rows = 2048
    pixels = torch.rand(rows, 784) - 0.5
    digits = torch.randint(0, 10, (rows,))
    series = torch.rand(rows, 24, 5) - 0.5
    numbers = torch.randn(rows, 1)
    cross, mse = nn.CrossEntropyLoss(), nn.MSELoss()
    images = pixels.view(rows, 1, 28, 28)
    workloads = {
        "mlp": (mlp, pixels, digits, cross, 64, 300),
        "lstm": (Lstm, series, numbers, mse, 32, 60),
        "gru": (Gru, series, numbers, mse, 32, 60),
        "cnn": (cnn, images, digits, cross, 64, 60),
    }
    rates = {}
    for name, (model, data, labels, loss, batch, steps) in workloads.items():
        rates[f"{name}.sgd"] = rate(sgd(model(), data, labels, loss, batch), steps)
    try:
        rates["mlp.clipped"] = rate(clipped(mlp(), pixels, digits, cross, 64), 30)
        rates["cnn.clipped"] = rate(clipped(cnn(), images, digits, cross, 64), 10)
    except ImportError:
        pass
    print(json.dumps(rates))


main()
