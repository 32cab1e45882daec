import itertools

import keras
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from maml_tf.rl import losses
from maml_tf.rl.policy import GaussianHead
from maml_tf.rl.trajectories import PolicyTargets

# A problem whose expectations are exact sums. Two steps; a linear Gaussian
# policy acts on the state s, which starts at 0.4 and moves by the action; the
# reward is a polynomial, so that Gauss-Hermite quadrature has no error.
START = 0.4
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(12)
NOISE = np.array(list(itertools.product(NODES, NODES)))  # [rollouts, 2]
PROBABILITY = np.prod(list(itertools.product(WEIGHTS, WEIGHTS)), -1) / (
    2 * np.pi
)
THETA = [0.7, -0.2, -0.5]  # Slope, offset, log deviation.


def rewards_of(states, actions):
    """After the move: −(s + a − 1)² − a² / 2 + s³ a / 5, `[rollouts]`."""
    return (
        -((states + actions - 1) ** 2)
        - actions**2 / 2
        + states**3 * actions / 5
    )


def rollouts(theta):
    """States, actions and rewards, each `[rollouts, 2]`."""
    slope, offset, log_deviation = theta
    states, actions, rewards = [np.full(len(NOISE), START)], [], []
    for step in range(2):
        mean = slope * states[-1] + offset
        actions.append(mean + np.exp(log_deviation) * NOISE[:, step])
        rewards.append(rewards_of(states[-1], actions[-1]))
        states.append(states[-1] + actions[-1])
    return [np.stack(x, 1) for x in (states[:2], actions, rewards)]


def expected_return(theta):
    return np.sum(PROBABILITY * rollouts(theta)[2].sum(1))


def gradient_of(function, theta, epsilon=1e-4):
    theta = np.asarray(theta, float)
    return np.array(
        [
            (function(theta + e) - function(theta - e)) / (2 * epsilon)
            for e in epsilon * np.eye(len(theta))
        ]
    )


def policy():
    model = keras.Sequential(
        [keras.Input([1], dtype="float64"), GaussianHead(1, dtype="float64")]
    )
    slope, offset, log_deviation = THETA
    weights = [[[slope]], [offset], [log_deviation]]
    model.set_weights([np.array(weight) for weight in weights])
    return model


def targets(model):
    """Inputs and `PolicyTargets`: every rollout, as often as it is likely."""
    states, actions, rewards = rollouts(THETA)
    to_go = rewards[:, ::-1].cumsum(1)[:, ::-1]
    # The losses take the mean over rollouts and both steps.
    advantages = to_go * PROBABILITY[:, None] * len(NOISE) * 2
    x = tf.constant(states.reshape(-1, 1))
    return x, PolicyTargets(
        tf.constant(actions[..., None]),
        tf.constant(advantages),
        tf.ones([len(NOISE), 2], tf.float64),
        tf.constant(model(x).numpy()),
    )


def derivatives(loss):
    """The gradient and Hessian of minus the loss at the policy that acted."""
    model = policy()
    x, y = targets(model)
    theta = tf.constant(THETA, tf.float64)

    def value(theta):
        mean = theta[0] * x + theta[1]
        outputs = tf.concat([mean, tf.ones_like(mean) * theta[2]], -1)
        return -loss(y, outputs)

    with tf.GradientTape() as outer:
        outer.watch(theta)
        with tf.GradientTape() as inner:
            inner.watch(theta)
            result = value(theta)
        gradient = inner.gradient(result, theta)
    return gradient.numpy(), outer.jacobian(gradient, theta).numpy()


class LossesTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.named_parameters(losses.INNER.items())
    def test_gradient_is_that_of_the_expected_return(self, loss):
        gradient, _ = derivatives(loss)
        expected = gradient_of(expected_return, THETA)
        self.assertAllClose(gradient, expected, rtol=1e-6, atol=1e-7)

    def test_dice_has_its_hessian_too_and_the_others_have_not(self):
        expected = gradient_of(
            lambda theta: gradient_of(expected_return, theta, 1e-3), THETA, 1e-3
        )
        hessians = {n: derivatives(f)[1] for n, f in losses.INNER.items()}
        self.assertAllClose(hessians["dice"], expected, rtol=1e-4, atol=1e-4)
        scale = np.abs(expected).max()
        for name in ("reinforce", "low_variance"):
            self.assertGreater(
                np.abs(hessians[name] - expected).max(), 0.1 * scale
            )

    def test_low_variance_adds_the_outer_product_of_scores(self):
        # At the policy that acted: ∇²(π/π_old) = ∇² log π + ∇ log π ∇ log πᵀ.
        model = policy()
        x, y = targets(model)
        states, noise = x.numpy().reshape(-1), NOISE.reshape(-1)
        deviation = np.exp(THETA[2])
        scores = np.stack(
            [states * noise / deviation, noise / deviation, noise**2 - 1], -1
        )
        weight = y.advantages.numpy().reshape(-1) / len(states)
        added = np.einsum("n,ni,nj->ij", weight, scores, scores)
        difference = (
            derivatives(losses.low_variance)[1]
            - derivatives(losses.reinforce)[1]
        )
        self.assertAllClose(difference, added, rtol=1e-8, atol=1e-8)

    def test_steps_beyond_a_rollouts_end_do_not_count(self):
        model = policy()
        x, y = targets(model)
        mask = np.ones([len(NOISE), 2])
        mask[::3, 1] = 0
        y = y._replace(mask=tf.constant(mask))
        otherwise = y._replace(
            advantages=tf.where(mask == 1, y.advantages, 99.0),
            actions=tf.where(mask[..., None] == 1, y.actions, -7.0),
        )
        outputs = model(x) + 0.1
        for loss in (*losses.INNER.values(), losses.clipped(0.1)):
            self.assertAllEqual(loss(y, outputs), loss(otherwise, outputs))
        changed = tf.where(mask.reshape(-1, 1) == 1, outputs, 5.0)
        self.assertAllClose(
            losses.kl_divergence(y, outputs), losses.kl_divergence(y, changed)
        )

    def test_clipped_gains_nothing_beyond_the_clip(self):
        # Ratios: of one action alone, by its mean moved.
        outputs = tf.constant([[0.0, 0.0]] * 4)
        actions = tf.constant([1.0, 1.0, -1.0, -1.0])
        y = PolicyTargets(
            tf.reshape(actions, [4, 1, 1]),
            tf.constant([[1.0], [-1.0], [1.0], [-1.0]]),
            tf.ones([4, 1]),
            outputs,
        )
        moved = outputs + [[0.5, 0.0]]
        ratio_up = np.exp(-((1 - 0.5) ** 2) / 2 + 0.5)
        ratio_down = np.exp(-((-1 - 0.5) ** 2) / 2 + 0.5)
        by_step = [1.2, -ratio_up, ratio_down, -0.8]
        self.assertAllClose(
            losses.clipped(0.2)(y, moved), -np.mean(by_step), rtol=1e-5
        )
        self.assertAllClose(
            losses.low_variance(y, moved),
            -np.mean([ratio_up, -ratio_up, ratio_down, -ratio_down]),
            atol=1e-6,
        )


if __name__ == "__main__":
    tf.test.main()
