"""Tests of maml_tf/episodes/told_apart.py and array_form.py, by a learner."""

import itertools

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf import Episode, InputError, Learner, MetaTest, OuterStep
from maml_tf.episodes.array_form import ArrayForm
from maml_tf.episodes.generated import GeneratedEpisodes, PythonEpisodes
from maml_tf.episodes.told_apart import for_each_task

LABELS = np.array([0, 1, 2])
DRAWN = np.random.default_rng(0)


def by_number(number):
    """An episode of NumPy whose inputs are those of its number."""
    x = np.random.default_rng(number).normal(size=(6, 3))
    return Episode(x[:3], LABELS, x[3:], LABELS)


def by_state(number):
    """An episode of a NumPy generator that goes on."""
    del number
    x = DRAWN.normal(size=(6, 3))
    return x[:3], LABELS, x[3:], LABELS


def as_constants(number):
    return Episode(*map(tf.constant, by_state(number)))


def half_tensorflow(number):
    x = tf.random.stateless_normal([6, 3], [0, number]) * DRAWN.uniform()
    return Episode(x[:3], LABELS, x[3:], LABELS)


def of_tensorflow(number):
    x = tf.random.stateless_normal([6, 3], [0, number])
    return Episode(x[:3], LABELS, x[3:], LABELS)


def of_a_stateful_draw(number):
    del number
    x = tf.random.normal([6, 3])
    return Episode(x[:3], LABELS, x[3:], LABELS)


def with_a_branch(number):
    return of_tensorflow(number if number > 3 else number + 100)


def learner(dtype="float32", outputs=3, **options):
    model = keras.Sequential(
        [
            keras.Input((3,), dtype=dtype),
            keras.layers.Lambda(
                lambda x: tf.cast(x, tf.float32), autocast=False
            ),
            keras.layers.Dense(outputs),
        ]
    )
    return Learner(model, inner_learning_rate=0.01, **options)


def numbered(number_of_tasks=None, like=float):
    """Episodes that hold their number."""
    numbers = itertools.count()
    if number_of_tasks is not None:
        numbers = range(number_of_tasks)
    for number in numbers:
        x = np.full((3, 3), number, like)
        yield x, LABELS, x, LABELS


class ToldApartTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        (by_number, True),
        (by_state, True),
        (as_constants, True),
        (half_tensorflow, True),
        (tf.function(as_constants), True),
        (with_a_branch, True),
        (of_tensorflow, False),
        (of_a_stateful_draw, False),
        (tf.function(of_tensorflow), False),
        (tf.function(with_a_branch), False),
    )
    def test_is_python(self, function, is_python):
        drawn = for_each_task(function)
        self.assertEqual(isinstance(drawn, PythonEpisodes), is_python)
        # Each task is another, however often the graph is traced: once.
        compiled = tf.function(drawn, autograph=False)
        first = [
            compiled(tf.constant(n, tf.int64)).support_x[0, 0].numpy()
            for n in range(20)
        ]
        self.assertLen(set(first), 20)

    def test_the_number_chooses_the_episode(self):
        draw = tf.function(for_each_task(by_number), autograph=False)
        for number in (5, 0, 5, 0, 3):
            self.assertAllClose(
                draw(tf.constant(number, tf.int64)), by_number(number)
            )

    def test_a_plain_tuple_of_tensorflow(self):
        drawn = for_each_task(lambda number: tuple(of_tensorflow(number)))
        self.assertIsInstance(drawn(3), Episode)

    @parameterized.parameters(by_number, by_state, half_tensorflow)
    def test_tasks_of_a_meta_test_differ(self, function):
        curves = [
            learner().meta_test(function, num_tasks=30, steps=0),
            MetaTest(learner().algorithm, function, num_tasks=30, steps=0)(),
        ]
        for curve in curves:
            self.assertLen(set(curve.losses[:, 0]), 30)
            self.assertGreater(curve.losses.std(), 0.0)

    @parameterized.parameters(True, False)
    def test_each_task_of_a_training_is_drawn(self, vectorize):
        numbers = []

        def counted(number):
            episode = by_number(number)
            numbers.append(number)
            return episode

        step = OuterStep(
            learner().algorithm,
            counted,
            keras.optimizers.SGD(0.0),
            tasks=4,
            vectorize=vectorize,
        )
        for iteration in range(5):
            step(iteration)
        self.assertCountEqual(numbers, range(20))

    def test_xla_is_refused(self):
        for episodes in (by_number, GeneratedEpisodes(numbered())):
            with self.assertRaisesRegex(InputError, "^jit_compile: True .*XLA"):
                OuterStep(
                    learner().algorithm,
                    episodes,
                    keras.optimizers.SGD(0.0),
                    tasks=4,
                    jit_compile=True,
                )

    def test_what_the_function_raises_is_raised(self):
        def broken(number):
            if number > 3:
                raise KeyError("mine")
            return by_number(number)

        with self.assertRaisesRegex(KeyError, "mine"):
            learner().meta_test(broken, num_tasks=9)
        with self.assertRaisesRegex(InputError, "^episodes: 3 arrays"):
            learner().meta_test(lambda number: by_number(number)[:3])


