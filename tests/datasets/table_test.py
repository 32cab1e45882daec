"""Tests of table.py and regression_tasks.py, on files that the tests write."""

import json
import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import maml_tf
from maml_tf import datasets
from maml_tf.datasets import table as table_module
from maml_tf.datasets.building import class_splits
from maml_tf.errors import InputError

TASKS = [f"task{i}" for i in range(10)]
ROWS = 12


def rows_of(task):
    """x1 tells the row, x2 is constant; y and target_b have other scales."""
    number = TASKS.index(task)
    for row in range(ROWS):
        x1 = 100 * number + row
        yield [task, x1, 7, 2 * x1 + 1, -1000 * x1]


def rows_table(**changed):
    """Lines of a table of rows; `changed` maps tasks to functions of cells."""
    header = ["task", "x1", "x2", "y", "target_b"]
    body = [row for task in TASKS for row in rows_of(task)]
    body = [changed.get(row[0], lambda cells: cells)(row) for row in body]
    return [header, *body]


def series_table(length=40):
    """Lines of a table of series: the value tells task and time."""
    return [
        ["task", "time", "value"],
        *(
            [task, time, 1000 * number + time]
            for time in reversed(range(length))
            for number, task in enumerate(TASKS)
        ),
    ]


class TableTestCase(tf.test.TestCase, parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory())
        )

    def write(self, lines, name="a.csv", delimiter=","):
        text = "".join(
            delimiter.join(map(str, cells)) + "\n" for cells in lines
        )
        (self.folder / name).write_text(text, encoding="utf-8")
        return f"table:{self.folder / name}"

    def load(self, lines, **options):
        return datasets.load(self.write(lines), **options)

    def assertRefused(self, pattern, lines, **options):
        with self.assertRaisesRegex(InputError, pattern) as raised:
            self.load(lines, **options)
        self.assertNotIn("\n", str(raised.exception))


def raw_inputs(dataset, x):
    """Undoes the standardisation of inputs."""
    layer = dataset.preparation.layers[-1]
    return x * np.sqrt(layer.input_variance) + np.array(layer.input_mean)


