"""Renders smoothly blended round cones with a tiled sphere tracer, compiled by numba.

The scene is a signed distance function of round cones (capsules whose ends differ in radius). Cones of a group are blended with
a polynomial smooth minimum (Quilez 2008), groups are not. Each tile of the picture only evaluates the cones that overlap it.
"""

import numpy as np
from numba import njit

TILE = 16
MAX_STEPS = 64
HIT = 0.0015
#: Materials. On FACE, eyes, brows and mouth are painted.
SKIN, SHIRT, HAIR, FACE = 0, 1, 2, 3


@njit(cache=True, fastmath=True)
def _distance(x, y, z, ends, radii, groups, blend, visible, count):
    """Distance to the nearest surface, and its cone. visible: cones to evaluate, `count` of them."""
    best, best_cone = 1e9, -1
    part, part_best, part_cone, group = 1e9, 1e9, -1, -1
    for i in range(count):
        cone = visible[i]
        if groups[cone] != group:
            if part < best:
                best, best_cone = part, part_cone
            part, part_best, group = 1e9, 1e9, groups[cone]
        px, py, pz = x - ends[cone, 0], y - ends[cone, 1], z - ends[cone, 2]
        bx, by, bz = ends[cone, 3], ends[cone, 4], ends[cone, 5]
        share = (px * bx + py * by + pz * bz) * ends[cone, 6]
        share = min(max(share, 0.0), 1.0)
        dx, dy, dz = px - bx * share, py - by * share, pz - bz * share
        far = np.sqrt(dx * dx + dy * dy + dz * dz) - radii[cone, 0] - share * (radii[cone, 1] - radii[cone, 0])
        if far < part_best:
            part_best, part_cone = far, cone
        k = blend[group]
        gap = max(k - abs(part - far), 0.0) / k
        part = min(part, far) - gap * gap * k * 0.25
    if part < best:
        best, best_cone = part, part_cone
    return best, best_cone


@njit(cache=True, fastmath=True)
def _paint(x, y, z, face, colour):
    """Writes the colour of the face at a point to `colour`, which holds the skin colour, then the brow colour.

    face: brows, mouth open, mouth wide, eyes closed.
    """
    if z > -0.05:
        return
    side = abs(x)
    lid = 0.024 * (1.0 - 0.85 * face[3]) * (1.0 + 0.25 * face[0])
    ex, ey = (side - 0.108) / 0.047, (y + 0.690) / lid
    eye = ex * ex + ey * ey
    if eye < 1.0:
        ix, iy = (side - 0.108) / 0.020, (y + 0.690) / 0.021
        iris = ix * ix + iy * iy
        white = 0.92 if iris > 1.0 else (0.22 if iris > 0.3 else 0.04)
        colour[0], colour[1], colour[2] = white, white, white * 0.98
    elif eye < 1.45 and y < -0.690:
        colour[0], colour[1], colour[2] = 0.16, 0.11, 0.09
    brow = -0.768 - 0.045 * face[0] + 0.9 * (side - 0.12) * (side - 0.12) * (6.0 - 3.0 * face[0])
    if 0.055 < side < 0.185 and abs(y - brow) < 0.013:
        colour[0], colour[1], colour[2] = colour[3], colour[4], colour[5]
    wide = 0.083 * (1.0 + 0.35 * face[2])
    gape = 0.006 + 0.055 * face[1]
    curve = -0.03 * max(face[2], -0.5) * (side / wide) * (side / wide)
    my = y + 0.455 - curve - 0.02 * face[1]
    mx = x / wide
    inner = mx * mx * 1.25 + (my / gape) * (my / gape)
    outer = mx * mx + (my / (gape + 0.019)) * (my / (gape + 0.019))
    if inner < 1.0:
        colour[0], colour[1], colour[2] = 0.22, 0.07, 0.07
    elif outer < 1.0:
        colour[0], colour[1], colour[2] = colour[0] * 0.82 + 0.04, colour[1] * 0.58, colour[2] * 0.58
    nx, ny = (side - 0.024) / 0.012, (y + 0.548) / 0.008
    if nx * nx + ny * ny < 1.0:
        colour[0], colour[1], colour[2] = colour[0] * 0.45, colour[1] * 0.4, colour[2] * 0.4


@njit(cache=True, fastmath=True)
def _hand_colour(x, y, z, nx, ny, nz, ends, inside, cone, colour):
    """Makes palms lighter than backs, and adds finger creases on the palm side and nails on the back. Changes `colour`."""
    palm = nx * inside[cone, 0] + ny * inside[cone, 1] + nz * inside[cone, 2]
    tone = 1.0 + 0.10 * palm
    kind = inside[cone, 3]
    if kind > 0.0:
        px, py, pz = x - ends[cone, 0], y - ends[cone, 1], z - ends[cone, 2]
        share = (px * ends[cone, 3] + py * ends[cone, 4] + pz * ends[cone, 5]) * ends[cone, 6]
        if palm > 0.2 and share < 0.08:
            tone *= 0.78
        elif kind > 1.0 and palm < -0.55 and share > 0.45:
            colour[0], colour[1], colour[2] = 0.6 * colour[0] + 0.38, 0.6 * colour[1] + 0.30, 0.6 * colour[2] + 0.28
    for c in range(3):
        colour[c] *= tone


