"""Which errors of Keras and its backends tell of the network that is run, and which of the device or its memory."""

import re

# What Keras raises where it sees that shapes or types do not fit, or that a backend lacks what a layer asks for.
_OF_THE_NETWORK = (IndexError, NotImplementedError, TypeError, ValueError)
_OF_THE_DEVICE = re.compile(
    r"(allocate|enough|out of) memory|unable to find an engine|INTERNAL ASSERT|_STATUS_|"
    r"\b(CUDA|HIP|cuDNN|MIOpen|NCCL)\b[\w ]* error"
)
_XLA_SAYS = "INVALID_ARGUMENT: "  # TensorFlow's InvalidArgumentError, which `begin_in_tensorflow` knows by its class


def blames_network(error: Exception) -> bool:
    """Whether a batch failed for what the network is, so that it would fail again.

    PyTorch raises RuntimeError for shapes that do not fit, as for a processor's memory that is full; for a GPU's it has
    classes below. JAX has one class below, whose text begins with what went wrong.
    """
    if type(error) is RuntimeError:
        return not _OF_THE_DEVICE.search(str(error))
    return isinstance(error, _OF_THE_NETWORK) or (isinstance(error, RuntimeError) and _XLA_SAYS in str(error))
