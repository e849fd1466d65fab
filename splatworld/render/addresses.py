"""Where tensors lie, for kernels that are told addresses: an array that crosses that border takes microseconds."""

from torch import Tensor


def address(tensor: Tensor | None) -> int:
    """Of its first number; 0 for none."""
    return 0 if tensor is None else tensor.data_ptr()


def part(tensor: Tensor | None, index: int) -> int:
    """Of tensor[index], for numbers of four bytes; 0 for none."""
    return 0 if tensor is None else tensor.data_ptr() + 4 * index * tensor.stride(0)
