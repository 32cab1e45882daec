r"""Draws pictures as a shaky hand would, to try `maml-tf adapt` on.

    python examples/draw_by_hand.py --output=examples/drawings

Writes support/<class>/1.png and query/<class>/1.png to 4.png: black pen on
white paper of different sizes. Drawings of a class differ in their parts (a
house may have a chimney, a star has five points or six), in how they are
turned, stretched and warped, in the pen's width and in how much the hand
trembles. All are drawn by this program, none by a person.
"""

import math
import pathlib
import zlib

import numpy as np
import tensorflow as tf
from absl import app, flags

QUERIES = 4

FLAGS = flags.FLAGS
flags.DEFINE_string("output", None, "Folder to write into.", required=True)


# Its random numbers are the choices of a hand.
Hand = np.random.RandomState
# Arrays [points, 2] about the origin, from about -1 to 1, y downwards.
Strokes = list[np.ndarray]


def house(hand: Hand) -> Strokes:
    """Draws walls and a roof; perhaps a door, a ceiling or a chimney."""
    half, eaves = hand.uniform(0.55, 0.8), hand.uniform(-0.3, 0.0)
    top = hand.uniform(-1.0, -0.75)
    over = hand.choice([0.0, 0.2])
    strokes = [
        _lines((-half, eaves), (-half, 0.9), (half, 0.9), (half, eaves)),
        _lines((-half - over, eaves), (0, top), (half + over, eaves)),
    ]
    if over == 0.0 or hand.rand() < 0.5:
        strokes.append(_lines((-half, eaves), (half, eaves)))
    left = hand.uniform(-0.35, 0.1)
    if hand.rand() < 0.8:
        strokes.append(
            _lines(
                (left, 0.9), (left, 0.3), (left + 0.25, 0.3), (left + 0.25, 0.9)
            )
        )
    if hand.rand() < 0.4:
        x, y = 0.55 * half, 0.5 * (eaves + top)
        strokes.append(
            _lines((x, y), (x, top), (x + 0.15, top), (x + 0.15, y + 0.15))
        )
    return strokes


def fish(hand: Hand) -> Strokes:
    """Draws a body that crosses over into its tail; perhaps an eye or gill."""
    fat = hand.uniform(0.35, 0.6)
    tail = hand.uniform(0.35, 0.6)
    angle = np.linspace(0.12, 2 * math.pi - 0.12, 60)
    body = np.stack([-0.2 + 0.7 * np.cos(angle), fat * np.sin(angle)], 1)
    end = body[:1] + [0.4, tail], body[-1:] + [0.4, -tail]
    strokes = [np.concatenate([end[1], body, end[0]])]
    strokes.append(_lines(tuple(end[1][0]), tuple(end[0][0])))
    if hand.rand() < 0.85:
        strokes.append(_circle(-0.6, -0.3 * fat, hand.uniform(0.03, 0.08)))
    if hand.rand() < 0.4:
        strokes.append(_arc(-0.35, 0.0, 0.5 * fat, -1.0, 1.0))
    facing = hand.choice([-1.0, 1.0])
    return [stroke * [facing, 1.0] for stroke in strokes]


def star(hand: Hand) -> Strokes:
    """Draws a star across its middle in one go, or along its outline."""
    turn = -math.pi / 2
    if hand.rand() < 0.6:
        angles = [turn + k * 4 * math.pi / 5 for k in range(6)]
        return [_lines(*[(math.cos(a), math.sin(a)) for a in angles])]
    points, inner = hand.choice([5, 6]), hand.uniform(0.35, 0.5)
    corners = []
    for k in range(2 * points + 1):
        radius, angle = (1.0, inner)[k % 2], turn + k * math.pi / points
        corners.append((radius * math.cos(angle), radius * math.sin(angle)))
    return [_lines(*corners)]


def spiral(hand: Hand) -> Strokes:
    """Draws two to four turns, either way round."""
    turns, way = hand.uniform(2.0, 3.7), hand.choice([-1.0, 1.0])
    start = hand.uniform(0, 2 * math.pi)
    t = np.linspace(0.02, 1.0, 160)
    angle = start + way * 2 * math.pi * turns * t
    return [(t[:, None]) * np.stack([np.cos(angle), np.sin(angle)], 1)]


def stick_figure(hand: Hand) -> Strokes:
    """Draws head, body, two arms and two legs, in some pose."""
    head = hand.uniform(0.18, 0.28)
    neck, hip = -0.95 + 2 * head, hand.uniform(0.1, 0.3)
    shoulder = neck + hand.uniform(0.1, 0.25)
    strokes = [
        _circle(0.0, neck - head, head),
        _lines((0, neck), (0, hip)),
    ]
    for side in (-1.0, 1.0):
        lift = hand.uniform(-0.45, 0.4)
        strokes.append(
            _lines(
                (0, shoulder), (side * hand.uniform(0.4, 0.6), shoulder + lift)
            )
        )
        strokes.append(_lines((0, hip), (side * hand.uniform(0.25, 0.45), 1.0)))
    return strokes


