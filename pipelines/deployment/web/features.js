// From points to the encoder's input, as in resampling.py, signer_frame.py, phon36.py, landmark_features.py and feature_sets.py
// of models/features.

const LAGS = [1, 2];
const CLIP = 4;
const SAME_RATE = 1e-3;

const minus = (a, b) => a.map((value, i) => value - b[i]);
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const length = (a) => Math.sqrt(dot(a, a));
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const mean = (points) => points[0].map((_, i) => points.reduce((sum, point) => sum + point[i], 0) / points.length);
const rotate = (rotation, vector) => rotation.map((row) => dot(row, vector));
/** Rounds as Python does: halves to the even neighbour. */
export const roundHalfEven = (value) => { const low = Math.floor(value); return value - low === 0.5 ? low + (low % 2) : Math.round(value); };

/** (T, size) features of a clip, NaN where absent. frames: T arrays of K [x, y, z] at `fps`; web: web.json of the bundle. */
export function clipFeatures(frames, fps, web) {
  let points = resample(frames, fps, web.fps);
  if (!web.causal) points = fillGaps(points, web.hands, web.fps);
  const [left, right] = web.shoulders.map((k) => points.map((frame) => frame[k]));
  const signer = signerFrame(left, right, web.fps, web.depth, web.causal);
  const parts = web.sets.map((set) => {
    const setPoints = points.map((frame) => set.points.map((k) => frame[k]));
    return set.name === "phon36" ? phon36(setPoints, web.fps, signer) : landmarks(setPoints, signer, set);
  });
  const features = points.map((_, t) => parts.flatMap((part) => part[t]));
  for (const row of features) for (const column of web.hidden) row[column] = NaN;
  return features;
}

function resample(frames, fps, target) {
  if (Math.abs(fps / target - 1) < SAME_RATE || frames.length < 2) return frames;
  const count = Math.max(1, roundHalfEven((frames.length * target) / fps));
  return Array.from({ length: count }, (_, i) => {
    const time = i / target;
    let upper = Math.max(1, Math.min(frames.length - 1, Math.ceil(time * fps - 1e-9)));
    while (upper > 1 && (upper - 1) / fps >= time) upper--;
    while (upper < frames.length - 1 && upper / fps < time) upper++;
    const span = Math.max(upper / fps - (upper - 1) / fps, 1e-9);
    const weight = Math.fround(Math.min(1, Math.max(0, (time - (upper - 1) / fps) / span)));
    const [before, after] = [frames[upper - 1], frames[upper]];
    return before.map((point, k) => point.map((value, axis) => {
      const mixed = value + weight * (after[k][axis] - value);
      return Number.isNaN(mixed) ? (weight < 0.5 ? value : after[k][axis]) : mixed;
    }));
  });
}

function fillGaps(frames, hands, fps) {
  const longest = Math.trunc(0.2 * fps + 1e-6);
  const out = frames.map((frame) => frame.slice());
  for (const [first, last] of hands) {
    const seen = frames.flatMap((frame, t) => (Number.isFinite(frame[first][0]) ? [t] : []));
    seen.slice(1).forEach((stop, i) => {
      const start = seen[i], gap = stop - start - 1;
      if (gap < 1 || gap > longest) return;
      for (let t = start + 1; t < stop; t++) {
        for (let k = first; k < last; k++) {
          out[t][k] = frames[start][k].map((value, axis) => value + ((t - start) / (gap + 1)) * (frames[stop][k][axis] - value));
        }
      }
    });
  }
  return out;
}