class SourcesTest(tf.test.TestCase, parameterized.TestCase):
    def sources(self, number):
        signature = (
            tf.TensorSpec([3, 3]),
            tf.TensorSpec([3], tf.int32),
        ) * 2
        episodes = list(numbered(number))

        class Sequence(keras.utils.PyDataset):
            epochs = 0

            def __len__(self):
                return number

            def __getitem__(self, index):
                return episodes[index]

            def on_epoch_end(self):
                Sequence.epochs += 1

        return {
            "iterator": iter(episodes),
            "dataset": tf.data.Dataset.from_generator(
                lambda: episodes, output_signature=signature
            ),
            "dicts": [dict(zip(Episode._fields, part)) for part in episodes],
            "py_dataset": Sequence(),
        }

    @parameterized.parameters("iterator", "dataset", "dicts", "py_dataset")
    def test_a_finite_source(self, kind):
        # 27 is one chunk of 25, and two tasks.
        source = self.sources(27)[kind]
        curve = learner().meta_test(source, num_tasks=27, steps=1)
        self.assertLen(set(curve.losses[:, 0]), 27)
        for number in (7, 25, 26):
            source = self.sources(number)[kind]
            with self.assertRaisesRegex(
                InputError, f"ended after {number} episodes"
            ):
                learner().meta_test(source, num_tasks=27, steps=1)

    def test_epochs_follow_one_another_in_training(self):
        source = self.sources(5)["py_dataset"]
        learner().meta_train(source, 3, tasks=4, progress=False)
        self.assertEqual(type(source).epochs, 2)
        with self.assertRaisesRegex(InputError, "ended after 5 episodes"):
            source = self.sources(5)["dataset"]
            learner().meta_train(source, 3, tasks=4, progress=False)

    def test_a_dataset_is_used_from_several_threads(self):
        model = learner().model
        # A convolution: tasks run in a loop, several at a time.
        x = keras.layers.Reshape((3, 1, 1))(model.inputs[0])
        x = keras.layers.Flatten()(keras.layers.Conv2D(2, 1)(x))
        model = keras.Model(model.inputs[0], keras.layers.Dense(3)(x))
        source = self.sources(4)["dataset"].repeat()
        Learner(model).meta_train(source, 20, tasks=4, progress=False)


class ArrayFormTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("int64", 3_000_000_000), ("float64", 0.1), ("uint8", 200)
    )
    def test_inputs_have_the_dtype_of_the_model(self, dtype, value):
        form = ArrayForm(learner(dtype).model)
        x = np.full((3, 3), value)
        episode = form.packed(form((x, LABELS, x, LABELS)))
        self.assertEqual(episode.support_x.dtype, dtype)
        self.assertAllEqual(episode.query_x, x.astype(dtype))
        seen = []
        trained = learner(dtype)
        trained.model.layers[0].function = lambda x: (
            seen.append(x.dtype) or tf.cast(x, tf.float32)
        )
        trained.meta_test(
            itertools.repeat((x, LABELS, x, LABELS)), num_tasks=2, steps=0
        )
        self.assertIn(dtype, seen)

    def test_whole_numbers_first(self):
        form = ArrayForm(learner().model, regression=True)
        whole = np.ones((3, 3), int)
        quarter = whole / 4
        form((whole, whole, whole, whole))
        for array in form((quarter,) * 4):
            self.assertAllEqual(array, quarter)
            self.assertEqual(array.dtype, np.float32)

    def test_through_a_learner(self):
        def series():
            for number in range(4):
                x = np.eye(3, dtype=int) if number == 0 else np.eye(3) / 4
                yield x, x[:, :1], x, x[:, :1]

        def drawn(number):
            return Episode(
                *map(tf.constant, list(series_as_floats())[int(number)])
            )

        def series_as_floats():
            for parts in series():
                yield tuple(part.astype(np.float32) for part in parts)

        regression = learner(outputs=1, task="regression")
        curves = [
            regression.meta_test(source, num_tasks=4, steps=2).losses
            for source in (series, drawn)
        ]
        self.assertAllEqual(*curves)

    def test_a_later_episode_that_does_not_fit_is_refused(self):
        whole, half = np.ones((3, 3), int), np.full((3, 3), 0.5)
        for later, pattern in (
            ((half, LABELS), r"support_x in episode 2 .*int32 .* 0\.5 among"),
            ((whole + 2**40, LABELS), "support_x in episode 2 .*int32"),
            ((whole, LABELS / 2), r"support_y in episode 2 .*int32 .* 0\.5"),
            ((half + 1j, LABELS), "complex128; it must hold real numbers"),
            ((np.full((3, 3), "a"), LABELS), "must hold real numbers"),
        ):
            form = ArrayForm()
            form((whole, LABELS) * 2)
            with self.assertRaisesRegex(InputError, f"^episodes: .*{pattern}"):
                form(later * 2)

    def test_the_first_must_fit_the_model(self):
        for dtype, x in (
            ("int32", np.full((3, 3), 0.5)),
            ("uint8", np.full((3, 3), 256)),
            ("float16", np.full((3, 3), 1e6)),
        ):
            with self.assertRaisesRegex(InputError, f"support_x .*{dtype}"):
                ArrayForm(learner(dtype).model)((x, LABELS, x, LABELS))

    def test_large_labels_keep_their_bits(self):
        form = ArrayForm()
        x = np.ones((3, 3))
        arrays = form((x, LABELS + 2**40, x, LABELS))
        self.assertAllEqual(arrays[1], LABELS + 2**40)
        self.assertEqual(arrays[3].dtype, np.int32)

    def test_several_inputs_and_strings(self):
        inputs = {
            "number": keras.Input((2,), name="number"),
            "text": keras.Input((), dtype="string", name="text"),
        }
        model = keras.Model(inputs, keras.layers.Dense(3)(inputs["number"]))
        x = {"text": ["é", "b", "c"], "number": np.ones((3, 2))}
        draw = tf.function(
            PythonEpisodes(lambda n: (x, LABELS, x, LABELS), ArrayForm(model))
        )
        episode = draw(tf.constant(0, tf.int64))
        self.assertAllEqual(episode.query_x["number"], np.ones((3, 2)))
        self.assertEqual(episode.query_x["text"][0].numpy().decode(), "é")


if __name__ == "__main__":
    tf.test.main()
