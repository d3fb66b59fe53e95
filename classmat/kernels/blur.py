"""A symmetric separable filter: rows, then columns, one output line at a time."""

from ._jit import jit, pjit, prange


@jit
def _blur_down(image, rows, taps, line):
    """Set `line` to the weighted sum of the 2r + 1 rows of an (h, w) image that `rows` names."""
    radius = taps.size - 1
    centre = image[rows[radius]]
    for k in range(line.size):
        line[k] = taps[0] * centre[k]
    for t in range(1, taps.size):
        above, below, tap = image[rows[radius - t]], image[rows[radius + t]], taps[t]
        for k in range(line.size):
            line[k] += tap * (above[k] + below[k])


@jit
def _blur_along(padded, taps, channels, out):
    """Set `out` to the weighted sum of shifted copies of a line that is padded by the radius at both ends."""
    margin = (taps.size - 1) * channels
    for k in range(out.size):
        out[k] = taps[0] * padded[margin + k]
    for t in range(1, taps.size):
        left, right, tap = padded[margin - t * channels :], padded[margin + t * channels :], taps[t]
        for k in range(out.size):
            out[k] += tap * (left[k] + right[k])


@pjit
def blur(src, taps, rows, columns, channels, lines, out):
    """Filter a batch of images with taps [centre, next, ..] of radius r along both axes.

    `src`, `out` (n, h, w * channels); `rows` (h + 2r,), `columns` (w + 2r,) name the pixel that stands at each
    place of the padded image, so that the border rule is the caller's. `taps` has the dtype of both. `lines`
    (strips, (w + 2r) * channels) is workspace, one line for each strip of output rows.

    Pixels at the same distance are added before they are weighted: a mirrored image gives, to the last bit,
    the mirrored result.
    """
    height, width = out.shape[1:]
    margin = (taps.size - 1) * channels
    total = out.shape[0] * height
    strips = lines.shape[0]
    for strip in prange(strips):
        padded = lines[strip]
        for k in range(strip * total // strips, (strip + 1) * total // strips):
            image, y = k // height, k % height
            _blur_down(src[image], rows[y : y + 2 * taps.size - 1], taps, padded[margin : margin + width])
            for p in range(taps.size - 1):
                for side in (p, columns.size - 1 - p):
                    for c in range(channels):
                        padded[side * channels + c] = padded[margin + columns[side] * channels + c]
            _blur_along(padded, taps, channels, out[image, y])