@njit(cache=True, fastmath=True)
def render(ends, radii, materials, groups, inside, blend, colours, backdrop, head, pivot, face, camera, picture):
    """Draws the cones into `picture` (H, W, 3) uint8.

    ends: (P, 7) start, end − start, 1 / |end − start|², camera axes (x right, y down, z away), sorted by group. radii: (P, 2).
    inside: (P, 4) direction of the palm's side of a cone (0 where it has none), and 1 for bones of fingers, 2 for their tips.
    colours: (5, 3) of SKIN, SHIRT, HAIR, FACE and the brows. backdrop: (3,). head, pivot: (3, 3) and (3,), from camera axes
    to the neutral face's. face: (4,). camera: distance, zoom, centre x, centre y (image widths).
    """
    height, width = picture.shape[:2]
    distance, zoom, cx, cy = camera[0], camera[1], camera[2], camera[3]
    cones = ends.shape[0]
    boxes = np.empty((cones, 6))
    for i in range(cones):
        reach = max(radii[i, 0], radii[i, 1]) + 0.25 * blend[groups[i]]
        low_u, high_u, low_v, high_v, near, far = 1e9, -1e9, 1e9, -1e9, 1e9, -1e9
        for end in range(2):
            x, y, z = ends[i, 0] + end * ends[i, 3], ends[i, 1] + end * ends[i, 4], ends[i, 2] + end * ends[i, 5]
            scale = zoom * distance / max(distance + z - reach, 0.3)
            u, v, r = cx + x * scale, cy + y * scale, reach * scale * 1.05
            low_u, high_u = min(low_u, u - r), max(high_u, u + r)
            low_v, high_v = min(low_v, v - r), max(high_v, v + r)
            near, far = min(near, z - reach), max(far, z + reach)
        boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3] = low_u * width, high_u * width, low_v * width, high_v * width
        boxes[i, 4], boxes[i, 5] = near, far
    visible = np.empty(cones, np.int64)
    colour = np.empty(6)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            count, near, far = 0, 1e9, -1e9
            for i in range(cones):
                if boxes[i, 0] < left + TILE and boxes[i, 1] > left and boxes[i, 2] < top + TILE and boxes[i, 3] > top:
                    visible[count] = i
                    count += 1
                    near, far = min(near, boxes[i, 4]), max(far, boxes[i, 5])
            for row in range(top, min(top + TILE, height)):
                for column in range(left, min(left + TILE, width)):
                    dx = ((column + 0.5) / width - cx) / (zoom * distance)
                    dy = ((row + 0.5) / width - cy) / (zoom * distance)
                    norm = 1.0 / np.sqrt(dx * dx + dy * dy + 1.0)
                    dx, dy, dz = dx * norm, dy * norm, norm
                    hit, t, cone = False, 0.0, -1
                    if count > 0:
                        t = (distance + near) / dz
                        last = (distance + far) / dz
                        for _ in range(MAX_STEPS):
                            gap, cone = _distance(dx * t, dy * t, dz * t - distance, ends, radii, groups, blend, visible, count)
                            if gap < HIT:
                                hit = True
                                break
                            t += 0.95 * gap
                            if t > last:
                                break
                    if not hit:
                        shade = 1.06 - 0.16 * row / height
                        for c in range(3):
                            picture[row, column, c] = int(255 * min(backdrop[c] * shade, 1.0))
                        continue
                    x, y, z = dx * t, dy * t, dz * t - distance
                    e = 0.004
                    a, _ = _distance(x + e, y - e, z - e, ends, radii, groups, blend, visible, count)
                    b, _ = _distance(x - e, y - e, z + e, ends, radii, groups, blend, visible, count)
                    c1, _ = _distance(x - e, y + e, z - e, ends, radii, groups, blend, visible, count)
                    d, _ = _distance(x + e, y + e, z + e, ends, radii, groups, blend, visible, count)
                    nx, ny, nz = a - b - c1 + d, -a - b + c1 + d, -a + b - c1 + d
                    length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
                    nx, ny, nz = nx / length, ny / length, nz / length
                    material = materials[cone]
                    for c in range(3):
                        colour[c], colour[3 + c] = colours[material, c], colours[4, c]
                    if material == FACE:
                        rx, ry, rz = x - pivot[0], y - pivot[1], z - pivot[2]
                        fx = head[0, 0] * rx + head[0, 1] * ry + head[0, 2] * rz
                        fy = head[1, 0] * rx + head[1, 1] * ry + head[1, 2] * rz - 0.30
                        fz = head[2, 0] * rx + head[2, 1] * ry + head[2, 2] * rz
                        _paint(fx, fy, fz, face, colour)
                    _hand_colour(x, y, z, nx, ny, nz, ends, inside, cone, colour)
                    lambert = max(-0.35 * nx - 0.60 * ny - 0.72 * nz, 0.0)
                    facing = max(-(nx * dx + ny * dy + nz * dz), 0.0)
                    ahead, _ = _distance(x + 0.05 * nx, y + 0.05 * ny, z + 0.05 * nz, ends, radii, groups, blend, visible, count)
                    towards_light, _ = _distance(
                        x + 0.02 * nx - 0.05,
                        y + 0.02 * ny - 0.10,
                        z + 0.02 * nz - 0.10,
                        ends,
                        radii,
                        groups,
                        blend,
                        visible,
                        count,
                    )
                    occlusion = min(max(ahead / 0.05, 0.0), 1.0) * 0.5 + 0.5
                    shadow = min(max(towards_light / 0.08, 0.0), 1.0) * 0.35 + 0.65
                    shade = (0.48 + 0.78 * lambert * shadow) * (0.55 + 0.45 * facing) * occlusion + 0.05
                    for c in range(3):
                        picture[row, column, c] = int(255 * min(max(colour[c] * shade, 0.0), 1.0))
