"""Tests of the benchmark: what is counted, what is computed, what is said."""

import dataclasses
import importlib
import importlib.util
import json
import math
import pathlib
import subprocess
import sys
import tempfile
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

ROOT = pathlib.Path(__file__).resolve().parents[2]

with mock.patch.object(sys, "path", [str(ROOT / "benchmarks"), *sys.path]):
    from benchmarking import flops, measurement, ours, processes, report
    from benchmarking.workloads import WORKLOADS, Workload, data, weights

    # The peers' implementations, where these are installed.
    PEERS = [
        importlib.import_module(f"benchmarking.{peer.module}").IMPLEMENTATIONS[
            name
        ]
        for peer in measurement.PEERS.values()
        if all(map(importlib.util.find_spec, peer.packages))
        for name in peer.implementations
    ]

TINY = {
    "strides": Workload(
        "strides", 2, 5, 10, 2, 0.1, input_shape=(28, 28, 1), filters=4
    ),
    "pools": Workload(
        "pools", 2, 3, 6, 2, 0.1, (16, 20, 2), 3, filters=4, max_pool=True
    ),
    "dense": Workload(
        "dense", 3, 5, 7, 2, 0.1, (1,), 1, widths=(6, 5), updates_per_call=4
    ),
}


def network(workload, weights, x):
    """The workload's network in plain TensorFlow."""
    weights = iter(weights)
    for _ in workload.widths:
        x = tf.nn.relu(x @ next(weights) + next(weights))
    if not workload.widths:
        for _ in range(4):
            stride = 1 if workload.max_pool else 2
            x = tf.nn.conv2d(x, next(weights), stride, "SAME") + next(weights)
            mean = tf.reduce_mean(x, (0, 1, 2))
            variance = tf.reduce_mean(tf.square(x - mean), (0, 1, 2))
            x = (x - mean) / tf.sqrt(variance + 1e-3) + next(weights)
            x = tf.nn.relu(x)
            if workload.max_pool:
                x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        if workload.max_pool:
            x = tf.reshape(x, [x.shape[0], -1])
        else:
            x = tf.reduce_mean(x, (1, 2))
    return x @ next(weights) + next(weights)


def loss(workload, weights, x, y):
    outputs = network(workload, weights, x)
    if workload.outputs == 1:
        return tf.reduce_mean(tf.square(outputs - y))
    labels = tf.one_hot(y, workload.outputs, dtype=outputs.dtype)
    return -tf.reduce_mean(
        tf.reduce_sum(labels * tf.nn.log_softmax(outputs), -1)
    )


def task_gradient(workload, theta, task, second_order=True):
    """One task's query loss and its gradient by θ, by nested tapes."""
    support_x, support_y, query_x, query_y = task
    with tf.GradientTape(watch_accessed_variables=False) as outer:
        outer.watch(theta)
        phi = theta
        for _ in range(workload.inner_steps):
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(phi)
                support_loss = loss(workload, phi, support_x, support_y)
            gradient = inner.gradient(support_loss, phi)
            if not second_order:
                gradient = [tf.stop_gradient(g) for g in gradient]
            phi = [
                p - workload.inner_learning_rate * g
                for p, g in zip(phi, gradient)
            ]
        query_loss = loss(workload, phi, query_x, query_y)
    return query_loss, outer.gradient(query_loss, theta)


def in_float64(array):
    is_float = array.dtype == np.float32
    return tf.constant(array.astype(np.float64) if is_float else array)


def meta_gradient(workload, second_order=True, task=None):
    """A task's or the mean over all, `(loss, one vector)`, in float64."""
    theta = [in_float64(array) for array in weights(workload)]
    arrays = [in_float64(array) for array in data(workload)]
    losses, gradients = [], []
    for number in range(workload.tasks) if task is None else [task]:
        given = [array[number] for array in arrays]
        one, gradient = task_gradient(workload, theta, given, second_order)
        losses.append(one)
        gradients.append(flat(gradient))
    return np.mean(losses), np.mean(gradients, axis=0)


def flat(arrays):
    return np.concatenate([np.ravel(array) for array in arrays])


def made(implementation, workload):
    return implementation(workload, weights(workload), data(workload))


