"""Small networks in ONNX, written node by node."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


class Net:
    """A graph that grows node by node; weights are drawn, all positive, or stripped of data."""

    def __init__(self, inputs, *, opset=17, stripped=False):
        self.nodes, self.initializers, self.opset, self.stripped = [], [], opset, stripped
        self.inputs = [helper.make_tensor_value_info(name, FLOAT, dims) for name, dims in inputs.items()]
        self.recorded, self.last = [], next(iter(inputs))
        self.random = np.random.default_rng(0)

    def weight(self, *shape, kind="initializer"):
        """Name new weights of a shape: an initializer, a constant, or one behind an identity, a transpose and so on."""
        name = f"w{len(self.initializers) + len(self.nodes)}_{len(self.inputs)}"
        if kind == "input":
            self.inputs.append(helper.make_tensor_value_info(name, FLOAT, shape))
            return name
        stored = shape[::-1] if kind == "transposed" else shape
        if self.stripped:
            tensor = TensorProto(name=name, data_type=FLOAT, dims=stored)
        else:
            drawn = self.random.uniform(0.5, 1.5, stored)
            drawn = (80 * drawn).astype(np.int8) if kind == "dequantised" else drawn / np.sqrt(np.prod(shape[1:]))
            drawn = drawn if kind == "dequantised" else drawn.astype(np.float32)
            tensor = numpy_helper.from_array(drawn, name)
        if kind == "constant":
            return self._beside("Constant", [], value=tensor)
        self.initializers.append(tensor)
        if kind == "identity":
            return self._beside("Identity", [name])
        if kind == "transposed":
            return self._beside("Transpose", [name], perm=list(range(len(shape)))[::-1])
        if kind == "dequantised":
            return self._beside("DequantizeLinear", [name, self.values(np.float32(0.1)), self.values(np.int8(0))])
        return name

    def _beside(self, *given, **attributes):
        """Add a node that is not on the way of the data."""
        last = self.last
        made = self.node(*given, **attributes)
        self.last = last
        return made

    def values(self, value):
        """Name a constant with values."""
        name = f"v{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, op, inputs=None, *, name="", outputs=1, **attributes):
        """Add a node that reads the last tensor, or ``inputs``; return its output, or outputs."""
        made = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        inputs = [self.last] if inputs is None else inputs
        self.nodes.append(helper.make_node(op, inputs, made, name=name, **attributes))
        self.last = made[0]
        return made[0] if outputs == 1 else made

    def model(self, *outputs):
        """Return the model."""
        infos = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs or (self.last,)]
        graph = helper.make_graph(
            self.nodes, "net", self.inputs, infos, initializer=self.initializers, value_info=self.recorded
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])

    def save(self, path, *outputs):
        """Write the model to a file; return it."""
        path.write_bytes(self.model(*outputs).SerializeToString())
        return path
