"""A trainer for Parley in PyTorch: every layer, loss and optimiser of a task, as modules of torch.nn. See docs/trainer.md."""

import sys

sys.dont_write_bytecode = True

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from parley_trainer import Refused, batches, check_training, serve  # noqa: E402

ACTIVATIONS = {"none": lambda x: x, "relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


class Layer(nn.Module):
    """One layer between flat rows: Parley's tensors have the names and shapes of the module's own."""

    def __init__(self, settings, module, rows_to, output=lambda y: y):
        super().__init__()
        self.inner = module
        self.shape = rows_to
        self.output = output
        self.activation = ACTIVATIONS[settings.get("activation", "none")]

    def forward(self, x):
        y = self.activation(self.output(self.inner(x.reshape(len(x), *self.shape))))
        return y.reshape(len(x), -1)


def layer(settings):
    kind = settings["type"]
    s = settings
    if kind == "dense":
        return Layer(s, nn.Linear(s["inputs"], s["outputs"]), (s["positions"], s["inputs"]))
    if kind == "conv2d":
        module = nn.Conv2d(s["channels"], s["filters"], s["kernel"], s["stride"], s["padding"])
        return Layer(s, module, (s["channels"], s["height"], s["width"]))
    if kind == "pool2d":
        pool = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}[s["kind"]]
        return Layer(s, pool(s["size"], s["stride"]), (s["channels"], s["height"], s["width"]))
    if kind in ("lstm", "gru"):
        module = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](s["inputs"], s["hidden"], batch_first=True)
        every = s["output"] == "all"
        return Layer(s, module, (s["steps"], s["inputs"]), lambda y: y[0] if every else y[0][:, -1])
    if kind == "embedding":
        return Layer(s, Embedding(s["vocabulary"], s["width"]), (s["steps"],))
    if kind == "layer-norm":
        return Layer(s, nn.LayerNorm(s["width"]), (s["positions"], s["width"]))
    if kind == "group-norm":
        return Layer(s, nn.GroupNorm(s["groups"], s["channels"]), (s["channels"], s["positions"]))
    if kind == "dropout":
        # The masks are PyTorch's own, from the round's seed: the only layer whose results differ from Parley's engine.
        return Layer(s, nn.Dropout(s["rate"]), (s["width"],))
    raise Refused("does not know the layer %s" % kind)


class Embedding(nn.Embedding):
    """Tokens come as float32, as all features do."""

    def forward(self, tokens):
        return super().forward(tokens.long())