const median = (values) => {
  const sorted = values.slice().sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length === 0 ? NaN : sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

/** {origin, rotation, scale} of each frame; NaN where the shoulders are not visible (SPEC §2). */
export function signerFrame(left, right, fps, depth, causal) {
  const spans = left.map((point, t) => { const [x, y, z] = minus(point, right[t]); return [x, y, depth ? z : z * 0]; });
  const widths = spans.map((span) => { const width = length(span); return width > 0 ? width : NaN; });
  const finite = (list) => list.filter(Number.isFinite);
  const clipMedian = causal ? null : median(finite(widths));
  const reach = roundHalfEven(10 * fps);
  const scale = widths.map((_, t) => (causal ? median(finite(widths.slice(Math.max(0, t - reach + 1), t + 1))) : clipMedian));
  const seen = widths.map((width, t) => width > 0.05 * scale[t]);
  const window = Math.max(1, roundHalfEven(0.5 * fps));
  const back = causal ? window - 1 : window >> 1, ahead = causal ? 0 : window >> 1;
  const none = [NaN, NaN, NaN];
  const frames = spans.map((_, t) => {
    if (!seen[t]) return { origin: none, rotation: [none, none, none], scale: NaN };
    const near = spans.slice(Math.max(0, t - back), Math.min(spans.length, t + ahead + 1)).filter((_, i) => seen[Math.max(0, t - back) + i]);
    return { origin: mean([left[t], right[t]]), rotation: rollThenYaw(mean(near)), scale: scale[t] };
  });
  return frames;
}

function rollThenYaw([x, y, z]) {
  const level = Math.hypot(x, y), full = Math.hypot(level, z);
  const [cosRoll, sinRoll, cosYaw, sinYaw] = [x / level, y / level, level / full, z / full];
  return [
    [cosYaw * cosRoll, cosYaw * sinRoll, sinYaw],
    [-sinRoll, cosRoll, 0],
    [-sinYaw * cosRoll, -sinYaw * sinRoll, cosYaw],
  ];
}

const toSignerFrame = (signer, point) => rotate(signer.rotation, minus(point, signer.origin)).map((value) => value / signer.scale);

function angle(a, b) {
  const sine = length(cross(a, b)), cosine = dot(a, b);
  return sine === 0 && cosine === 0 ? NaN : Math.atan2(sine, cosine);
}

/** (T, 36) (SPEC §3). points: shoulders, wrists, left hand, right hand, ten of the face. */
function phon36(points, fps, signer) {
  const hands = points.map((frame) => [frame.slice(4, 25), frame.slice(25, 46)]);
  const centres = hands.map((pair, t) => pair.map((hand, side) => {
    const centre = mean([0, 5, 9, 13, 17].map((k) => hand[k]));
    centre[2] += points[t][2 + side][2] - hand[0][2];
    return toSignerFrame(signer[t], centre);
  }));
  const velocity = centres.map((pair, t) => pair.map((centre, side) =>
    t ? minus(centre, centres[t - 1][side]).map((value) => value * fps) : [NaN, NaN, NaN]));
  return points.map((frame, t) => [
    ...hands[t].flatMap(handshape),
    ...centres[t].flat(),
    ...hands[t].flatMap((hand, side) => rotate(signer[t].rotation, palmNormal(hand, side))),
    ...velocity[t].flat(),
    ...acceleration(velocity, t, fps),
    ...nonManual(frame.slice(46).map((point) => rotate(signer[t].rotation, point).map((value) => value / signer[t].scale))),
  ]);
}

function handshape(hand) {
  const from = (k) => minus(hand[k], hand[0]);
  return [angle(from(4), from(5)), ...[[5, 8], [9, 12], [13, 16], [17, 20]].map(([knuckle, tip]) => angle(from(knuckle), minus(hand[tip], hand[knuckle])))];
}

function palmNormal(hand, side) {
  const normal = cross(minus(hand[5], hand[0]), minus(hand[17], hand[0]));
  const size = length(normal) * (side === 0 ? -1 : 1);
  return normal.map((value) => value / size);
}

function acceleration(velocity, t, fps) {
  const speeds = velocity[t].map((hand) => { const speed = dot(hand, hand); return Number.isNaN(speed) ? -1 : speed; });
  const side = speeds[1] > speeds[0] ? 1 : 0;
  return t ? minus(velocity[t][side], velocity[t - 1][side]).map((value) => value * fps) : [NaN, NaN, NaN];
}

function nonManual(face) {
  const eyes = minus(mean([face[0], face[1]]), mean([face[2], face[3]]));
  const brows = (length(minus(face[6], face[8])) + length(minus(face[7], face[9]))) / 2;
  return [...eyes, length(minus(face[4], face[5])), brows / length(eyes)];
}

/** (T, 162): x and y of each point; hands relative to their wrists, lips and eyes relative to their corners. */
function landmarks(points, signer, set) {
  return points.map((frame, t) => {
    const flat = frame.map((point) => toSignerFrame(signer[t], point).slice(0, 2));
    for (const [first, last] of set.from_wrist) {
      const wrist = flat[first].slice();
      for (let k = first + 1; k < last; k++) flat[k] = minus(flat[k], wrist);
    }
    for (const { range: [first, last], corners } of set.from_corners) {
      const middle = mean(corners.map((k) => flat[first + k]));
      for (let k = first; k < last; k++) flat[k] = minus(flat[k], middle);
    }
    return flat.flat();
  });
}

export const mirrored = (features, web) => features.map((row) => web.mirror_source.map((column, i) => row[column] * web.mirror_sign[i]));

/** (T, size) → Float32Array (T · inputs): with differences, standardised, 0 where absent, and a presence bit per hand. */
export function encoderInput(features, web) {
  const width = web.mean.length + 2;
  const out = new Float32Array(features.length * width);
  features.forEach((row, t) => {
    const expanded = [...row, ...LAGS.flatMap((lag) => web.lagged.map((column) => (t >= lag ? row[column] - features[t - lag][column] : NaN)))];
    expanded.forEach((value, i) => {
      const standard = Math.min(CLIP, Math.max(-CLIP, (value - web.mean[i]) / web.deviation[i]));
      out[t * width + i] = Number.isNaN(standard) ? 0 : standard;
    });
    web.hand_columns.forEach((column, i) => { out[t * width + width - 2 + i] = Number.isFinite(row[column]) ? 1 : 0; });
  });
  return out;
}

/** (T,) whether a hand is visible. */
export const handsSeen = (features, web) => features.map((row) => web.hand_columns.some((column) => Number.isFinite(row[column])));
