// .pose files (pose-format 0.1 and 0.2) as MediaPipe Holistic's 543 points; the twin of pipelines/posefile.py.

const POINTS = 543;

/** ArrayBuffer → {fps, width, height, frames, points}: points Float64Array (T · 543 · 3) in image widths, NaN where not seen. */
export function parsePose(buffer, places) {
  const view = new DataView(buffer);
  let at = 0;
  const float = () => { at += 4; return view.getFloat32(at - 4, true); };
  const short = () => { at += 2; return view.getUint16(at - 2, true); };
  const int = () => { at += 4; return view.getUint32(at - 4, true); };
  const text = () => {
    const length = short();
    at += length;
    return new TextDecoder().decode(new Uint8Array(buffer, at - length, length));
  };
  const version = Math.round(float() * 1000) / 1000;
  if (version !== 0.1 && version !== 0.2) throw new Error("not a .pose file of version 0.1 or 0.2");
  const [width, height] = [short(), short()];
  short();
  const columns = [];
  let dims = 0;
  for (let component = short(); component > 0; component--) {
    const name = text();
    dims = Math.max(dims, text().length - 1);
    const [points, limbs, colours] = [short(), short(), short()];
    for (let point = 0; point < points; point++) columns.push(places[`${name}/${text()}`] ?? -1);
    at += 4 * limbs + 6 * colours;
  }
  const fps = version === 0.1 ? short() : float();
  let frames = version === 0.1 ? short() : int();
  const people = short();
  const size = people * columns.length;
  if (version === 0.1) frames = Math.floor((buffer.byteLength - at) / (size * (dims + 1) * 4));
  if (!(frames > 0 && people > 0 && fps > 0 && fps <= 1000 && width > 0 && dims >= 2)) throw new Error("no frames in the .pose file");
  if (buffer.byteLength - at < frames * size * (dims + 1) * 4) throw new Error("the .pose file is cut off");
  if (!columns.some((column) => column >= 0)) throw new Error("no MediaPipe Holistic points in the .pose file");
  const data = new Float32Array(buffer.slice(at, at + frames * size * dims * 4));
  at += frames * size * dims * 4;
  const confidence = new Float32Array(buffer.slice(at, at + frames * size * 4));
  const points = new Float64Array(frames * POINTS * 3).fill(NaN);
  for (let t = 0; t < frames; t++) {
    columns.forEach((column, k) => {
      const source = (t * size + k) * dims;
      const [x, y, z] = [data[source] / width, data[source + 1] / width, dims > 2 ? data[source + 2] : 0];
      if (column >= 0 && confidence[t * size + k] > 0 && [x, y, z].every(Number.isFinite)) points.set([x, y, z], (t * POINTS + column) * 3);
    });
  }
  return { fps, width, height: Math.max(1, height), frames, points };
}

/** The chosen points of every frame: T arrays of K [x, y, z]. */
export function chosen(pose, indices) {
  return Array.from({ length: pose.frames }, (_, t) =>
    indices.map((k) => { const at = (t * POINTS + k) * 3; return [pose.points[at], pose.points[at + 1], pose.points[at + 2]]; }));
}