class Task:
    def __init__(self, hello, tensors):
        self.loss = hello["loss"]
        self.training = hello["training"]
        check_training(self.training)
        self.network = nn.Sequential(*(layer(settings) for settings in hello["layers"]))
        # layers.0.weight is 0.inner.weight here; recurrent modules of PyTorch end their names with the number of the layer.
        self.names = {
            "layers." + name.replace(".inner.", ".").replace("_l0", ""): value
            for name, value in self.network.named_parameters()
        }
        if set(self.names) != {tensor["name"] for tensor in hello["parameters"]}:
            raise Refused("does not build the tensors that the task names")
        rows = {name: floats(tensor) for name, tensor in tensors.items()}
        self.features, self.labels = rows["train.features"], rows["train.labels"]
        self.test_features = rows["test.features"]

    def load(self, tensors):
        with torch.no_grad():
            for name, value in self.names.items():
                value.copy_(floats(tensors[name]))

    def train(self, request, tensors):
        self.load(tensors)
        torch.manual_seed(int(request["seed"][:15], 16))
        self.network.train()
        anchors = {name: value.detach().clone() for name, value in self.names.items()}
        optimizer = make_optimizer(self.training["optimizer"], request["learningRate"], self.network.parameters())
        proximal = self.training["proximal"]
        total = 0.0
        for rows in batches(tensors):
            rows = torch.tensor(rows.tolist())
            total += self.differentiate(self.features[rows], self.labels[rows])
            if proximal > 0:
                for name, value in self.names.items():
                    value.grad.add_(value.detach() - anchors[name], alpha=proximal)
            optimizer.step()
        if not all(torch.isfinite(value).all() for value in self.names.values()) or total != total:
            raise Refused("diverged: a parameter is not finite; try a smaller learning rate")
        steps = request["steps"]
        return {name: raw(value) for name, value in self.names.items()}, len(self.labels), steps, total / steps

    def evaluate(self, tensors):
        self.load(tensors)
        self.network.eval()
        with torch.no_grad():
            return raw(torch.cat([self.network(part) for part in self.test_features.split(256)]))

    def differentiate(self, features, labels):
        """Leaves the gradient of a minibatch's mean loss in the parameters, clipped as the task says; returns that loss."""
        clip = self.training.get("clip")
        parameters = list(self.network.parameters())
        if clip is None or clip["per"] == "batch":
            self.network.zero_grad()
            loss = mean_loss(self.loss, self.network(features), labels)
            loss.backward()
            if clip is not None:
                norm = torch.sqrt(sum((value.grad.double() ** 2).sum() for value in parameters))
                if norm > clip["norm"]:
                    for value in parameters:
                        value.grad.mul_(float(clip["norm"] / norm))
            return loss.item()
        sums = [torch.zeros_like(value) for value in parameters]
        total = 0.0
        for i in range(len(features)):
            loss = mean_loss(self.loss, self.network(features[i : i + 1]), labels[i : i + 1])
            gradients = torch.autograd.grad(loss, parameters)
            norm = float(torch.sqrt(sum((gradient.double() ** 2).sum() for gradient in gradients)))
            for place, gradient in zip(sums, gradients):
                place.add_(gradient, alpha=min(1.0, clip["norm"] / max(norm, 1e-30)) / len(features))
            total += loss.item() / len(features)
        for value, place in zip(parameters, sums):
            value.grad = place
        return total


def mean_loss(loss, z, y):
    """The mean over rows of the mean over a row's predictions: every row has as many, so it is the mean over all."""
    name = loss["name"]
    y = y.reshape(len(y), -1)
    if name == "binary":
        return functional.binary_cross_entropy_with_logits(z, y)
    if name == "cross-entropy":
        return functional.cross_entropy(z.reshape(y.numel(), -1), y.reshape(-1).long())
    if name == "mse":
        return functional.mse_loss(z, y)
    if name == "huber":
        return functional.huber_loss(z, y, delta=loss["delta"])
    if name == "quantile":
        levels = torch.tensor(loss["levels"]).repeat(y.shape[1])
        d = y.repeat_interleave(len(loss["levels"]), dim=1) - z
        return torch.maximum(levels * d, (levels - 1) * d).mean()
    raise Refused("does not know the loss %s" % name)


def make_optimizer(settings, rate, parameters):
    name, decay = settings["name"], settings.get("weightDecay", 0)
    if name == "sgd":
        return torch.optim.SGD(parameters, rate, weight_decay=decay)
    if name == "momentum":
        nesterov = settings.get("nesterov", False)
        return torch.optim.SGD(parameters, rate, settings["momentum"], weight_decay=decay, nesterov=nesterov)
    if name in ("adam", "adamw"):
        make = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
        return make(parameters, rate, (settings["beta1"], settings["beta2"]), settings["epsilon"], decay)
    raise Refused("does not know the optimiser %s" % name)


def floats(tensor):
    _, shape, data = tensor
    if len(data) == 0:
        return torch.zeros(shape)
    return torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)


def raw(value):
    return tuple(value.shape), value.detach().contiguous().numpy().tobytes()


if __name__ == "__main__":
    torch.set_num_threads(1)  # sums in one order, whatever the machine
    torch.use_deterministic_algorithms(True)
    serve("PyTorch %s" % torch.__version__, Task)