def operations(graph):
    """Floating-point operations of the products that the outputs need."""
    needed = {tensor.op for tensor in graph.outputs}
    total = 0
    for op in reversed(graph.get_operations()):
        if op not in needed:
            continue
        needed.update(tensor.op for tensor in op.inputs)
        shapes = [tuple(tensor.shape) for tensor in op.inputs]
        if op.type == "MatMul":
            shared = shapes[0][0 if op.get_attr("transpose_a") else 1]
            total += 2 * math.prod(op.outputs[0].shape) * shared
        elif op.type == "Conv2D":
            kernel = math.prod(shapes[1][:3])
            total += 2 * math.prod(op.outputs[0].shape) * kernel
        elif op.type == "Conv2DBackpropInput":
            total += 2 * math.prod(shapes[2]) * math.prod(shapes[1][:3])
        elif op.type == "Conv2DBackpropFilter":
            kernel = math.prod(op.outputs[0].shape[:3])
            total += 2 * math.prod(shapes[2]) * kernel
    return total


class WorkloadsTest(parameterized.TestCase):
    @parameterized.parameters(*WORKLOADS.values(), *TINY.values())
    def test_data_and_weights(self, workload):
        for array, examples in zip(data(workload), "sSqQ"):
            size = workload.support if examples in "sS" else workload.query
            self.assertEqual(array.shape[:2], (workload.tasks, size))
        support_x, support_y, query_x, query_y = data(workload)
        self.assertEqual(support_x.shape[2:], workload.input_shape)
        self.assertEqual(query_x.shape[2:], workload.input_shape)
        for y in (support_y, query_y):
            if workload.draws_tasks:
                self.assertEqual(y.shape[2:], (1,))
            else:
                for labels in y:
                    counts = np.bincount(labels, minlength=workload.outputs)
                    self.assertLen(counts, workload.outputs)
                    self.assertLen(set(counts), 1)
        model = ours.network(workload)
        self.assertEqual(
            [array.shape for array in weights(workload)],
            [variable.shape for variable in model.trainable_variables],
        )
        for array in weights(workload):
            self.assertEqual(array.dtype, np.float32)
        np.testing.assert_array_equal(data(workload)[2], query_x)
        self.assertNotEqual(data(workload, 1)[2].sum(), query_x.sum())


class FlopsTest(parameterized.TestCase):
    def test_by_hand(self):
        sinusoid = WORKLOADS["sinusoid"]
        self.assertEqual(flops.layers(sinusoid), [80, 3200, 80])
        # 25 tasks; 9 passes of 10 support, 3 of 10 query examples.
        self.assertEqual(flops.meta_update(sinusoid), 25 * 120 * 3360)
        self.assertEqual(
            flops.meta_update(sinusoid, second_order=False), 25 * 60 * 3360
        )
        omniglot = WORKLOADS["omniglot_5way_1shot_5step"]
        self.assertEqual(
            flops.layers(omniglot),
            [
                2 * 14 * 14 * 3 * 3 * 1 * 64,
                2 * 7 * 7 * 3 * 3 * 64 * 64,
                2 * 4 * 4 * 3 * 3 * 64 * 64,
                2 * 2 * 2 * 3 * 3 * 64 * 64,
                2 * 64 * 5,
            ],
        )
        self.assertEqual(
            flops.meta_update(omniglot),
            32 * (9 * 25 + 3 * 75) * flops.forward(omniglot),
        )
        images = WORKLOADS["mini_imagenet_5way_1shot"]
        self.assertEqual(
            flops.layers(images),
            [
                2 * 84 * 84 * 3 * 3 * 3 * 32,
                2 * 42 * 42 * 3 * 3 * 32 * 32,
                2 * 21 * 21 * 3 * 3 * 32 * 32,
                2 * 10 * 10 * 3 * 3 * 32 * 32,
                2 * 5 * 5 * 32 * 5,
            ],
        )

    @parameterized.parameters(*WORKLOADS.values(), *TINY.values())
    def test_forward_against_the_model(self, workload):
        counts = [
            2 * math.prod((*layer.output.shape[1:-1], *layer.kernel.shape))
            for layer in ours.network(workload).layers
            if hasattr(layer, "kernel")
        ]
        self.assertEqual(flops.layers(workload), counts)

    @parameterized.product(
        workload=tuple(TINY.values()), second_order=(True, False)
    )
    def test_meta_update_against_the_graph(self, workload, second_order):
        @tf.function(autograph=False)
        def one_task():
            theta = [tf.constant(array) for array in weights(workload)]
            task = [tf.constant(array[0]) for array in data(workload)]
            return task_gradient(workload, theta, task, second_order)

        counted = operations(one_task.get_concrete_function().graph)
        # The one thing that is not deducted.
        support = workload.inner_steps * workload.support
        saved = (5 if second_order else 1) * support + workload.query
        self.assertEqual(
            counted * workload.tasks,
            flops.meta_update(workload, second_order)
            - workload.tasks * saved * flops.layers(workload)[0],
        )


