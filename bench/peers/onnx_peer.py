"""ONNX Runtime: inference of one task, one JSON object. The network, with random weights, is built here."""
import tasks

arguments = tasks.parse_arguments()

import numpy  # noqa: E402 (after the variables that it reads)
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402

generator = numpy.random.default_rng(0)


class Builder:
    """A chain of nodes: each takes the output of the one before."""

    def __init__(self, shape):
        self.shape = list(shape)  # of one image: channels, height, width; later the number of values
        self.nodes, self.weights, self.last = [], [], "input"

    def weight(self, *dims, scale=0.1):
        name = f"w{len(self.weights)}"
        values = (generator.standard_normal(dims) * scale).astype(numpy.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def add(self, kind, *weights, **attributes):
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *weights], [output], **attributes))
        self.last = output
        return self

    def conv(self, filters, side, pad):
        weights = self.weight(filters, self.shape[0], side, side), self.weight(filters)
        self.add("Conv", *weights, kernel_shape=[side, side], pads=[pad] * 4).add("Relu")
        shrink = side - 1 - 2 * pad
        self.shape = [filters, self.shape[1] - shrink, self.shape[2] - shrink]
        return self

    def batchnorm(self):
        channels = self.shape[0]
        variance = numpy_helper.from_array(numpy.ones(channels, numpy.float32), f"v{len(self.weights)}")
        parameters = self.weight(channels), self.weight(channels), self.weight(channels)
        self.weights.append(variance)
        return self.add("BatchNormalization", *parameters, variance.name, epsilon=1e-3)

    def maxpool(self):
        self.shape = [self.shape[0], self.shape[1] // 2, self.shape[2] // 2]
        return self.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])

    def flatten(self):
        self.shape = [int(numpy.prod(self.shape))]
        return self.add("Flatten")

    def dense(self, units, activation):
        self.add("Gemm", self.weight(self.shape[0], units), self.weight(units)).add(activation)
        self.shape = [units]
        return self

    def model(self, batch, shape):
        given = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, [batch, *shape])
        result = helper.make_tensor_value_info(self.last, onnx.TensorProto.FLOAT, [batch, *self.shape])
        graph = helper.make_graph(self.nodes, "peer", [given], [result], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def cnn(builder):
    for filters in (32, 64):
        builder.conv(filters, 3, 1).batchnorm().conv(filters, 3, 1).batchnorm().maxpool()
    builder.flatten().dense(64, "Relu").dense(tasks.CLASSES, "Softmax")


def lenet5(builder):
    builder.conv(6, 5, 0).maxpool().conv(16, 5, 0).maxpool().flatten()
    builder.dense(120, "Relu").dense(84, "Relu").dense(tasks.CLASSES, "Softmax")


def main():
    name, batch = tasks.network_of(arguments.task), tasks.INFER_BATCH[arguments.task]
    height, width, channels = tasks.INPUTS[name]
    builder = Builder((channels, height, width))
    {"cnn": cnn, "lenet5": lenet5}[name](builder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    session = onnxruntime.InferenceSession(builder.model(batch, (channels, height, width)).SerializeToString(),
                                           options, providers=["CPUExecutionProvider"])
    images = generator.random((batch, channels, height, width), dtype=numpy.float32)
    durations = tasks.time_calls(lambda: session.run(None, {"input": images}), arguments.seconds)
    tasks.print_result(f"ONNX Runtime {onnxruntime.__version__}", durations)


main()
