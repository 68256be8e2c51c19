"""The page computes what Python computes: features and decoding under node, the whole page in a headless browser."""

import json
import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from asl.models.features.feature_sets import encoder_input
from asl.pipelines.corpus.feature_store import compute_features, select_parts
from asl.pipelines.deployment.web_page import page_settings, write_web
from asl.pipelines.media.pose_files import read_pose, write_pose
from asl.pipelines.recogniser.bundle import default_bundle, load_bundle
from asl.pipelines.recogniser.reading import Reading
from asl.pipelines.translation.reader import Reader
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.settings.reading import DecodeSettings
from tests.made_up_signing import signing
from tests.running_asl import run_asl

SCRIPT = """
import fs from "fs";
import { parsePose, selectPoints } from "./pose.js";
import { clipFeatures, encoderInput, handsSeen, mirrored } from "./features.js";
import { decode } from "./ctc.js";
const { clips } = JSON.parse(fs.readFileSync("clips.json"));
const results = clips.map(({ file, web, views }) => {
  const bytes = fs.readFileSync(file);
  const pose = parsePose(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), web.places);
  const features = clipFeatures(selectPoints(pose, web.points), pose.fps, web);
  return {
    inputs: Array.from(encoderInput(features, web)), mirrored: Array.from(encoderInput(mirrored(features, web), web)),
    tokens: decode(views, handsSeen(features, web), web),
  };
});
fs.writeFileSync("results.json", JSON.stringify(results));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's scripts")
@pytest.mark.parametrize(("fps", "causal", "depth"), [(25.0, True, False), (30.0, False, True), (18.0, True, True)])
def test_the_page_computes_what_python_computes(tmp_path, fps, causal, depth):
    bundle = load_bundle(default_bundle(), threads=1)
    features = bundle.features.__class__(**{**vars(bundle.features), "causal_features": causal, "depth": depth})
    bundle = bundle.__class__(**{**vars(bundle), "features": features})
    web, rng, clips, expected = page_settings(bundle, DecodeSettings()), np.random.default_rng(0), [], []
    for kind in range(3):
        landmarks = signing(kind, kind, fps=fps)
        landmarks.points[rng.random(len(landmarks)) < 0.1, 501:522] = np.nan  # the left hand is lost for a while
        write_pose(tmp_path / f"{kind}.pose", landmarks)
        values = select_parts(compute_features(read_pose(tmp_path / f"{kind}.pose"), features)[0], features)
        scores = rng.normal(0, 3, (2, len(values), len(bundle.alphabet) + 1))
        views = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
        hands = np.isfinite(values[:, bundle.feature_set.hands]).any(axis=1)
        reading = Reading(tuple(views), hands, features.fps, {}, values, bundle.feature_set)
        variants = [values, bundle.feature_set.mirror(values)]
        inputs = [encoder_input(variant, bundle.mean, bundle.deviation, bundle.feature_set) for variant in variants]
        expected.append((inputs, Reader(bundle, DecodeSettings()).tokens(reading)))
        clips.append({"file": f"{kind}.pose", "web": web, "views": views.tolist()})
    for name in ("pose.js", "features.js", "ctc.js"):
        (tmp_path / name).write_text((files("asl.pipelines.deployment") / "web" / name).read_text())
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "run.js").write_text(SCRIPT)
    (tmp_path / "clips.json").write_text(json.dumps({"clips": clips}))
    subprocess.run(["node", "run.js"], cwd=tmp_path, check=True, timeout=120)
    for result, (inputs, tokens) in zip(json.loads((tmp_path / "results.json").read_text()), expected, strict=True):
        for name, values in zip(("inputs", "mirrored"), inputs, strict=True):
            np.testing.assert_allclose(np.array(result[name]).reshape(values.shape), values, atol=2e-3)
        assert [token["gloss"] for token in result["tokens"]] == [token.gloss for token in tokens]
        for by_page, token in zip(result["tokens"], tokens, strict=True):
            assert (by_page["start"], by_page["end"]) == pytest.approx((token.start, token.end))
            assert by_page["confidence"] == pytest.approx(token.confidence, abs=1e-6)
            assert [gloss["gloss"] for gloss in by_page["runners_up"]] == [gloss for gloss, _ in token.runners_up]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "web"
    try:
        write_web(folder, load_bundle(default_bundle()))
    except AslError as error:
        pytest.skip(f"the page's runtime cannot be fetched: {error.message}")
    return folder


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium to open the page")
def test_the_page_translates_like_the_command_line(page, real_data):
    clips = sorted((real_data / "twenty").glob("*.pose"))[::12][:20]
    (page / "clips").mkdir()
    for clip in clips:
        shutil.copyfile(clip, page / "clips" / clip.name)
    (page / "clips" / "broken.pose").write_bytes(b"no pose")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=page))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names = "&".join(f"pose=clips/{quote(name)}" for name in [*(clip.name for clip in clips), "broken.pose"])
    url = f"http://127.0.0.1:{server.server_port}/index.html?{names}"
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=600000", "--dump-dom", url]
    document = subprocess.run(command, capture_output=True, text=True, timeout=240).stdout
    server.shutdown()
    by_page = dict(re.findall(r'data-clip="clips/([^"]*)" data-glosses="([^"]*)"', document))
    translated = json.loads(run_asl("translate", *clips, "--model", default_bundle(), "--format", "json", check=0).stdout)[
        "clips"
    ]
    assert {Path(clip["path"]).name: " ".join(clip["glosses"]) for clip in translated} | {"broken.pose": ""} == by_page
    assert any(clip["glosses"] for clip in translated)
    assert "broken.pose: " in document


def test_pages_that_cannot_be_written(tmp_path):
    bundle = load_bundle(default_bundle())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds something else"):
        write_web(tmp_path / "full", bundle)
    with pytest.raises(BadInput, match=r"ort\.wasm"):
        write_web(tmp_path / "new", bundle, runtime=tmp_path / "full")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass
