// Reads .pose files (pose-format 0.1 and 0.2) as the 543 points of MediaPipe Holistic, as in pipelines/media/pose_files.py.

const POINTS = 543;

/** ArrayBuffer → {fps, width, height, frames, points}: points Float64Array (T · 543 · 3) in image widths, NaN where not visible. */
export function parsePose(buffer, places) {
  const view = new DataView(buffer);
  let offset = 0;
  const float = () => { offset += 4; return view.getFloat32(offset - 4, true); };
  const short = () => { offset += 2; return view.getUint16(offset - 2, true); };
  const int = () => { offset += 4; return view.getUint32(offset - 4, true); };
  const text = () => {
    const length = short();
    offset += length;
    return new TextDecoder().decode(new Uint8Array(buffer, offset - length, length));
  };
  const version = Math.round(float() * 1000) / 1000;
  if (version !== 0.1 && version !== 0.2) throw new Error("not a .pose file of version 0.1 or 0.2");
  const [width, height] = [short(), short()];
  short();
  const targets = [];
  let dims = 0;
  for (let component = short(); component > 0; component--) {
    const name = text();
    dims = Math.max(dims, text().length - 1);
    const [points, limbs, colours] = [short(), short(), short()];
    for (let point = 0; point < points; point++) targets.push(places[`${name}/${text()}`] ?? -1);
    offset += 4 * limbs + 6 * colours;
  }
  const fps = version === 0.1 ? short() : float();
  let frames = version === 0.1 ? short() : int();
  const people = short();
  const size = people * targets.length;
  if (version === 0.1) frames = Math.floor((buffer.byteLength - offset) / (size * (dims + 1) * 4));
  if (!(frames > 0 && people > 0 && fps > 0 && fps <= 1000 && width > 0 && dims >= 2)) throw new Error("no frames in the .pose file");
  if (buffer.byteLength - offset < frames * size * (dims + 1) * 4) throw new Error("the .pose file is cut off");
  if (!targets.some((target) => target >= 0)) throw new Error("no MediaPipe Holistic points in the .pose file");
  const data = new Float32Array(buffer.slice(offset, offset + frames * size * dims * 4));
  offset += frames * size * dims * 4;
  const confidence = new Float32Array(buffer.slice(offset, offset + frames * size * 4));
  const points = new Float64Array(frames * POINTS * 3).fill(NaN);
  for (let t = 0; t < frames; t++) {
    targets.forEach((target, k) => {
      const source = (t * size + k) * dims;
      const [x, y, z] = [data[source] / width, data[source + 1] / width, dims > 2 ? data[source + 2] : 0];
      if (target >= 0 && confidence[t * size + k] > 0 && [x, y, z].every(Number.isFinite)) points.set([x, y, z], (t * POINTS + target) * 3);
    });
  }
  return { fps, width, height: Math.max(1, height), frames, points };
}

/** The points with these indices, for every frame: T arrays of K [x, y, z]. */
export function selectPoints(pose, indices) {
  return Array.from({ length: pose.frames }, (_, t) =>
    indices.map((k) => Array.from(pose.points.slice((t * POINTS + k) * 3, (t * POINTS + k + 1) * 3))));
}