CLASSES = {
    function.__name__: function
    for function in (house, fish, star, spiral, stick_figure)
}


def _lines(*corners):
    """Returns points along straight lines, close together."""
    parts = [
        np.linspace(a, b, 20, endpoint=False)
        for a, b in zip(corners, corners[1:])
    ]
    return np.concatenate([*parts, [corners[-1]]])


def _arc(x, y, radius, first, last):
    angle = np.linspace(first, last, 40)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)


def _circle(x, y, radius):
    """Returns a circle; its ends do not quite meet."""
    return _arc(x, y, radius, -1.3, -1.3 + 2.1 * math.pi)


def by_hand(strokes: Strokes, hand: Hand) -> Strokes:
    """Moves strokes as an unsure hand does.

    Args:
        strokes: Arrays `[points, 2]`.
        hand: The hand.

    Returns:
        Arrays of the same shapes.
    """
    turn = hand.normal(0.0, 0.13)
    rotation = np.array(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    )
    stretch = np.diag(np.exp(hand.normal(0.0, 0.12, 2)))
    slant = np.array([[1.0, hand.normal(0.0, 0.12)], [0.0, 1.0]])
    # Waves across the whole drawing, some as long as the drawing.
    waves = hand.normal(0.0, 1.4, [3, 2])
    phases = hand.uniform(0, 2 * math.pi, 3)
    push = hand.normal(0.0, 0.05, [3, 2])
    tremor = hand.uniform(0.006, 0.016)
    moved = []
    for stroke in strokes:
        points = stroke @ (rotation @ slant @ stretch).T
        points = points + np.sin(points @ waves.T + phases) @ push
        # A little beside its place, and not quite as long.
        middle = points.mean(0)
        points = middle + (points - middle) * hand.normal(1.0, 0.04)
        points = points + hand.normal(0.0, 0.025, 2)
        moved.append(points + tremor * _tremor(points, hand))
    return moved


def _tremor(points, hand):
    """Draws smooth noise along a stroke, of deviation 1: `[points, 2]`."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    knots = max(2, math.ceil(along[-1] / 0.12)) + 3
    noise = hand.normal(0.0, 1.0, [knots, 2])
    # Quadratic B-splines have no corners.
    place = along / max(along[-1], 1e-6) * (knots - 3)
    first = np.minimum(place.astype(int), knots - 3)
    t = (place - first)[:, None]
    weights = (0.5 * (1 - t) ** 2, 0.5 + t - t * t, 0.5 * t * t)
    return sum(w * noise[first + k] for k, w in enumerate(weights)) / 0.75


def with_pen(strokes: Strokes, hand: Hand) -> np.ndarray:
    """Draws strokes in black on white paper.

    Args:
        strokes: Arrays `[points, 2]`.
        hand: The hand.

    Returns:
        A uint8 image `[height, width, 1]`, 105 pixels or more each way.
    """
    height, width = hand.randint(105, 180, 2)
    ends = np.concatenate(strokes)
    low, high = ends.min(0), ends.max(0)
    margin = hand.uniform(0.06, 0.16) * min(height, width)
    scale = ((np.array([width, height]) - 2 * margin) / (high - low)).min()
    room = np.array([width, height]) - scale * (high - low)
    corner = room * hand.uniform(0.35, 0.65, 2)
    pen = hand.uniform(0.018, 0.035) * min(height, width)
    y, x = np.mgrid[:height, :width] + 0.5
    ink = np.zeros([height, width])
    for stroke in strokes:
        points = corner + scale * (stroke - low)
        pressure = 1.0 + 0.2 * _tremor(stroke, hand)[:, 0]
        for a, b, here in zip(points, points[1:], pressure):
            along = b - a
            length = max(along @ along, 1e-9)
            t = ((x - a[0]) * along[0] + (y - a[1]) * along[1]) / length
            t = np.clip(t, 0.0, 1.0)
            distance = np.hypot(
                x - a[0] - t * along[0], y - a[1] - t * along[1]
            )
            radius = max(0.5 * pen * here, 0.6)
            ink = np.maximum(ink, np.clip(radius + 0.5 - distance, 0.0, 1.0))
    return np.round(255 * (1.0 - ink)).astype(np.uint8)[..., None]


def drawing(name: str, number: int) -> np.ndarray:
    """Makes one drawing, the same each time.

    Args:
        name: One of `CLASSES`.
        number: Number of the drawing, from 0.

    Returns:
        A uint8 image `[height, width, 1]`.
    """
    # RandomState's stream is frozen, default_rng's is not.
    hand = np.random.RandomState([zlib.crc32(name.encode()), number])
    return with_pen(by_hand(CLASSES[name](hand), hand), hand)


def main(argv: list[str]) -> None:
    """Writes all drawings."""
    del argv
    for name in CLASSES:
        for number in range(1 + QUERIES):
            part = f"query/{name}/{number}" if number else f"support/{name}/1"
            path = pathlib.Path(FLAGS.output, f"{part}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            image = tf.io.encode_png(drawing(name, number), compression=9)
            path.write_bytes(image.numpy())


if __name__ == "__main__":
    app.run(main)
