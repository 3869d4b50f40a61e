"""What every Parley trainer in Python shares: the protocol (docs/trainer.md). Needs nothing but the standard library."""

import json
import os
import queue
import struct
import sys
import threading
import traceback

PROTOCOL = 1


class Refused(Exception):
    """What this trainer cannot do, in words for whoever runs the site."""


def serve(name, open_task):
    """Answers Parley until it closes standard input.

    open_task(hello, tensors) returns an object with
      train(request, tensors) -> (tensors, examples, steps, loss)
      evaluate(tensors) -> outputs on the test rows, (shape, bytes of little-endian float32)
    Tensors are dictionaries of (dtype, shape, bytes) by name in requests, (shape, bytes) in answers. Both may raise Refused.
    """
    answers = _take_stdout()
    task = None
    for line, body in _requests():
        try:
            tensors = _read_tensors(body)
            if line["type"] == "hello":
                if line["protocol"] != PROTOCOL:
                    raise Refused("speaks version %d of the protocol, not %s" % (PROTOCOL, line["protocol"]))
                task = open_task(line, tensors)
                _send(answers, {"type": "ready", "protocol": PROTOCOL, "name": name})
            elif line["type"] == "train":
                trained, examples, steps, loss = task.train(line, tensors)
                head = {"type": "trained", "examples": examples, "steps": steps, "loss": loss}
                _send(answers, head, _write_tensors(trained))
            elif line["type"] == "evaluate":
                _send(answers, {"type": "evaluated"}, _write_tensors({"outputs": task.evaluate(tensors)}))
            else:
                raise Refused("does not know the request %s" % line["type"])
        except Exception as error:
            if not isinstance(error, Refused):
                traceback.print_exc()
            _send(answers, {"type": "error", "message": str(error)[:300] or type(error).__name__})


def batches(tensors):
    """Row numbers of the minibatches of a round, one list-like slice of ints each."""
    rows = memoryview(tensors["batches"][2]).cast("i")
    at = 0
    for size in memoryview(tensors["batches.sizes"][2]).cast("i"):
        yield rows[at : at + size]
        at += size


def check_training(training):
    """Refuses a setting of local training that came after this trainer: to leave it out would train something else, unnoticed.

    Amount, schedule and loss are carried out by whoever follows batches, learningRate and the loss of the greeting.
    """
    known = {"optimizer", "schedule", "loss", "batchSize", "amount", "clip", "proximal"}
    unknown = sorted(name for name, value in training.items() if name not in known and value is not None)
    if unknown:
        raise Refused("does not know training.%s" % ", training.".join(unknown))


def _take_stdout():
    """Standard output for answers alone: what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _requests():
    """Requests as they come. They are read beside the work: when standard input closes, Parley is gone, and so is this process."""
    waiting = queue.Queue()
    threading.Thread(target=_read_requests, args=(sys.stdin.buffer, waiting), daemon=True).start()
    while True:
        yield waiting.get()


def _read_requests(stream, waiting):
    try:
        while True:
            text = stream.readline()
            if not text:
                os._exit(0)
            line = json.loads(text)
            waiting.put((line, _exactly(stream, line["bytes"])))
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _exactly(stream, length):
    body = stream.read(length)
    if len(body) != length:
        os._exit(0)
    return body


def _send(answers, head, body=b""):
    if head["type"] in ("trained", "evaluated"):
        head["bytes"] = len(body)
    answers.write(json.dumps(head, allow_nan=False).encode() + b"\n")
    answers.write(body)
    answers.flush()


def _read_tensors(body):
    (length,) = struct.unpack_from("<Q", body)
    start = 8 + length
    header = json.loads(body[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        tensors[name] = (info["dtype"], info["shape"], body[start + begin : start + end])
    return tensors


def _write_tensors(tensors):
    header = {}
    at = 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *(data for _, data in tensors.values())])
