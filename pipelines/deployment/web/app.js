// The page: reads .pose files, and shows skeletons, glosses and times. Everything runs in the browser.

import * as ort from "./ort/ort.wasm.min.mjs";
import { handsSeen, clipFeatures, encoderInput, mirrored } from "./features.js";
import { decode } from "./ctc.js";
import { parsePose, selectPoints } from "./pose.js";

ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
ort.env.wasm.numThreads = 1;
const element = (id) => document.getElementById(id);
const showStatus = (text, bad = false) => { element("status").textContent = text; element("status").className = bad ? "bad" : ""; };

async function start() {
  showStatus("loading…");
  const web = await (await fetch("web.json")).json();
  const session = await ort.InferenceSession.create("encoder.onnx", { executionProviders: ["wasm"] });
  element("name").textContent = web.name;
  element("about").textContent = `${web.glosses.length} glosses. ${web.accuracy.join(" ")}`;
  element("limits").textContent = web.limits;
  element("misuse").textContent = web.misuse;
  const readClip = async (name, buffer) => {
    try {
      const pose = parsePose(buffer, web.places);
      show(name, pose, await translate(pose, web, session), web);
    } catch (error) {
      show(name, null, [], web, error.message);
    }
  };
  const readAll = async (files) => {
    for (const file of files) { showStatus(`reading ${file.name}…`); await readClip(file.name, await file.arrayBuffer()); }
    showStatus("");
  };
  const drop = element("drop");
  element("files").addEventListener("change", (event) => readAll(event.target.files));
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); readAll(event.dataTransfer.files); });
  // index.html?pose=clip.pose opens files next to the page.
  for (const name of new URLSearchParams(location.search).getAll("pose")) {
    const url = new URL(name, location.href);
    if (url.origin !== location.origin) continue;
    showStatus(`reading ${name}…`);
    await readClip(name, await (await fetch(url)).arrayBuffer());
  }
  showStatus("");
  document.body.dataset.ready = "yes";
}

/** A parsed .pose file → glosses with times, the same as by asl translate --decoder ctc-beam. */
export async function translate(pose, web, session) {
  const features = clipFeatures(selectPoints(pose, web.points), pose.fps, web);
  const variants = web.mirror_average ? [features, mirrored(features, web)] : [features];
  const width = web.mean.length + 2, frames = features.length;
  const values = new Float32Array(variants.length * frames * width);
  variants.forEach((variant, i) => values.set(encoderInput(variant, web), i * frames * width));
  const lengths = BigInt64Array.from(variants, () => BigInt(frames));
  const output = await session.run({
    features: new ort.Tensor("float32", values, [variants.length, frames, width]),
    lengths: new ort.Tensor("int64", lengths, [variants.length]),
  });
  const { data, dims: [members, views, , classes] } = output.log_probs;
  const rows = (view) => Array.from({ length: frames }, (_, t) => Array.from(data.subarray((view * frames + t) * classes, (view * frames + t + 1) * classes)));
  return decode(Array.from({ length: members * views }, (_, view) => rows(view)), handsSeen(features, web), web);
}

function show(name, pose, tokens, web, error = "") {
  const article = document.createElement("article");
  article.dataset.clip = name;
  article.dataset.glosses = tokens.map((token) => token.gloss).join(" ");
  const title = document.createElement("h2");
  title.textContent = error ? `${name}: ${error}` : `${name}: ${article.dataset.glosses || "(no sign recognised)"}`;
  title.className = error ? "bad" : "";
  article.append(title);
  if (pose) {
    const rows = tokenTable(tokens);
    article.append(skeleton(pose, tokens, rows, web), rows);
  }
  element("clips").prepend(article);
}

function tokenTable(tokens) {
  const table = document.createElement("table");
  table.innerHTML = "<tr><th>time</th><th>gloss</th><th>confidence</th><th>next best</th></tr>";
  for (const token of tokens) {
    const row = table.insertRow();
    const runnersUp = token.runners_up.map((gloss) => `${gloss.gloss} ${gloss.confidence.toFixed(2)}`).join(", ");
    const times = `${token.start.toFixed(2)} – ${token.end.toFixed(2)} s`;
    for (const text of [times, token.gloss, token.confidence.toFixed(2), runnersUp]) row.insertCell().textContent = text;
  }
  return table;
}

/** The skeleton of a clip, played in a loop; marks the row of the current sign. */
function skeleton(pose, tokens, rows, web) {
  const canvas = document.createElement("canvas");
  canvas.width = 320;
  canvas.height = Math.round(Math.min(640, (320 * pose.height) / pose.width));
  canvas.title = "click to pause or play";
  const pen = canvas.getContext("2d"), start = performance.now();
  let playing = true;
  canvas.addEventListener("click", () => { playing = !playing; if (playing) requestAnimationFrame(draw); });
  function draw() {
    const time = ((performance.now() - start) / 1000) % (pose.frames / pose.fps);
    const frame = Math.min(pose.frames - 1, Math.floor(time * pose.fps)) * 543 * 3;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    for (const [first, last] of web.bones) {
      const ends = [first, last].map((k) => [pose.points[frame + 3 * k] * 320, pose.points[frame + 3 * k + 1] * 320]);
      if (!ends.flat().every(Number.isFinite)) continue;
      pen.strokeStyle = first < 33 ? "#888" : first < 522 ? "#1e6edc" : "#dc4628";
      pen.beginPath();
      pen.moveTo(...ends[0]);
      pen.lineTo(...ends[1]);
      pen.stroke();
    }
    tokens.forEach((token, i) => rows.rows[i + 1].classList.toggle("now", token.start <= time && time < token.end));
    if (playing && canvas.isConnected) requestAnimationFrame(draw);
  }
  requestAnimationFrame(draw);
  return canvas;
}

start().catch((error) => showStatus(`the page cannot start: ${error.message}`, true));