class RowsTest(TableTestCase):
    def test_what_it_is(self):
        dataset = self.load(rows_table())
        self.assertEqual(dataset.input_shape, (2,))
        self.assertEqual(dataset.outputs(5), 2)
        self.assertEqual(dataset.metric_name, "mae")
        self.assertIs(dataset.loss, maml_tf.losses.mean_squared_error)
        self.assertIsNone(dataset.num_classes)
        episode = dataset.episodes("train", 5, 3, 4, 0)(0)
        self.assertEqual(
            [field.shape.as_list() for field in episode],
            [[3, 2], [3, 2], [4, 2], [4, 2]],
        )
        self.assertTrue(all(field.dtype == tf.float32 for field in episode))

    def test_standardised_by_the_training_tasks_alone(self):
        tasks = class_splits.by_seed(len(TASKS), 3)
        x1 = np.array(
            [row[1] for i in tasks["train"] for row in rows_of(TASKS[i])]
        )
        test_task = TASKS[tasks["test"][0]]

        def far(row):
            return [row[0], row[1] + 1000, row[2] + 1000, *row[3:]]

        for table in (rows_table(), rows_table(**{test_task: far})):
            dataset = self.load(table, split_seed=3)
            layer = dataset.preparation.layers[-1]
            # A constant feature's deviation counts as 1.
            self.assertAllClose(layer.input_mean, [x1.mean(), 7.0], rtol=1e-12)
            self.assertAllClose(
                layer.input_variance, [x1.var(), 1.0], rtol=1e-12
            )
            self.assertAllClose(
                dataset.metric.keywords["scale"],
                [2 * x1.std(), 1000 * x1.std()],
            )

    def test_changing_a_training_task_changes_the_standardisation(self):
        tasks = class_splits.by_seed(len(TASKS), 3)
        changed = {
            TASKS[tasks["train"][0]]: lambda row: [row[0], row[1] + 1, *row[2:]]
        }
        means = [
            self.load(table, split_seed=3).preparation.layers[-1].input_mean
            for table in (rows_table(), rows_table(**changed))
        ]
        self.assertGreater(means[1][0], means[0][0])

    def test_episodes_are_of_one_task_and_disjoint(self):
        dataset = self.load(rows_table())
        seen = {}
        for split in ("train", "valid", "test"):
            draw = dataset.episodes(split, 5, 4, 8, 0)
            tasks = set()
            for number in range(40):
                episode = draw(number)
                x = np.concatenate([episode.support_x, episode.query_x])
                x = np.rint(raw_inputs(dataset, x)[:, 0]).astype(int)
                # All twelve rows of one task, each once.
                task = x.min() // 100
                self.assertAllEqual(np.sort(x), 100 * task + np.arange(ROWS))
                y = np.concatenate([episode.support_y, episode.query_y])
                # Targets stand beside their inputs.
                self.assertAllClose(y[:, 0], -y[:, 1], atol=1e-5)
                self.assertAllEqual(np.argsort(x), np.argsort(y[:, 0]))
                tasks.add(task)
            seen[split] = tasks
        # Every task is drawn, and splits share none.
        self.assertEqual(sorted(map(len, seen.values())), [2, 2, 6])
        self.assertLen(set.union(*seen.values()), len(TASKS))

    def test_preparation_makes_of_raw_inputs_what_episodes_hold(self):
        dataset = self.load(rows_table())
        episode = dataset.episodes("train", 1, 5, 5, 0)(0)
        raw = np.rint(raw_inputs(dataset, episode.support_x.numpy()))
        path = str(self.folder / "preparation.keras")
        dataset.preparation.save(path)
        saved = keras.saving.load_model(path)
        self.assertAllClose(saved(raw), episode.support_x, atol=1e-5)
        self.assertEqual(saved.get_config(), dataset.preparation.get_config())

    def test_metric_is_in_the_targets_units(self):
        lines = [["task", "x", "y"]]
        # Targets 0 and 20 in every task: mean 10, deviation 10.
        lines += [[t, x, 20 * x] for t in "abc" for x in (0, 1)]
        metric = self.load(lines).metric
        y = tf.constant([[1.0], [-1.0], [1.0]])
        # The truth is 20, 0, 20; predicted are 10, 0, 15.
        outputs = tf.constant([[0.0], [-1.0], [0.5]])
        self.assertAllClose(metric(y, outputs), (10 + 0 + 5) / 3)

    def test_metric_of_two_targets_is_their_mean(self):
        lines = [["task", "x", "y1", "y2"]]
        lines += [[t, x, 20 * x, 2 * x] for t in "abc" for x in (0, 1)]
        metric = self.load(lines).metric
        # Errors of 10 and 1, in their units.
        self.assertAllClose(metric(tf.ones([4, 2]), tf.zeros([4, 2])), 5.5)

    def test_same_seed_same_episodes(self):
        table = rows_table()
        one, same = (
            self.load(table).episodes("train", way, 4, 4, 7) for way in (1, 5)
        )
        other = self.load(table).episodes("train", 1, 4, 4, 8)
        for number in (0, 3):
            for a, b in zip(one(number), same(number)):
                self.assertAllEqual(a, b)
        self.assertNotAllClose(one(0).support_x, other(0).support_x)
        self.assertNotAllClose(one(0).support_x, one(1).support_x)

    @parameterized.named_parameters(("graph", False), ("xla", True))
    def test_vectorized_map_draws_the_eager_episodes(self, jit_compile):
        numbers = tf.range(3, dtype=tf.int64)
        for lines in (rows_table(), series_table()):
            draw = self.load(lines).episodes("train", 1, 4, 3, 0)
            mapped = tf.function(
                lambda draw=draw: tf.vectorized_map(draw, numbers),
                jit_compile=jit_compile,
            )()
            for number in range(3):
                for one, many in zip(draw(number), mapped, strict=True):
                    self.assertAllEqual(one, many[number])

    @parameterized.parameters(
        ("a.csv", ","), ("a.csv", ";"), ("a.txt", "\t"), ("a.tsv", "\t")
    )
    def test_delimiters_give_the_same(self, name, delimiter):
        expected = self.load(rows_table()).episodes("test", 1, 4, 4, 0)(0)
        written = self.write(rows_table(), f"b{name}", delimiter)
        actual = datasets.load(written).episodes("test", 1, 4, 4, 0)(0)
        for a, b in zip(expected, actual):
            self.assertAllEqual(a, b)

    def test_order_of_columns_byte_order_mark_and_empty_lines(self):
        expected = self.load(rows_table())
        lines = [[row[i] for i in (3, 1, 0, 2, 4)] for row in rows_table()]
        path = self.write(lines, "b.csv").removeprefix("table:")
        text = pathlib.Path(path).read_text()
        pathlib.Path(path).write_text("\ufeff" + text.replace("\n", "\r\n\r\n"))
        actual = datasets.load(f"table:{path}")
        for a, b in zip(
            expected.episodes("test", 1, 4, 4, 0)(0),
            actual.episodes("test", 1, 4, 4, 0)(0),
        ):
            self.assertAllEqual(a, b)

    def test_tasks_divided_by_a_file(self):
        path = self.folder / "split.json"
        path.write_text(
            json.dumps(
                {"train": TASKS[:3], "valid": ["task4"], "test": ["task9"]}
            )
        )
        dataset = self.load(rows_table(), class_split=str(path))
        layer = dataset.preparation.layers[-1]
        self.assertAllClose(layer.input_mean[0], 100 + 5.5)
        x = dataset.episodes("test", 1, 6, 6, 0)(0).query_x
        self.assertAllInRange(raw_inputs(dataset, x.numpy())[:, 0], 899.9, 912)

    def test_small_tasks_are_left_out_and_said(self):
        small = TASKS[class_splits.by_seed(len(TASKS))["train"][2]]
        lines = rows_table()
        lines = [line for line in lines if line[0] != small or line[1] % 2]
        dataset = self.load(lines)
        dataset.episodes("train", 1, 3, 3, 0)
        with self.assertWarnsRegex(
            UserWarning,
            "shot: 4 was given, and 3 for query; tasks must have at least 7"
            " rows; left out are 1 of the 6 tasks of the train split:"
            f" {small}",
        ):
            draw = dataset.episodes("train", 1, 4, 3, 0)
        for number in range(30):
            x = raw_inputs(dataset, draw(number).query_x.numpy())[0, 0]
            self.assertNotEqual(round(float(x)) // 100, TASKS.index(small))

    def test_too_few_rows(self):
        dataset = self.load(rows_table())
        with self.assertRaisesRegex(
            InputError, "^shot: 10 .* 3 for query; .* 13 rows, .* has 12"
        ):
            dataset.episodes("test", 1, 10, 3, 0)
        with self.assertRaisesRegex(InputError, "query: 0"):
            dataset.episodes("test", 1, 1, 0, 0)


class SeriesTest(TableTestCase):
    @parameterized.parameters((5, 1), (5, 3), (1, 6))
    def test_windows_in_order_without_the_future(self, window, horizon):
        dataset = self.load(series_table(), window=window, horizon=horizon)
        self.assertEqual(dataset.input_shape, (window,))
        self.assertEqual(dataset.outputs(1), horizon)
        draw = dataset.episodes("train", 1, 4, 5, 0)
        gaps = set()
        for number in range(150):
            episode = draw(number)
            support, query = (
                np.rint(raw_inputs(dataset, np.concatenate(part, 1))).astype(
                    int
                )
                for part in (episode[:2], episode[2:])
            )
            windows = np.concatenate([support, query])
            self.assertEqual(np.unique(windows // 1000).size, 1)
            times = windows % 1000
            # Consecutive values, windows that differ, in order.
            self.assertAllEqual(
                times - times[:, :1],
                np.tile(np.arange(window + horizon), [9, 1]),
            )
            self.assertAllGreater(np.diff(times[:, 0]), 0)
            # The query's targets come after all that the support set holds.
            last_known = times[:4].max()
            first_target = times[4:, window:].min()
            self.assertGreater(first_target, last_known)
            gaps.add(first_target - last_known)
            self.assertLess(times.max(), 40)
        # No farther than needed.
        self.assertEqual(min(gaps), 1)

    def test_shortest_series_has_one_episode(self):
        # Windows of 5 + 3 values; two of support, one of query, the latter
        # three hours later: hours 0 ... 7, 1 ... 8, 4 ... 11.
        options = {"window": 5, "horizon": 3}
        dataset = self.load(series_table(length=12), **options)
        episode = dataset.episodes("test", 1, 2, 1, 0)(0)
        x = raw_inputs(dataset, episode.support_x.numpy())
        self.assertAllClose(x[:, 0] % 1000, [0, 1], atol=1e-2)
        y = raw_inputs(dataset, episode.query_y.numpy())
        self.assertAllClose(y % 1000, [[9, 10, 11]], atol=1e-2)
        dataset = self.load(series_table(length=11), **options)
        with self.assertRaisesRegex(
            InputError,
            r"at least 12 values \(window=5, horizon=3\), .* has 11\.",
        ):
            dataset.episodes("test", 1, 2, 1, 0)

    def test_defaults(self):
        dataset = self.load(series_table())
        self.assertEqual(dataset.input_shape, (24,))
        self.assertEqual(dataset.outputs(1), 1)

    def test_dates_numbers_and_order_of_rows_give_the_same(self):
        expected = self.load(series_table(), window=4)
        formats = (
            lambda hour: f"2024-02-{1 + hour // 24:02d}T{hour % 24:02d}:00:00",
            lambda hour: f"2024-02-{1 + hour // 24:02d} {hour % 24:02d}:00Z",
            lambda hour: f"{hour / 8}",
        )
        for form in formats:
            header, *lines = series_table()
            lines = [[task, form(hour), value] for task, hour, value in lines]
            actual = self.load([header, *lines[::-1]], window=4)
            for a, b in zip(
                expected.episodes("test", 1, 4, 4, 0)(0),
                actual.episodes("test", 1, 4, 4, 0)(0),
            ):
                self.assertAllEqual(a, b)

    def test_statistics_are_of_the_training_tasks(self):
        train = class_splits.by_seed(len(TASKS))["train"]
        values = 1000 * train[:, np.newaxis] + np.arange(40)
        dataset = self.load(series_table(), window=4, horizon=2)
        layer = dataset.preparation.layers[-1]
        self.assertAllClose(layer.input_mean, values.mean())
        self.assertAllClose(layer.input_variance, values.var())
        self.assertAllClose(
            dataset.metric.keywords["scale"], [values.std()] * 2
        )
        dataset.preparation.save(self.folder / "preparation.keras")
        episode = dataset.episodes("train", 1, 1, 1, 0)(0)
        raw = raw_inputs(dataset, episode.query_x.numpy())
        self.assertAllClose(
            dataset.preparation(raw), episode.query_x, atol=1e-5
        )

    def test_uneven_times_are_said(self):
        lines = [line for line in series_table() if line[:2] != ["task3", 7]]
        with self.assertWarnsRegex(UserWarning, "of 1 of its tasks are not ev"):
            self.load(lines)


class BadInputTest(TableTestCase):
    def bad_cell(self, cell, column, table=None):
        lines = table or rows_table()
        lines[5][lines[0].index(column)] = cell
        return lines

    @parameterized.parameters(
        ("", "x1"),
        ("nan", "x2"),
        ("inf", "y"),
        ("1e30", "y"),
        ("1.5 kW", "x1"),
        ("1_000", "target_b"),
    )
    def test_cells_that_are_no_numbers(self, cell, column):
        self.assertRefused(
            f"^dataset: .*a.csv, line 6, column {column}: '{cell}' was found;"
            " it must be a number",
            self.bad_cell(cell, column),
        )

    def test_advice_to_convert(self):
        for cell, advice in (
            ("", "leave rows without a value out"),
            ("n/a", "leave rows without a value out"),
        ):
            self.assertRefused(advice, self.bad_cell(cell, "y"))
        self.assertIn('decimal=","', table_module._advice("1.234,5"))

    def test_months_and_dates_with_dots(self):
        for day in ("2024-03-01", "2024-03", "01.03.2024"):
            self.assertEqual(
                table_module._time(day), table_module._time("2024-03-01"), day
            )
        later = table_module._time("01.03.2024 12:00:00")[1]
        self.assertEqual(later - table_module._time("2024-03")[1], 12 * 3600)
        for other in ("31.02.2024", "1/3/2024", "2024-13"):
            self.assertEqual(table_module._time(other), (None, None), other)

    def test_our_names_in_capitals(self):
        for columns, expected in (
            (["Task", "Time", "Value"], ["task", "time", "value"]),
            (["Task", "X", "Y"], ["task", "X", "y"]),
            (["task", "Y", "y"], ["task", "Y", "y"]),
            (["Task", "task", "Target_a"], ["Task", "task", "target_a"]),
        ):
            self.assertEqual(table_module._with_our_names(columns), expected)

    def test_cells_of_series(self):
        for cell, column, needed in (
            ("", "value", "a number"),
            ("yesterday", "time", "ISO 8601"),
            ("nan", "time", "ISO 8601"),
            ("2024-01-31", "time", "without a time zone, but line 2 .* number"),
        ):
            self.assertRefused(
                f"line 6, column {column}: '{cell}' .*{needed}",
                self.bad_cell(cell, column, series_table()),
            )

    def test_a_time_that_is_there_twice(self):
        lines = series_table()
        lines.append(["task2", 30, 5.0])
        self.assertRefused(
            "line 402: the time .30. of task task2 is there already, .* 94;",
            lines,
        )

    def test_a_task_without_a_name(self):
        self.assertRefused(
            "line 6, column task: '' was found", self.bad_cell("", "task")
        )

    @parameterized.parameters(
        (["x", "y"], "the columns x, y;"),
        (["task", "x"], "the columns task, x; there must be task, features"),
        (["task", "y"], "the columns task, y;"),
        (
            ["task", "time", "value", "place"],
            "or, for series, exactly task, time, val",
        ),
        (["task", "x", "x", "y"], "2 columns named x"),
        (["", "task", "x", "y"], "column 1 has no name"),
    )
    def test_columns(self, header, sentence):
        self.assertRefused(sentence, [header, ["1"] * len(header)])

    def test_rows_of_other_lengths(self):
        lines = rows_table()
        lines[3].append("more")
        self.assertRefused("line 4: it has 6 cells, but there are 5", lines)
        self.assertRefused("line 2: it has 1 cell,", [lines[0], ["a"]])

    def test_too_little(self):
        self.assertRefused("is empty", [])
        self.assertRefused("has no rows", rows_table()[:1])
        self.assertRefused(
            r"has 1 task \(task0\); .*at least 3", rows_table()[: ROWS + 1]
        )

    def test_files(self):
        with self.assertRaisesRegex(InputError, "none.csv cannot be read: No"):
            datasets.load(f"table:{self.folder}/none.csv")
        path = self.folder / "latin.csv"
        path.write_bytes("task,x,y\na,1,2\nKöln,1,2\n".encode("latin-1"))
        with self.assertRaisesRegex(InputError, "not UTF-8 .line 3, byte 17"):
            datasets.load(f"table:{path}")

    def test_options(self):
        for option in ("window", "horizon"):
            self.assertRefused(
                f"^{option}: 3 was given, but .* does not hold series",
                rows_table(),
                **{option: 3},
            )
            self.assertRefused(
                f"^{option}: 0 was given", series_table(), **{option: 0}
            )
        self.assertRefused("^class_split: ", rows_table(), class_split="lake")

    def test_a_column_too_small_for_float32(self):
        lines = [["task", "farads", "y"]]
        lines += [[t, x * 1e-12, x] for t in "abc" for x in range(4)]
        self.assertRefused(
            "farads has a standard deviation of 1.12e-12 .*smaller unit", lines
        )


class LearningTest(TableTestCase):
    def test_adapts_to_lines_it_has_not_seen(self):
        # y = a x with a from -2 to 2: before it has seen an example, no network
        # can do better than 0, an error of |a| / 2 on the average: 0.5.
        x = np.linspace(-1.0, 1.0, 21)
        lines = [["task", "x", "y"]]
        for number, slope in enumerate(np.linspace(-2.0, 2.0, 50)):
            lines += [[f"line{number}", a, slope * a] for a in x]
        dataset = self.load(lines)
        algorithm = maml_tf.algorithms.create(
            "maml",
            maml_tf.networks.create("mlp", (1,), 1, widths=(16,), seed=0),
            dataset.loss,
            dataset.metric,
            inner_learning_rate=0.1,
        )
        step = maml_tf.OuterStep(
            algorithm,
            dataset.episodes("train", 1, 5, 10, 0),
            keras.optimizers.Adam(5e-3),
            tasks=8,
            iterations_per_call=100,
        )
        for first in range(0, 600, 100):
            step(first, 100)
        curve = maml_tf.meta_test(
            algorithm,
            dataset.episodes("test", 1, 5, 10, 0),
            num_tasks=200,
            steps=3,
        )
        self.assertGreater(curve.metric[0], 0.4)
        self.assertLess(curve.metric[3] + curve.ci95[3], 0.2)


if __name__ == "__main__":
    tf.test.main()
