import keras
import numpy as np
import tensorflow as tf

from maml_tf.algorithms.adapted_weights import head
from maml_tf.rl import categorical
from maml_tf.rl.policy import Policy, categorical_mlp, gaussian_mlp


class PolicyTest(tf.test.TestCase):
    def test_the_papers_network(self):
        model = gaussian_mlp(2, 2, seed=0)
        # 2 x 100, 100 x 100, 100 x 2 with offsets, and two log deviations.
        self.assertEqual(model.count_params(), 300 + 10_100 + 202 + 2)
        outputs = model(tf.random.normal([5, 2]))
        self.assertAllEqual(outputs[:, 2:], np.zeros([5, 2]))  # Deviation 1.
        narrow = gaussian_mlp(2, 2, initial_deviation=0.1)
        self.assertAllClose(narrow(tf.zeros([1, 2]))[0, 2:], np.log([0.1, 0.1]))

    def test_the_head_is_what_anil_adapts(self):
        model = gaussian_mlp(3, 2, (8,))
        names = [v.path for v in model.trainable_variables if head(model)(v)]
        self.assertEqual(
            names, ["head/kernel", "head/bias", "head/log_deviation"]
        )

    def test_initial_weights_depend_on_the_seed_alone(self):
        one, same, other = (gaussian_mlp(3, 2, (8,), seed=s) for s in (1, 1, 2))
        for a, b in zip(one.get_weights(), same.get_weights()):
            self.assertAllEqual(a, b)
        self.assertNotAllEqual(one.get_weights()[0], other.get_weights()[0])
        hidden, head = one.get_weights()[0], one.get_weights()[2]
        self.assertNotAllClose(hidden[:2, :2], head[:2, :2])

    def test_acts_in_each_task_by_its_own_weights(self):
        model = gaussian_mlp(2, 1, (8,), seed=0)
        theta = [tf.convert_to_tensor(w) for w in model.get_weights()]
        phi = [tf.stack([w, 2 * w, -w]) for w in theta]
        x = tf.random.stateless_normal([3, 4, 2], [0, 0])
        noise = tf.random.stateless_normal([3, 4, 1], [0, 1])
        actions, outputs = Policy(model).act(phi, x, noise)
        for task, factor in enumerate((1, 2, -1)):
            model.set_weights([factor * w for w in theta])
            expected = model(x[task])
            self.assertAllClose(outputs[task], expected, rtol=1e-5, atol=1e-6)
            self.assertAllClose(
                actions[task],
                expected[:, :1] + np.exp(expected[:, 1:]) * noise[task],
                rtol=1e-5,
                atol=1e-6,
            )

    def test_discrete_actions_are_of_each_tasks_own_weights(self):
        model = categorical_mlp(2, 3, (8,), seed=0)
        names = [v.path for v in model.trainable_variables if head(model)(v)]
        self.assertEqual(names, ["head/kernel", "head/bias"])
        theta = [tf.convert_to_tensor(w) for w in model.get_weights()]
        phi = [tf.stack([w, -w]) for w in theta]
        x = tf.random.stateless_normal([2, 4, 2], [0, 0])
        noise = categorical.noise([2, 4], 3, tf.constant([0, 1], tf.int64))
        for greedy in (False, True):
            policy = Policy(model, categorical, greedy)
            actions, outputs = policy.act(phi, x, noise)
            for task, factor in enumerate((1, -1)):
                model.set_weights([factor * w for w in theta])
                expected = model(x[task]).numpy()
                self.assertAllClose(outputs[task], expected, rtol=1e-5)
                if not greedy:
                    expected = expected + noise[task].numpy()
                self.assertAllEqual(actions[task], expected.argmax(-1))

    def test_saves_and_loads(self):
        path = f"{self.get_temp_dir()}/policy.keras"
        for model in (
            gaussian_mlp(2, 2, (8,), 0.5, seed=0),
            categorical_mlp(2, 2, (8,), seed=0),
        ):
            model.save(path)
            x = tf.ones([1, 2])
            self.assertAllEqual(keras.saving.load_model(path)(x), model(x))


if __name__ == "__main__":
    tf.test.main()
