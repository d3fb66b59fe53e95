// Strokes on a plane of bytes: discs along a line, and filling.

/** Return the box that holds both; either may be null. */
export function union(a, b) {
  if (!a || !b) return a || b;
  const left = Math.min(a.left, b.left), top = Math.min(a.top, b.top);
  const right = Math.max(a.left + a.columns, b.left + b.columns), bottom = Math.max(a.top + a.rows, b.top + b.rows);
  return { left, top, columns: right - left, rows: bottom - top };
}

/**
 * Call mark(i, nearness) for all pixels within `radius` of a segment; nearness falls from 1 in the middle to 0.
 * Points are in pixels, (0, 0) the corner of the first. Returns the box that was touched, or null.
 */
export function trace(width, height, [x0, y0], [x1, y1], radius, mark) {
  const left = Math.max(0, Math.floor(Math.min(x0, x1) - radius)), right = Math.min(width, Math.ceil(Math.max(x0, x1) + radius));
  const top = Math.max(0, Math.floor(Math.min(y0, y1) - radius)), bottom = Math.min(height, Math.ceil(Math.max(y0, y1) + radius));
  if (left >= right || top >= bottom) return null;
  const dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy || 1;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const px = x + 0.5 - x0, py = y + 0.5 - y0;
      const t = Math.min(1, Math.max(0, (px * dx + py * dy) / length));
      const distance = Math.hypot(px - t * dx, py - t * dy);
      if (distance <= Math.max(radius, 0.71)) mark(y * width + x, 1 - distance / (radius + 0.5));
    }
  }
  return { left, top, columns: right - left, rows: bottom - top };
}

/** Give the connected pixels that have the label of (x, y) another one; returns their box, or null. */
export function fill(plane, width, height, x, y, label, mark) {
  const column = Math.floor(x), row = Math.floor(y);
  if (column < 0 || row < 0 || column >= width || row >= height) return null;
  const old = plane[row * width + column];
  if (old === label) return null;
  let left = column, right = column, top = row, bottom = row;
  const stack = [[column, row]];
  while (stack.length) {
    const [seed, line] = stack.pop();
    const start = line * width;
    let from = seed, to = seed;
    if (plane[start + seed] !== old) continue;
    while (from > 0 && plane[start + from - 1] === old) from--;
    while (to < width - 1 && plane[start + to + 1] === old) to++;
    for (let i = from; i <= to; i++) mark(start + i);
    for (const next of [line - 1, line + 1]) {
      if (next < 0 || next >= height) continue;
      for (let i = from, open = false; i <= to; i++) {
        const is = plane[next * width + i] === old;
        if (is && !open) stack.push([i, next]);
        open = is;
      }
    }
    left = Math.min(left, from); right = Math.max(right, to); top = Math.min(top, line); bottom = Math.max(bottom, line);
  }
  return { left, top, columns: right - left + 1, rows: bottom - top + 1 };
}

/** Return the bytes of a box of a plane, rows in turn. */
export function cut(plane, width, { left, top, columns, rows }) {
  const part = new Uint8Array(columns * rows);
  for (let y = 0; y < rows; y++) part.set(plane.subarray((top + y) * width + left, (top + y) * width + left + columns), y * columns);
  return part;
}

export const query = ({ left, top, columns, rows }) => `top=${top}&left=${left}&bottom=${top + rows}&right=${left + columns}`;
