"""A simulated ant that learns to walk (Finn et al. 2017, section 5.3).

With v the velocity of its torso along the x-axis over a step, a the action,
clipped to ±1, and c the contact forces, clipped to ±1, rewards are

- direction: d · v, the task d being −1 or 1;
- velocity: 1 − |v − g|, the task g uniform in [0, 3] m/s;

each with 0.05 while it is upright, less 0.005 |a|² and 0.0005 |c|². A rollout
ends when its torso is lower than 0.2 m or higher than 1 m.

These are the rewards of the paper's code, which used rllab's model. This is
Ant-v5 of Gymnasium and MuJoCo: other observations (105 numbers, without the
position), 0.05 s a step, and v is the mean over the step rather than the
velocity at its end. Returns can therefore not be compared number by number.
"""

import functools

from maml_tf.rl.environments import walkers

direction = functools.partial(walkers.load, "AntDirection", "ant_direction")
velocity = functools.partial(walkers.load, "AntVelocity", "ant_velocity")
