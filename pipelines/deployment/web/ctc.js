// From CTC log-probabilities to glosses, as in transducers/ctc_search.py, models/objectives/ctc_scores.py and
// pipelines/recogniser/reading.py.

import { roundHalfEven } from "./features.js";

const MAX_EXTENSION_SECONDS = 0.5;

function logAdd(a, b) {
  if (a < b) [a, b] = [b, a];
  return b === -Infinity ? a : a + Math.log1p(Math.exp(b - a));
}

const logSum = (values) => values.reduce(logAdd, -Infinity);

/** The `beam` likeliest label sequences. view: T rows of V + 1 log-probabilities, the blank first. */
export function beamSearch(view, beam, penalty) {
  let beams = [{ labels: [], blank: 0, label: -Infinity }];
  for (const frame of view) {
    const extended = new Map();
    const prefix = (labels) => {
      const key = labels.join(" ");
      if (!extended.has(key)) extended.set(key, { labels, blank: -Infinity, label: -Infinity });
      return extended.get(key);
    };
    for (const hypothesis of beams) {
      const total = logAdd(hypothesis.blank, hypothesis.label), last = hypothesis.labels.at(-1);
      const same = prefix(hypothesis.labels);
      same.blank = logAdd(same.blank, total + frame[0]);
      if (last !== undefined) same.label = logAdd(same.label, hypothesis.label + frame[last]);
      for (let k = 1; k < frame.length; k++) {
        const from = k === last ? hypothesis.blank : total;
        if (from > -Infinity) { const longer = prefix([...hypothesis.labels, k]); longer.label = logAdd(longer.label, from + frame[k] - penalty); }
      }
    }
    beams = [...extended.values()].sort((a, b) => logAdd(b.blank, b.label) - logAdd(a.blank, a.label)).slice(0, beam);
  }
  return beams.map((hypothesis) => hypothesis.labels);
}

/** log p(labels | view). */
export function labelScore(view, labels) {
  const states = [0, ...labels.flatMap((label) => [label, 0])];
  let forward = states.map((state, i) => (i < 2 ? view[0][state] : -Infinity));
  for (const frame of view.slice(1)) {
    forward = states.map((state, i) => {
      let sum = forward[i];
      if (i > 0) sum = logAdd(sum, forward[i - 1]);
      if (i > 1 && state !== 0 && state !== states[i - 2]) sum = logAdd(sum, forward[i - 2]);
      return sum + frame[state];
    });
  }
  return logSum(forward.slice(-2));
}

/** (V,) log p of each sequence of one gloss. */
function singleSignScores(view) {
  const blank = [0];
  for (const frame of view) blank.push(blank.at(-1) + frame[0]);
  return view[0].slice(1).map((_, v) => {
    let label = 0, enter = -Infinity, sum = -Infinity;
    view.forEach((frame, t) => {
      enter = logAdd(enter, blank[t] - label);
      label += frame[v + 1];
      sum = logAdd(sum, label - blank[t + 1] + enter);
    });
    return blank.at(-1) + sum;
  });
}

/** (V,) posterior of each gloss, if the frames show a single sign. */
export function posteriors(views) {
  const viewScores = views.map(singleSignScores);
  const scores = viewScores[0].map((_, v) => logSum(viewScores.map((values) => values[v])));
  const total = logSum(scores);
  return scores.map((score) => Math.exp(score - total));
}

/** The labels of a clip: among the hypotheses of all views, the likeliest under all views. */
export function labelsOf(views, beam, penalty) {
  const candidates = new Map(views.flatMap((view) => beamSearch(view, beam, penalty)).map((labels) => [labels.join(" "), labels]));
  const score = (labels) => logSum(views.map((view) => labelScore(view, labels))) - penalty * labels.length;
  return [...candidates.values()].map((labels) => ({ labels, score: score(labels) })).sort((a, b) => b.score - a.score)[0].labels;
}

/** [first, last) frames of each label on the best path. */
export function align(view, labels) {
  const states = [0, ...labels.flatMap((label) => [label, 0])];
  let scores = states.map((state, i) => (i < 2 ? view[0][state] : -Infinity));
  const back = [states.map(() => 0)];
  for (const frame of view.slice(1)) {
    const step = [];
    scores = states.map((state, i) => {
      const choices = [scores[i], i > 0 ? scores[i - 1] : -Infinity, i > 1 && state !== 0 && state !== states[i - 2] ? scores[i - 2] : -Infinity];
      step.push(choices.indexOf(Math.max(...choices)));
      return choices[step[i]] + frame[state];
    });
    back.push(step);
  }
  let state = states.length - 1;
  if (scores[state - 1] > scores[state]) state--;
  const spans = labels.map(() => [Infinity, -1]);
  for (let t = view.length - 1; t >= 0; t--) {
    if (state % 2) { const span = spans[(state - 1) / 2]; span[0] = Math.min(span[0], t); span[1] = Math.max(span[1], t + 1); }
    state -= back[t][state];
  }
  return spans;
}

/** Extends spans into neighbouring frames in which a hand is visible, up to the middle between two signs. */
function extendSpans(spans, hands, fps) {
  const limit = roundHalfEven(MAX_EXTENSION_SECONDS * fps);
  const ends = [0, ...spans.map((span) => span[1])], starts = [...spans.map((span) => span[0]), hands.length];
  return spans.map(([first, last], i) => {
    const lowest = i === 0 ? ends[0] : (ends[i] + first + 1) >> 1;
    const highest = i === spans.length - 1 ? starts.at(-1) : (last + starts[i + 1]) >> 1;
    let [low, high] = [first, last];
    while (low > Math.max(lowest, first - limit) && hands[low - 1]) low--;
    while (high < Math.min(highest, last + limit) && hands[high]) high++;
    return [low, high];
  });
}

/** Glosses with times in seconds, confidences and runners-up. views: each T rows of V + 1 log-probabilities. */
export function decode(views, hands, web) {
  const labels = labelsOf(views, web.beam, web.insertion_penalty);
  if (!labels.length) return [];
  const scores = views.map((view) => labelScore(view, labels));
  const spans = extendSpans(align(views[scores.indexOf(Math.max(...scores))], labels), hands, web.fps);
  return labels.map((label, i) => {
    const [first, last] = spans[i];
    const shares = posteriors(views.map((view) => view.slice(first, last)));
    const order = shares.map((share, v) => v).sort((a, b) => shares[b] - shares[a]).filter((v) => v !== label - 1).slice(0, web.runners_up);
    return {
      gloss: web.glosses[label - 1], start: first / web.fps, end: last / web.fps, confidence: shares[label - 1],
      runners_up: order.map((v) => ({ gloss: web.glosses[v], confidence: shares[v] })),
    };
  });
}