class MetaGradientTestCase(parameterized.TestCase):
    def assertRight(self, implementation, workload, second_order=True):
        """The implementation's meta-gradient is that of the nested tapes."""
        implementation = made(implementation, workload)
        for task in (None, workload.tasks - 1):
            value, gradient = implementation.meta_gradient(task)
            expected_value, expected = meta_gradient(
                workload, second_order, task
            )
            self.assertAlmostEqual(value, expected_value, places=4)
            difference = np.linalg.norm(flat(gradient) - expected)
            self.assertLess(difference / np.linalg.norm(expected), 1e-3)


@pytest.mark.slow
class OursTest(MetaGradientTestCase):
    @parameterized.parameters(*TINY.values())
    def test_second_order(self, workload):
        self.assertRight(ours.IMPLEMENTATIONS["maml_tf"], workload)

    @parameterized.parameters(*TINY.values())
    def test_first_order(self, workload):
        implementation = ours.IMPLEMENTATIONS["maml_tf_first_order"]
        self.assertRight(implementation, workload, second_order=False)

    def test_steps_learn_from_the_given_images(self):
        implementation = made(ours.MAML, TINY["strides"])
        before, _ = implementation.meta_gradient()
        self.assertAlmostEqual(implementation.step(), before, places=5)
        for _ in range(5):
            implementation.step()
        after, _ = implementation.meta_gradient()
        self.assertLess(after, before)

    def test_steps_draw_sine_waves(self):
        implementation = made(ours.MAML, TINY["dense"])
        self.assertEqual(implementation.updates_per_call, 4)
        losses = {implementation.step() for _ in range(3)}
        self.assertLen(losses, 3)


if PEERS:

    class PeersTest(MetaGradientTestCase):
        @parameterized.product(
            implementation=PEERS, workload=tuple(TINY.values())
        )
        def test_second_order(self, implementation, workload):
            self.assertRight(implementation, workload)


class FakeWorker:
    """Answers what a worker would; `failing` ones fail from a command on."""

    seconds = {}
    gradients = {}
    failing = {}

    def __init__(self, module, implementation, workload, seed):
        self.version = "1.0"
        self.implementation = implementation

    def ask(self, command, *arguments):
        if self.failing.get(self.implementation) == command:
            raise processes.WorkerError("no memory")
        if command == "meta_gradients":
            gradients = self.gradients.get(self.implementation, [[3.0]] * 3)
            np.save(*arguments, gradients)
            return {"loss": 1.5}
        seconds = self.seconds.get(self.implementation, 0.1)
        return {
            "first_step": {"seconds": 9.0, "name": "x", "updates": 2},
            "step": {"seconds": seconds},
            "memory": {"bytes": 5_000_000, "gpu_bytes": None},
        }[command]

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass


class MeasurementTest(parameterized.TestCase):
    def measure(
        self, peers=tuple(measurement.PEERS), workload="sinusoid", **fakes
    ):
        """Measures fake workers; returns the result and the warnings."""
        for name, value in fakes.items():
            self.enter_context(mock.patch.object(FakeWorker, name, value))
        self.enter_context(
            mock.patch.multiple(
                measurement,
                Worker=FakeWorker,
                _REST=0,
                machine=mock.Mock(gemm_gflops=lambda: 0.5),
            )
        )
        warnings = []
        benchmark = measurement.Benchmark(
            repetitions=7, seconds=60.0, seed=0, warn=warnings.append
        )
        workload = WORKLOADS[workload]
        chosen = measurement.candidates(workload, peers, first_order=True)
        return benchmark.measure(workload, chosen), warnings

    def lines(self, result):
        return {x["implementation"]: x for x in result["implementations"]}

    def test_figures(self):
        result, warnings = self.measure(
            seconds={
                "torch_vmap": 0.4,
                "torch_loop": 0.3,
                "torch_channels_last": 0.5,
                "torch_compiled_loop": 0.35,
                "torch_compiled_vmap": 0.6,
                "tensorflow1": 0.2,
                "jax_vmap": 0.05,
            }
        )
        self.assertEmpty(warnings)
        self.assertEqual(result["gemm_gflops"], 0.5)
        lines = self.lines(result)
        self.assertLen(lines, 9)
        mine = lines["maml_tf"]
        self.assertLen(mine["milliseconds"], 7)
        # Two updates in a step of 0.1 s, 25 tasks in an update.
        self.assertAlmostEqual(mine["median_ms"], 50.0)
        self.assertAlmostEqual(mine["tasks_per_second"], 500.0)
        self.assertAlmostEqual(mine["gflops"], 0.01008 / 0.05)
        self.assertAlmostEqual(mine["percent_of_gemm"], 40.32)
        self.assertEqual(mine["peak_memory_mb"], 5.0)
        self.assertEqual(mine["first_step_seconds"], 9.0)
        best = {n: x["best_of_peer"] for n, x in lines.items()}
        self.assertEqual(
            best,
            {
                "maml_tf": False,
                "torch_vmap": False,
                "torch_loop": True,
                "torch_channels_last": False,
                "torch_compiled_vmap": False,
                "torch_compiled_loop": False,
                "jax_vmap": True,
                "jax_scan": False,
                "tensorflow1": True,
            },
        )
        self.assertAlmostEqual(lines["torch_loop"]["times_ours"], 3.0)
        rivals = report.comparison(result)
        self.assertAlmostEqual(rivals["torch"], 150.0)
        self.assertAlmostEqual(rivals["jax"], 25.0)
        self.assertAlmostEqual(rivals["tensorflow1"], 100.0)
        self.assertRegex(report.summary([result]), r"sinusoid +50.0 +150 +3.00")
        self.assertEmpty(measurement.disagreements(result))

    def test_a_slow_peer_takes_fewer_repetitions(self):
        result, _ = self.measure(
            seconds={"torch_vmap": 100.0, "torch_loop": 15.0}
        )
        lines = self.lines(result)
        self.assertLen(lines["torch_vmap"]["milliseconds"], 2)
        # And the warm-up: four times 15 seconds.
        self.assertLen(lines["torch_loop"]["milliseconds"], 3)
        self.assertLen(lines["jax_scan"]["milliseconds"], 7)

    @parameterized.parameters("meta_gradients", "first_step", "step", "memory")
    def test_goes_on_without_a_peer_that_fails(self, command):
        result, warnings = self.measure(failing={"torch_loop": command})
        self.assertEqual(warnings, ["torch_loop on sinusoid: no memory"])
        self.assertNotIn("torch_loop", self.lines(result))
        self.assertLen(self.lines(result), 8)
        self.assertTrue(self.lines(result)["torch_vmap"]["best_of_peer"])

    def test_does_not_go_on_without_ours(self):
        with self.assertRaisesRegex(
            processes.WorkerError, "maml_tf on sinusoid: no memory"
        ):
            self.measure(failing={"maml_tf": "step"})

    @parameterized.parameters(
        ([[3.05], [2.95], [3]], True),
        ([[3.05], [3.05], [4]], True),
        # One task may jump, not most of them.
        ([[3], [3.07], [2.9]], False),
        ([[3], [np.nan], [3]], False),
        ([[3, 0]] * 3, False),
    )
    def test_gradients_are_compared(self, gradient, agrees):
        result, _ = self.measure(gradients={"jax_scan": gradient})
        line = self.lines(result)["jax_scan"]
        self.assertEqual(line["agrees"], agrees)
        sentences = measurement.disagreements(result)
        self.assertLen(sentences, 0 if agrees else 1)
        json.dumps(result, allow_nan=False)

    def test_first_order_where_there_are_steps(self):
        result, _ = self.measure(workload="omniglot_20way_1shot", peers=())
        line = self.lines(result)["maml_tf_first_order"]
        self.assertIsNone(line["gradient_differs_by"])
        mine = self.lines(result)["maml_tf"]
        # 9 and 3 for twenty examples, five steps of support.
        self.assertAlmostEqual(
            line["gflops"] / mine["gflops"], (5 * 3 + 3) / (5 * 9 + 3)
        )
        self.assertIn("inner steps", report.workload(result))


