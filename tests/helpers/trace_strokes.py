"""Traces pictures of drawings: ink becomes lines that a pen can draw again.

It wrote tests/serving/strokes.json from pictures of Omniglot, whose own files
of strokes were out of reach:

    python tests/helpers/trace_strokes.py --data_dir=FOLDER > strokes.json
"""

import argparse
import json

import numpy as np

# Neighbours of a pixel (row, column), clockwise from above.
AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


def thinned(ink):
    """Thins ink to lines of one pixel (Zhang and Suen, 1984)."""
    ink = np.pad(ink, 1)
    while True:
        before = ink.sum()
        for north_west in (False, True):
            p = np.stack([np.roll(ink, (-r, -c), (0, 1)) for r, c in AROUND])
            neighbours = p.sum(0)
            rises = (~p & np.roll(p, -1, 0)).sum(0)
            if north_west:
                kept = (p[0] & p[2] & p[6]) | (p[0] & p[4] & p[6])
            else:
                kept = (p[0] & p[2] & p[4]) | (p[2] & p[4] & p[6])
            goes = (neighbours >= 2) & (neighbours <= 6) & (rises == 1) & ~kept
            ink = ink & ~goes
        if ink.sum() == before:
            return ink[1:-1, 1:-1]


def lines(skeleton):
    """Walks along a skeleton; returns lists of points (x, y)."""
    left = {tuple(map(int, p)) for p in np.argwhere(skeleton)}
    everything, found = set(left), []

    def beside(p, among):
        return [q for r, c in AROUND if (q := (p[0] + r, p[1] + c)) in among]

    while left:
        # The end of a line, if one is left; the highest of them.
        start = min(left, key=lambda p: (len(beside(p, left)), p))
        walk = [start]
        left.remove(start)
        while ways := beside(walk[-1], left):
            back = walk[max(0, len(walk) - 5)]
            ahead = np.subtract(walk[-1], back)

            def straight(q, here=walk[-1], ahead=ahead):
                step = np.subtract(q, here)
                return -np.dot(step, ahead) / np.linalg.norm(step)

            walk.append(min(ways, key=straight))
            left.remove(walk[-1])
        # Up to the line from which it branches, or round to its start.
        for end in (0, -1):
            joins = [q for q in beside(walk[end], everything) if q not in walk]
            if joins:
                walk.insert(0 if end == 0 else len(walk), joins[0])
        if len(walk) > 10 and walk[0] in beside(walk[-1], everything):
            walk.append(walk[0])
        if len(walk) > 3 or not found:
            found.append([(x, y) for y, x in walk])
    return found


def simplified(line, tolerance=1.0):
    """Leaves out points that lie on the line (Douglas and Peucker, 1973)."""
    if len(line) < 3:
        return line
    points = np.asarray(line, float)
    chord = points[-1] - points[0]
    away = points - points[0]
    length = np.linalg.norm(chord)
    if length:
        away = np.abs(chord[0] * away[:, 1] - chord[1] * away[:, 0]) / length
    else:
        away = np.linalg.norm(away, axis=1)
    far = int(away.argmax())
    if away[far] <= tolerance:
        return [line[0], line[-1]]
    first = simplified(line[: far + 1], tolerance)
    return first[:-1] + simplified(line[far:], tolerance)


def traced(picture):
    """Returns the lines of a picture of dark ink on white, uint8."""
    return [simplified(line) for line in lines(thinned(picture < 128))]


def main():
    from maml_tf.datasets import omniglot

    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    drawings, background = omniglot.load_drawings(arguments.data_dir)
    # Characters that omniglot_5way_1shot did not see; five drawings of each.
    unseen = omniglot.split_characters(drawings.names, background)["test"]
    generator = np.random.default_rng(arguments.seed)
    chosen = sorted(generator.choice(unseen, 5, replace=False))
    names = [str(drawings.names[number]) for number in chosen]
    pictures = omniglot.load_originals(names, arguments.data_dir)[..., 0]
    pictures = pictures.reshape(5, -1, 105, 105)[:, :5]
    characters = {
        name: [traced(picture) for picture in of_name]
        for name, of_name in zip(names, pictures, strict=True)
    }
    about = (
        "Characters of Omniglot (Lake, Salakhutdinov and Tenenbaum, 2015;"
        " github.com/brendenlake/omniglot), MIT License, Copyright (c) 2015"
        " Brenden Lake. People drew them. These lines do not record their pens:"
        " tests/helpers/trace_strokes.py traced them from the pictures. By"
        " name: drawings of lines of points x, y in 105 x 105."
    )
    print(
        json.dumps(
            {"about": about, "characters": characters}, separators=(",", ":")
        )
    )


if __name__ == "__main__":
    main()
