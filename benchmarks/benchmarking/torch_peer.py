"""Second-order MAML in PyTorch: `torch.func` over an `nn.Module`."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, grad_and_value, vmap

from benchmarking import workloads


class Vmap:
    """All tasks at once by `torch.func.vmap`.

    Args:
        workload: The workload.
        weights: Arrays of `workloads.weights`.
        data: Arrays of `workloads.data`.

    Attributes:
        name: Its name in tables.
        updates_per_call: Meta-updates in a step.
    """

    name = "torch.func vmap"
    updates_per_call = 1

    def __init__(
        self,
        workload: workloads.Workload,
        weights: Sequence[np.ndarray],
        data: Sequence[np.ndarray],
    ) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._workload = workload
        self._model = _network(workload)
        trained = [p for p in self._model.parameters() if p.requires_grad]
        with torch.no_grad():
            for parameter, array in zip(trained, weights, strict=True):
                parameter.copy_(_to_torch(workload, array))
        self._model.to(device)
        self._theta = {
            name: parameter
            for name, parameter in self._model.named_parameters()
            if parameter.requires_grad
        }
        self._data = [_tensor(array).to(device) for array in data]
        self._loss = F.mse_loss if workload.widths else F.cross_entropy
        self._optimizer = torch.optim.Adam(self._theta.values(), 1e-3)

    def step(self) -> float:
        """Performs a meta-update; returns its loss."""
        data = self._draw() if self._workload.draws_tasks else self._data
        self._optimizer.zero_grad()
        loss = self._backward(data)
        self._optimizer.step()
        return float(loss)

    def meta_gradient(
        self, task: int | None = None
    ) -> tuple[float, list[np.ndarray]]:
        """Computes the query loss and the meta-gradient on the given data.

        Args:
            task: Number of a task, or None for the mean over all.

        Returns:
            `(loss, arrays)`, the arrays in the order of the weights.
        """
        data = self._data
        if task is not None:
            data = [tensor[task : task + 1] for tensor in data]
        self._optimizer.zero_grad()
        loss = self._backward(data)
        return float(loss), [
            _to_numpy(self._workload, parameter.grad)
            for parameter in self._theta.values()
        ]

    def _backward(self, data):
        losses = vmap(self._task_loss, (None, 0, 0, 0, 0))(self._theta, *data)
        loss = losses.mean()
        loss.backward()
        return loss.detach()

    def _task_loss(self, theta, support_x, support_y, query_x, query_y):
        phi = theta
        for _ in range(self._workload.inner_steps):
            gradient = grad(self._loss_at)(phi, support_x, support_y)
            phi = {
                name: weight
                - self._workload.inner_learning_rate * gradient[name]
                for name, weight in phi.items()
            }
        return self._loss_at(phi, query_x, query_y)

    def _loss_at(self, weights, x, y):
        return self._loss(functional_call(self._model, weights, (x,)), y)

    def _draw(self):
        w = self._workload
        device = self._data[0].device
        amplitude, phase, x = workloads.sine_tasks(
            torch.rand(w.tasks, 2 + w.support + w.query, device=device)
        )
        x, y = x[..., None], (amplitude * torch.sin(x - phase))[..., None]
        split = w.support
        return x[:, :split], y[:, :split], x[:, split:], y[:, split:]


class Loop(Vmap):
    """Task after task, each with its own backward pass."""

    name = "torch.func loop"

    def _backward(self, data):
        total = 0.0
        for task in zip(*data):
            loss = self._task_loss(self._theta, *task) / len(data[0])
            loss.backward()
            total += loss.detach()
        return total


class ChannelsLastLoop(Loop):
    """The loop with images and kernels in the order that oneDNN prefers."""

    name = "torch.func loop, channels_last"

    def __init__(
        self,
        workload: workloads.Workload,
        weights: Sequence[np.ndarray],
        data: Sequence[np.ndarray],
    ) -> None:
        super().__init__(workload, weights, data)
        self._model.to(memory_format=torch.channels_last)
        self._data = [
            tensor.flatten(0, 1)
            .contiguous(memory_format=torch.channels_last)
            .unflatten(0, tensor.shape[:2])
            if tensor.ndim == 5
            else tensor
            for tensor in self._data
        ]


class CompiledVmap(Vmap):
    """All tasks at once, the whole meta-gradient by `torch.compile`."""

    name = "torch.compile, vmap"

    def __init__(
        self,
        workload: workloads.Workload,
        weights: Sequence[np.ndarray],
        data: Sequence[np.ndarray],
    ) -> None:
        super().__init__(workload, weights, data)
        # Detached tensors share the memory of the parameters.
        self._weights = {n: p.detach() for n, p in self._theta.items()}
        self._compiled = torch.compile(grad_and_value(self._objective))
        self._optimizer = torch.optim.Adam(
            self._theta.values(), 1e-3, fused=True
        )

    def _objective(self, theta, *data):
        return vmap(self._task_loss, (None, 0, 0, 0, 0))(theta, *data).mean()

    def _backward(self, data):
        gradients, loss = self._compiled(self._weights, *data)
        for name, parameter in self._theta.items():
            parameter.grad = gradients[name]
        return loss


class CompiledLoop(CompiledVmap):
    """Task after task, the meta-gradient of one by `torch.compile`."""

    name = "torch.compile, loop"

    def _objective(self, theta, *task):
        return self._task_loss(theta, *task)

    def _backward(self, data):
        total = 0.0
        for task in zip(*data):
            gradients, loss = self._compiled(self._weights, *task)
            for name, parameter in self._theta.items():
                gradient = gradients[name] / len(data[0])
                if parameter.grad is None:
                    parameter.grad = gradient
                else:
                    parameter.grad += gradient
            total += loss / len(data[0])
        return total


class _Block(nn.Module):
    def __init__(self, channels, filters, size, pool):
        super().__init__()
        # As TensorFlow's SAME does, pads an even size at its end only.
        even = not pool and size % 2 == 0
        self.pad = nn.ZeroPad2d((0, 1, 0, 1)) if even else nn.Identity()
        self.convolution = nn.Conv2d(
            channels, filters, 3, 1 if pool else 2, 0 if even else 1
        )
        self.norm = nn.BatchNorm2d(filters, eps=1e-3, track_running_stats=False)
        self.norm.weight.requires_grad_(False)
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()

    def forward(self, x):
        return self.pool(F.relu(self.norm(self.convolution(self.pad(x)))))


def _network(workload):
    if workload.widths:
        sizes = (*workload.input_shape, *workload.widths, workload.outputs)
        layers = []
        for size, next_size in zip(sizes, sizes[1:]):
            layers += [nn.Linear(size, next_size), nn.ReLU()]
        return nn.Sequential(*layers[:-1])
    size, _, channels = workload.input_shape
    layers = []
    for _ in range(4):
        layers.append(
            _Block(channels, workload.filters, size, workload.max_pool)
        )
        channels = workload.filters
        size = size // 2 if workload.max_pool else -(-size // 2)
    if not workload.max_pool:
        layers.append(nn.AdaptiveAvgPool2d(1))
        size = 1
    head = nn.Linear(channels * size * size, workload.outputs)
    return nn.Sequential(*layers, nn.Flatten(), head)


def _tensor(array):
    tensor = torch.from_numpy(array)
    if tensor.ndim == 5:  # Images: channels come first.
        return tensor.movedim(-1, 2).contiguous()
    return tensor.long() if tensor.dtype == torch.int32 else tensor


def _side(workload):
    """Returns height and width of the head's input, the order of its rows."""
    return workload.input_shape[0] // 16 if workload.max_pool else 1


def _to_torch(workload, array):
    tensor = torch.from_numpy(array)
    if tensor.ndim == 4:
        return tensor.permute(3, 2, 0, 1)
    if tensor.ndim == 2:
        side = _side(workload)
        tensor = tensor.reshape(side, side, -1, tensor.shape[1])
        return tensor.permute(3, 2, 0, 1).flatten(1)
    return tensor


def _to_numpy(workload, tensor):
    if tensor.ndim == 4:
        tensor = tensor.permute(2, 3, 1, 0)
    elif tensor.ndim == 2:
        side = _side(workload)
        tensor = tensor.reshape(len(tensor), -1, side, side)
        tensor = tensor.permute(2, 3, 1, 0).flatten(0, 2)
    return np.ascontiguousarray(tensor.cpu().numpy())


IMPLEMENTATIONS = {
    "torch_vmap": Vmap,
    "torch_loop": Loop,
    "torch_channels_last": ChannelsLastLoop,
    "torch_compiled_vmap": CompiledVmap,
    "torch_compiled_loop": CompiledLoop,
}
VERSION = torch.__version__
