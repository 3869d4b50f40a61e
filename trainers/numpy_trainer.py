"""A trainer for Parley with nothing but NumPy: dense layers, every loss and optimiser of a task. See docs/trainer.md."""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # sums in one order, whatever the machine
sys.dont_write_bytecode = True

import numpy as np  # noqa: E402

from parley_trainer import Refused, batches, check_training, serve  # noqa: E402

F = np.float32

ACTIVATIONS = {
    "none": (lambda z: z, lambda a: 1),
    "relu": (lambda z: np.maximum(z, F(0)), lambda a: (a > 0).astype(F)),
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "sigmoid": (lambda z: (1 / (1 + np.exp(-z))).astype(F), lambda a: a * (1 - a)),
}


class Task:
    def __init__(self, hello, tensors):
        for layer in hello["layers"]:
            if layer["type"] != "dense":
                raise Refused("does not know the layer %s" % layer["type"])
            if layer["activation"] not in ACTIVATIONS:
                raise Refused("does not know the activation %s" % layer["activation"])
        self.layers = hello["layers"]
        self.loss = hello["loss"]
        self.training = hello["training"]
        check_training(self.training)
        rows = {name: floats(tensor) for name, tensor in tensors.items()}
        self.features, self.labels = rows["train.features"], rows["train.labels"]
        self.test_features = rows["test.features"]

    def train(self, request, tensors):
        parameters = [floats(tensors[name]).copy() for name in self.names()]
        start = [value.copy() for value in parameters]
        step = optimizer(self.training["optimizer"], request["learningRate"], parameters)
        proximal = F(self.training["proximal"])
        total = 0.0
        for rows in batches(tensors):
            rows = np.asarray(rows)
            loss, gradients = self.gradients(parameters, self.features[rows], self.labels[rows])
            total += loss
            for gradient, value, anchor in zip(gradients, parameters, start):
                gradient += proximal * (value - anchor)
            step(gradients)
        steps = request["steps"]
        if not all(np.isfinite(value).all() for value in parameters) or not np.isfinite(total):
            raise Refused("diverged: a parameter is not finite; try a smaller learning rate")
        answer = {name: (value.shape, value.tobytes()) for name, value in zip(self.names(), parameters)}
        return answer, len(self.labels), steps, total / steps

    def evaluate(self, tensors):
        parameters = [floats(tensors[name]) for name in self.names()]
        outputs = self.forward(parameters, self.test_features)[-1]
        outputs = np.ascontiguousarray(outputs.reshape(len(self.test_features), -1), dtype="<f4")
        return outputs.shape, outputs.tobytes()

    def names(self):
        return ["layers.%d.%s" % (i, kind) for i in range(len(self.layers)) for kind in ("weight", "bias")]

    def forward(self, parameters, features):
        """Inputs and outputs of every layer; a layer with several positions sees each as a row."""
        values = [features]
        for i, layer in enumerate(self.layers):
            weight, bias = parameters[2 * i], parameters[2 * i + 1]
            activate = ACTIVATIONS[layer["activation"]][0]
            values.append(activate(values[-1].reshape(-1, layer["inputs"]) @ weight.T + bias))
        return values

    def gradients(self, parameters, features, labels):
        """The mean loss of a minibatch and its gradient, clipped per example where the task says so."""
        values = self.forward(parameters, features)
        rows = len(features)
        loss, delta = loss_and_gradient(self.loss, values[-1].reshape(rows, -1), labels.reshape(rows, -1))
        deltas = []
        for i in reversed(range(len(self.layers))):
            layer = self.layers[i]
            delta = delta.reshape(-1, layer["outputs"]) * ACTIVATIONS[layer["activation"]][1](values[i + 1])
            deltas.insert(0, delta)
            delta = delta @ parameters[2 * i]
        clip = self.training.get("clip")
        weights = F(1 / rows)
        if clip is not None and clip["per"] == "example":
            norms = np.sqrt(sum(self.squared_norms(i, values[i], deltas[i], rows) for i in range(len(self.layers))))
            weights = (np.minimum(1, clip["norm"] / np.maximum(norms, 1e-30)) / rows).astype(F).reshape(rows, 1, 1)
        gradients = []
        for i, layer in enumerate(self.layers):
            scaled = (deltas[i].reshape(rows, -1, layer["outputs"]) * weights).reshape(-1, layer["outputs"])
            gradients += [scaled.T @ values[i].reshape(-1, layer["inputs"]), scaled.sum(axis=0)]
        if clip is not None and clip["per"] == "batch":
            norm = np.sqrt(sum((gradient.astype(np.float64) ** 2).sum() for gradient in gradients))
            if norm > clip["norm"]:
                gradients = [gradient * F(clip["norm"] / norm) for gradient in gradients]
        return loss, gradients

    def squared_norms(self, i, inputs, delta, rows):
        """Per row, the squared norm of the gradient of layer i: through products of positions (Goodfellow 2015, Li et al. 2022)."""
        layer = self.layers[i]
        a = inputs.reshape(rows, -1, layer["inputs"]).astype(np.float64)
        d = delta.reshape(rows, -1, layer["outputs"]).astype(np.float64)
        return ((a @ a.transpose(0, 2, 1) + 1) * (d @ d.transpose(0, 2, 1))).sum(axis=(1, 2))


