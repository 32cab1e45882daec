"""Tests of the interval of a share."""

from absl.testing import absltest, parameterized

from maml_tf.evaluation.intervals import wilson_interval


class WilsonIntervalTest(parameterized.TestCase):
    @parameterized.parameters((17, 20), (1, 2), (95, 400), (5, 5), (0, 7))
    def test_ends_are_1_96_deviations_of_themselves_away(self, right, number):
        for end in wilson_interval(right, number):
            distance = (right / number - end) ** 2
            self.assertAlmostEqual(
                distance, 1.96**2 * end * (1 - end) / number, places=12
            )

    def test_all_right_or_none(self):
        self.assertEqual(wilson_interval(0, 9)[0], 0.0)
        self.assertAlmostEqual(wilson_interval(9, 9)[1], 1.0)
        # z² / (N + z²), the known end.
        self.assertAlmostEqual(
            wilson_interval(0, 9)[1], 1.96**2 / (9 + 1.96**2)
        )


if __name__ == "__main__":
    absltest.main()
