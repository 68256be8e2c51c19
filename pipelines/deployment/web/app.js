// The page: files in, skeletons, glosses and times out. Everything runs here.

import * as ort from "./ort/ort.wasm.min.mjs";
import { handsSeen, clipFeatures, encoderInput, mirrored } from "./features.js";
import { tokens } from "./ctc.js";
import { chosen, parsePose } from "./pose.js";

ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
ort.env.wasm.numThreads = 1;
const element = (id) => document.getElementById(id);
const say = (text, bad = false) => { element("status").textContent = text; element("status").className = bad ? "bad" : ""; };

async function start() {
  say("loading…");
  const web = await (await fetch("web.json")).json();
  const session = await ort.InferenceSession.create("encoder.onnx", { executionProviders: ["wasm"] });
  element("name").textContent = web.name;
  element("about").textContent = `${web.glosses.length} glosses. ${web.accuracy.join(" ")}`;
  element("limits").textContent = web.limits;
  element("misuse").textContent = web.misuse;
  const read = async (name, buffer) => {
    try {
      const pose = parsePose(buffer, web.places);
      show(name, pose, await translated(pose, web, session), web);
    } catch (error) {
      show(name, null, [], web, error.message);
    }
  };
  const readAll = async (files) => {
    for (const file of files) { say(`reading ${file.name}…`); await read(file.name, await file.arrayBuffer()); }
    say("");
  };
  const drop = element("drop");
  element("files").addEventListener("change", (event) => readAll(event.target.files));
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); readAll(event.dataTransfer.files); });
  // index.html?pose=clip.pose opens clips that lie beside the page.
  for (const name of new URLSearchParams(location.search).getAll("pose")) {
    const url = new URL(name, location.href);
    if (url.origin !== location.origin) continue;
    say(`reading ${name}…`);
    await read(name, await (await fetch(url)).arrayBuffer());
  }
  say("");
  document.body.dataset.ready = "yes";
}

/** A parsed .pose → glosses with times, as asl translate --decoder ctc-beam gives them. */
export async function translated(pose, web, session) {
  const features = clipFeatures(chosen(pose, web.points), pose.fps, web);
  const shown = web.mirror_average ? [features, mirrored(features, web)] : [features];
  const width = web.mean.length + 2, frames = features.length;
  const values = new Float32Array(shown.length * frames * width);
  shown.forEach((one, i) => values.set(encoderInput(one, web), i * frames * width));
  const lengths = BigInt64Array.from(shown, () => BigInt(frames));
  const out = await session.run({
    features: new ort.Tensor("float32", values, [shown.length, frames, width]),
    lengths: new ort.Tensor("int64", lengths, [shown.length]),
  });
  const { data, dims: [members, views, , classes] } = out.log_probs;
  const rows = (view) => Array.from({ length: frames }, (_, t) => Array.from(data.subarray((view * frames + t) * classes, (view * frames + t + 1) * classes)));
  return tokens(Array.from({ length: members * views }, (_, view) => rows(view)), handsSeen(features, web), web);
}

function show(name, pose, found, web, wrong = "") {
  const article = document.createElement("article");
  article.dataset.clip = name;
  article.dataset.glosses = found.map((one) => one.gloss).join(" ");
  const title = document.createElement("h2");
  title.textContent = wrong ? `${name}: ${wrong}` : `${name}: ${article.dataset.glosses || "(no sign recognised)"}`;
  title.className = wrong ? "bad" : "";
  article.append(title);
  if (pose) {
    const rows = table(found);
    article.append(skeleton(pose, found, rows, web), rows);
  }
  element("clips").prepend(article);
}

function table(found) {
  const made = document.createElement("table");
  made.innerHTML = "<tr><th>time</th><th>gloss</th><th>confidence</th><th>else</th></tr>";
  for (const one of found) {
    const row = made.insertRow();
    const others = one.runners_up.map((other) => `${other.gloss} ${other.confidence.toFixed(2)}`).join(", ");
    for (const text of [`${one.start.toFixed(2)} – ${one.end.toFixed(2)} s`, one.gloss, one.confidence.toFixed(2), others]) row.insertCell().textContent = text;
  }
  return made;
}

/** The clip's skeleton, played over and over; the row of the sign that is signed is marked. */
function skeleton(pose, found, rows, web) {
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = Math.round(Math.min(640, (320 * pose.height) / pose.width));
  canvas.title = "click to stop";
  const pen = canvas.getContext("2d"), begun = performance.now();
  let playing = true;
  canvas.addEventListener("click", () => { playing = !playing; if (playing) requestAnimationFrame(draw); });
  function draw() {
    const time = ((performance.now() - begun) / 1000) % (pose.frames / pose.fps);
    const frame = Math.min(pose.frames - 1, Math.floor(time * pose.fps)) * 543 * 3;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    for (const [first, last] of web.bones) {
      const at = [first, last].map((k) => [pose.points[frame + 3 * k] * 320, pose.points[frame + 3 * k + 1] * 320]);
      if (!at.flat().every(Number.isFinite)) continue;
      pen.strokeStyle = first < 33 ? "#888" : first < 522 ? "#1e6edc" : "#dc4628";
      pen.beginPath();
      pen.moveTo(...at[0]);
      pen.lineTo(...at[1]);
      pen.stroke();
    }
    found.forEach((one, i) => rows.rows[i + 1].classList.toggle("now", one.start <= time && time < one.end));
    if (playing && canvas.isConnected) requestAnimationFrame(draw);
  }
  requestAnimationFrame(draw);
  return canvas;
}

start().catch((error) => say(`this page cannot start: ${error.message}`, true));