def loss_and_gradient(loss, z, y):
    """The mean over rows of the mean over a row's predictions, and each row's gradient by z (not divided by the rows)."""
    rows = len(z)
    name = loss["name"]
    z = z.astype(np.float64)
    y = y.astype(np.float64)
    if name == "cross-entropy":
        places = y.shape[1]
        z = z.reshape(rows * places, -1)
        z = z - z.max(axis=1, keepdims=True)
        powers = np.exp(z)
        sums = powers.sum(axis=1, keepdims=True)
        index = (np.arange(len(z)), y.reshape(-1).astype(int))
        total = (np.log(sums[:, 0]) - z[index]).sum()
        gradient = powers / sums
        gradient[index] -= 1
    else:
        places = z.shape[1]
        if name == "quantile":
            y = np.repeat(y, len(loss["levels"]), axis=1)
        d = z - y
        if name == "binary":
            e = np.exp(-np.abs(z))
            total = (np.maximum(z, 0) - z * y + np.log1p(e)).sum()
            gradient = np.where(z >= 0, 1, e) / (1 + e) - y
        elif name == "mse":
            total, gradient = (d * d).sum(), 2 * d
        elif name == "huber":
            delta = loss["delta"]
            near = np.abs(d) <= delta
            total = np.where(near, d * d / 2, delta * (np.abs(d) - delta / 2)).sum()
            gradient = np.clip(d, -delta, delta)
        elif name == "quantile":
            q = np.tile(loss["levels"], places // len(loss["levels"]))
            total = np.maximum(-q * d, (1 - q) * d).sum()
            gradient = np.where(d > 0, 1 - q, np.where(d < 0, -q, 0))
        else:
            raise Refused("does not know the loss %s" % name)
    return total / (rows * places), (gradient / places).astype(F)


def optimizer(settings, rate, parameters):
    """A function that takes one step along gradients, as PyTorch's optimisers of these names do."""
    name = settings["name"]
    decay = F(settings.get("weightDecay", 0))
    first = [np.zeros_like(value) for value in parameters]
    second = [np.zeros_like(value) for value in parameters]
    taken = [0]

    def regularised(gradients):
        return [gradient + decay * value for gradient, value in zip(gradients, parameters)]

    def sgd(gradients):
        for value, gradient in zip(parameters, regularised(gradients)):
            value -= F(rate) * gradient

    def momentum(gradients):
        u = F(settings["momentum"])
        for value, gradient, velocity in zip(parameters, regularised(gradients), first):
            velocity *= u
            velocity += gradient
            value -= F(rate) * (gradient + u * velocity if settings.get("nesterov") else velocity)

    def adam(gradients):
        beta1, beta2 = settings["beta1"], settings["beta2"]
        taken[0] += 1
        corrected = F(rate / (1 - beta1 ** taken[0]))
        scale = F(1 / np.sqrt(1 - beta2 ** taken[0]))
        if name == "adamw":
            for value in parameters:
                value -= F(rate) * decay * value
        else:
            gradients = regularised(gradients)
        for value, gradient, m, v in zip(parameters, gradients, first, second):
            m *= F(beta1)
            m += F(1 - beta1) * gradient
            v *= F(beta2)
            v += F(1 - beta2) * gradient * gradient
            value -= corrected * m / (np.sqrt(v) * scale + F(settings["epsilon"]))

    known = {"sgd": sgd, "momentum": momentum, "adam": adam, "adamw": adam}
    if name not in known:
        raise Refused("does not know the optimiser %s" % name)
    return known[name]


def floats(tensor):
    _, shape, data = tensor
    return np.frombuffer(data, dtype="<f4").reshape(shape)


if __name__ == "__main__":
    serve("numpy %s" % np.__version__, Task)