@pytest.mark.slow
class WorkerTest(parameterized.TestCase):
    def test_errors_are_answers(self):
        with processes.Worker("ours", "maml_tf", "sinusoid", 0) as worker:
            with self.assertRaisesRegex(processes.WorkerError, "AttributeErr"):
                worker.ask("fly")
        with self.assertRaisesRegex(processes.WorkerError, "ModuleNotFound"):
            processes.Worker("theirs", "maml_tf", "sinusoid", 0)

    def test_a_process_that_vanished(self):
        with processes.Worker("ours", "maml_tf", "sinusoid", 0) as worker:
            worker._process.kill()
            with self.assertRaisesRegex(processes.WorkerError, "status -9"):
                worker.ask("first_step")


def run(*flags, without=()):
    """Runs the script, as if the modules `without` were not installed."""
    code = (
        "import runpy, sys;"
        f"sys.modules.update(dict.fromkeys({list(without)}));"
        "sys.path.insert(0, 'benchmarks');"
        "runpy.run_path('benchmarks/benchmark.py', run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
class ScriptTest(parameterized.TestCase):
    def test_end_to_end(self):
        with tempfile.TemporaryDirectory() as folder:
            output = pathlib.Path(folder) / "new" / "benchmark.json"
            ran = run(
                "--workloads=sinusoid",
                "--peers=",
                "--repetitions=2",
                f"--output={output}",
            )
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertEqual(ran.stderr, "")
            result = json.loads(output.read_text())
            self.assertLen(list(output.parent.iterdir()), 1)
        self.assertEqual((result["repetitions"], result["seed"]), (2, 0))
        self.assertGreater(result["machine"]["cores"], 0)
        self.assertEqual(result["versions"]["numpy"], np.__version__)
        (measured,) = result["workloads"]
        sinusoid = json.loads(
            json.dumps(dataclasses.asdict(WORKLOADS["sinusoid"]))
        )
        self.assertEqual({**measured, **sinusoid}, measured)
        self.assertLen(measured["gemm_gflops_each"], 3)
        (line,) = measured["implementations"]
        self.assertLen(line["milliseconds"], 2)
        self.assertAlmostEqual(line["min_ms"], min(line["milliseconds"]))
        self.assertGreater(line["first_step_seconds"], line["median_ms"] / 1e3)
        self.assertBetween(line["peak_memory_mb"], 200, 4000)
        expected = np.mean(
            [meta_gradient(WORKLOADS["sinusoid"], task=t)[0] for t in range(9)]
        )
        self.assertAlmostEqual(line["loss"], expected, places=4)
        self.assertIn(result["machine"]["cpu"], ran.stdout)
        self.assertRegex(ran.stdout, r"sinusoid: 25 tasks, 10 support")
        self.assertRegex(ran.stdout, rf"maml_tf +{line['median_ms']:.2f} ")
        self.assertRegex(ran.stdout, r"sinusoid +\S+ +- +- +- +- +\S+ +\S+")

    @parameterized.parameters(
        (["--workloads=sinus"], "workloads: 'sinus'.*sinusoid, omniglot_5way"),
        (["--peers=torch,mxnet"], "peers: 'mxnet'.*torch, jax"),
        (["--peers=torch"], "peers: torch .*`make benchmark`.*pip install"),
        (["--peers=jax"], "peers: jax .*`make benchmark`.*pip install"),
        (["--output=scripts"], "output: scripts is a folder"),
    )
    def test_refuses_with_a_sentence(self, flags, pattern):
        ran = run(*flags, without=("torch", "jax"))
        self.assertEqual(ran.returncode, 1)
        self.assertRegex(ran.stderr, rf"^error: {pattern}.*\n$")

    def test_help_teaches(self):
        ran = run("--help")
        self.assertRegex(ran.stdout, r"(?m)^  --peers[= ]")
        self.assertIn("make benchmark", ran.stdout)


if __name__ == "__main__":
    tf.test.main()
