"""Gymnasium environments for tests, as workers load them: by file."""

import pathlib
import sys

import gymnasium
import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
SOURCE = f"{__file__}:"


class Walk(gymnasium.Env):
    """A place on a line, from 0 to 1 at first, that an action is added to.

    Ends from place 20 on. The reward is the action times the task. Observed are
    the place and a random number.
    """

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gymnasium.spaces.Box(0.0, 4.0, (1,))
    task = None

    def sample_task(self, rng):
        return rng.uniform(1.0, 2.0, 1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._place = self.np_random.random()
        return self._observation(), {"some": "thing"}

    def step(self, action):
        self._place += action[0]
        reward = float(action[0] * self.task[0])
        ended = self._place >= 20
        return self._observation(), reward, bool(ended), False, {"a": 1.0}

    def _observation(self):
        return np.array([self._place, self.np_random.random()])


class Unbounded(Walk):
    action_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,))


class WideOpen(Walk):
    """Bounded, but so that nobody would scale to it."""

    action_space = gymnasium.spaces.Box(
        np.finfo(np.float32).min, np.finfo(np.float32).max, (1,)
    )


class Raises(Walk):
    """From the second step on, where the task is above 1.5."""

    def step(self, action):
        if self.task[0] > 1.5 and self._place > 1:
            print("This goes to stderr.")
            raise ValueError("the floor\nis gone.")
        return super().step(action)


class Dies(Walk):
    def step(self, action):
        sys.exit(3)


class NoNumber(Walk):
    def step(self, action):
        _, reward, *others = super().step(action)
        return np.array([np.nan, 0.0]), reward, *others


class NoReward(Walk):
    def step(self, action):
        observation, _, *others = super().step(action)
        return observation, np.inf, *others


class SeesTensorFlow(Walk):
    """Rewards having TensorFlow, or maml_tf, in its process."""

    def step(self, action):
        observation, _, *others = super().step(action)
        loaded = "tensorflow" in sys.modules or "maml_tf" in sys.modules
        return observation, float(loaded), *others


class Discrete(Walk):
    """Three moves, which Gymnasium counts from 5; observes the last one."""

    action_space = gymnasium.spaces.Discrete(3, start=5)

    def reset(self, *, seed=None, options=None):
        self._last = 0
        return super().reset(seed=seed)

    def step(self, action):
        assert isinstance(action, np.integer), type(action)
        self._last = action
        return super().step(np.array([float(action)]))

    def _observation(self):
        return np.array([self._place, self._last])


class MultiDiscrete(Walk):
    action_space = gymnasium.spaces.MultiDiscrete([2, 3])


class MultiBinary(Walk):
    action_space = gymnasium.spaces.MultiBinary(2)


class Dict(Walk):
    action_space = gymnasium.spaces.Dict({"move": Walk.action_space})


class DiscreteObservations(Walk):
    observation_space = gymnasium.spaces.Discrete(4)


class Taskless(gymnasium.Env):
    observation_space = action_space = gymnasium.spaces.Box(0.0, 1.0, (1,))


class Matrix(Walk):
    def sample_task(self, rng):
        return rng.uniform(size=(2, 2))


class Refuses(Walk):
    def sample_task(self, rng):
        raise RuntimeError("no more tasks")


class Uneven(Walk):
    def sample_task(self, rng):
        return rng.uniform(size=rng.integers(1, 4))


class Wrapped(gymnasium.Wrapper):
    """The task is the wrapper's, and ends rollouts."""

    def __init__(self):
        super().__init__(Walk())
        self.env.task = np.zeros(1)

    def sample_task(self, rng):
        return rng.integers(1, 4, 1)

    def reset(self, **options):
        self._steps = 0
        return super().reset(**options)

    def step(self, action):
        self._steps += 1
        observation, reward, ended, _, info = super().step(action)
        return observation, reward, ended, self._steps >= self.task[0], info
