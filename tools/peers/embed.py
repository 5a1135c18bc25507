#!/usr/bin/env python3
"""MiniLM in onnxruntime, from text to unit vector: what `tools/bench embed` measures the project's own kernels against.

    embed.py SOURCE_DIR OUT_DIR THREADS

Writes to OUT_DIR what is not there yet: the model as an ONNX graph, made of the safetensors alone, in fp32 and with 8-bit weights
(dynamic quantisation, a scale a channel), and texts.json: {"32": [...], "128": [...]}, cut from the project's corpora at word
ends to at most as many tokens. Then answers requests, a line of JSON each:

    {"model": "int8" | "fp32", "texts": "32", "batch": 32}    {"seconds": of every batch, one after the other}
    {"model": "int8" | "fp32", "texts": "32", "vectors": 8}   {"vectors": of the first 8 texts}
"""

import json
import math
import pathlib
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

CORPORA = pathlib.Path(__file__).resolve().parent.parent.parent / "test-fixtures" / "corpora"
TEXTS = 64
OPSET = 17


class Graph:
    """An ONNX graph that is added to from its inputs to its outputs."""

    def __init__(self, tensors: dict):
        self.tensors, self.nodes, self.initializers = tensors, [], []

    def constant(self, value: np.ndarray) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def op(self, kind: str, *inputs: str, **attributes) -> str:
        output = attributes.pop("output", f"t{len(self.nodes)}")
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def norm(self, x: str, name: str, **attributes) -> str:
        gain, bias = (self.constant(self.tensors[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.op("LayerNormalization", x, gain, bias, axis=-1, epsilon=1e-12, **attributes)

    def dense(self, x: str, name: str) -> str:
        product = self.op("MatMul", x, self.constant(self.tensors[f"{name}.weight"].T))
        return self.op("Add", self.constant(self.tensors[f"{name}.bias"]), product)

    def gelu(self, x: str) -> str:
        erf = self.op("Erf", self.op("Div", x, self.scalar(math.sqrt(2))))
        product = self.op("Mul", x, self.op("Add", erf, self.scalar(1)))
        return self.op("Mul", product, self.scalar(0.5))

    def attention(self, x: str, mask: str, name: str, heads: int) -> str:
        width = self.tensors[f"{name}.self.query.weight"].shape[0]
        split = self.constant(np.array([0, 0, heads, width // heads], np.int64))

        def part(of: str, order: list) -> str:
            return self.op("Transpose", self.op("Reshape", self.dense(x, f"{name}.self.{of}"), split), perm=order)

        scores = self.op("MatMul", part("query", [0, 2, 1, 3]), part("key", [0, 2, 3, 1]))
        scores = self.op("Add", self.op("Div", scores, self.scalar(math.sqrt(width / heads))), mask)
        context = self.op("MatMul", self.op("Softmax", scores, axis=-1), part("value", [0, 2, 1, 3]))
        context = self.op("Transpose", context, perm=[0, 2, 1, 3])
        return self.op("Reshape", context, self.constant(np.array([0, 0, width], np.int64)))


def build(tensors: dict, config: dict) -> onnx.ModelProto:
    """A BERT encoder: ids and attention mask to the last layer."""
    graph = Graph(tensors)
    words, positions, kinds = (tensors[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type"))
    zero, one = graph.constant(np.array([0], np.int64)), graph.constant(np.array([1], np.int64))
    length = graph.op("Slice", graph.op("Shape", "ids"), one, graph.constant(np.array([2], np.int64)))
    place = graph.op("Slice", graph.constant(positions + kinds[0]), zero, length)
    x = graph.op("Add", graph.op("Gather", graph.constant(words), "ids"), place)
    x = graph.norm(x, "embeddings.LayerNorm")
    wide = graph.op("Unsqueeze", graph.op("Cast", "mask", to=TensorProto.FLOAT), graph.constant(np.array([1, 2], np.int64)))
    mask = graph.op("Mul", graph.op("Sub", graph.scalar(1), wide), graph.scalar(np.finfo(np.float32).min))
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        context = graph.attention(x, mask, f"{name}.attention", config["num_attention_heads"])
        x = graph.op("Add", graph.dense(context, f"{name}.attention.output.dense"), x)
        x = graph.norm(x, f"{name}.attention.output.LayerNorm")
        inner = graph.gelu(graph.dense(x, f"{name}.intermediate.dense"))
        x = graph.op("Add", graph.dense(inner, f"{name}.output.dense"), x)
        x = graph.norm(x, f"{name}.output.LayerNorm")
    graph.op("Identity", x, output="x")
    ids = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in ("ids", "mask")]
    out = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "tokens", config["hidden_size"]])
    made = helper.make_graph(graph.nodes, "bert", ids, [out], graph.initializers)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def read_safetensors(path: pathlib.Path) -> dict:
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    floats = {name: entry for name, entry in header.items() if entry["dtype"] == "F32"}
    part = lambda entry: np.frombuffer(data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]], np.float32)
    return {name: part(entry).reshape(entry["shape"]) for name, entry in floats.items()}


def cut(tokenizer: Tokenizer, words: list, tokens: int) -> list:
    """Texts of at most so many tokens, those that open and close them counted, cut at word ends."""
    texts, at = [], 0
    while len(texts) < TEXTS:
        text, length = [], 2
        while length + words[at % len(words)][1] <= tokens:
            text.append(words[at % len(words)][0])
            length += words[at % len(words)][1]
            at += 1
        texts.append(" ".join(text))
    return texts


def prepare(source: pathlib.Path, out: pathlib.Path, tokenizer: Tokenizer) -> None:
    corpus = " ".join((CORPORA / name).read_text() for name in ("quality.txt", "calibration.txt")).split()
    words = [(word, len(tokenizer.encode(word, add_special_tokens=False).ids)) for word in corpus]
    (out / "texts.json").write_text(json.dumps({str(tokens): cut(tokenizer, words, tokens) for tokens in (32, 128)}))
    if (out / "int8.onnx").exists():
        return
    config = json.loads((source / "config.json").read_text())
    model = build(read_safetensors(source / "model.safetensors"), config)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, out / "fp32.onnx")
    part = out / "int8.part"
    quantize_dynamic(out / "fp32.onnx", part, weight_type=QuantType.QInt8, per_channel=True)
    part.rename(out / "int8.onnx")


class Peer:
    def __init__(self, path: pathlib.Path, tokenizer: Tokenizer, threads: int):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.tokenizer = tokenizer

    def embed(self, texts: list) -> np.ndarray:
        encodings = self.tokenizer.encode_batch(texts)
        ids = np.array([encoding.ids for encoding in encodings], np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], np.int64)
        (x,) = self.session.run(None, {"ids": ids, "mask": mask})
        vectors = (x * mask[:, :, None].astype(np.float32)).sum(1)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def seconds(self, texts: list, batch: int) -> list:
        times = []
        for at in range(0, len(texts), batch):
            start = time.perf_counter()
            self.embed(texts[at : at + batch])
            times.append(time.perf_counter() - start)
        return times


def main() -> None:
    source, out, threads = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    # The file asks for a fixed length; batches are padded to their longest text instead, which is faster.
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    tokenizer.enable_truncation(256)
    prepare(source, out, tokenizer)
    texts = json.loads((out / "texts.json").read_text())
    peers = {name: Peer(out / f"{name}.onnx", tokenizer, threads) for name in ("fp32", "int8")}
    print(json.dumps({"version": onnxruntime.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        peer, chosen = peers[request["model"]], texts[request["texts"]]
        if "vectors" in request:
            answer = {"vectors": peer.embed(chosen[: request["vectors"]]).tolist()}
        else:
            answer = {"seconds": peer.seconds(chosen, request["batch"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
