'use strict';
// The page of `silma trace`: draws the tensors, and works out the output, gradient or weight that the reader picks.
// Numbers of the engine are single precision; everything here is computed from them in double precision.
(() => {
const data = JSON.parse(document.getElementById('trace').textContent);
const layers = data.layers;

// ---------------------------------------------------------------------------------------------------------------------
// Data

function bytes(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

function floats(text) {
  return new Float32Array(bytes(text).buffer);
}

function parameter(layer, name) {
  return layer.parameters.find((p) => p.name === name);
}

function values(layer, name) {
  const found = parameter(layer, name);
  return found && found.values;
}

for (const layer of layers) {
  layer.consumers = [];
  layer.y = layer.y === undefined ? layers[layer.inputs[0]].y : floats(layer.y);
  layer.dy = floats(layer.dy);
  layer.dz = layer.dz === undefined ? layer.dy : floats(layer.dz);
  if (layer.factor) layer.factor = floats(layer.factor);
  for (const p of layer.parameters) {
    p.values = floats(p.values);
    if (p.gradient) p.gradient = floats(p.gradient);
  }
  for (const input of new Set(layer.inputs)) layers[input].consumers.push(layer);
}
const targets = floats(data.loss.targets);
const probabilities = floats(data.loss.probabilities);
const output = layers[layers.length - 1];

// ---------------------------------------------------------------------------------------------------------------------
// Text

function escapeText(text) {
  return text.replace(/[&<>"]/g, (c) => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})[c]);
}

// "0.1235", "−3.2×10⁻⁵": four digits, or as many as are asked for.
function num(value, digits = 4) {
  if (!Number.isFinite(value)) return 'not finite';
  if (value === 0) return '0';
  const size = Math.abs(value), sign = value < 0 ? '−' : '';
  const [mantissa, exponent] = size.toExponential(digits - 1).split('e'); // rounded: 0.00099999 is 1e-3
  if (exponent >= -3 && exponent <= 5) return sign + String(Number(size.toPrecision(digits)));
  return `${sign}${Number(mantissa)}×10<sup>${exponent.replace('+', '').replace('-', '−')}</sup>`;
}

// For a small square: two digits, no power of ten, no zero before the point.
function short(value) {
  const size = Math.abs(value), sign = value < 0 ? '−' : '';
  if (size === 0 || size >= 1000) return num(value, 2);
  if (size < 0.0005) return `${sign}.000`;
  return sign + (size < 0.01 ? size.toFixed(3) : String(Number(size.toPrecision(2)))).replace(/^0/, '');
}

// In brackets where it is negative, as a factor or summand.
function term(value, digits) {
  return value < 0 ? `(${num(value, digits)})` : num(value, digits);
}

function place(layer, index) {
  const [, width, channels] = layer.out;
  if (layer.flat) return `neuron ${index + 1}`;
  const pixel = Math.floor(index / channels);
  const at = `row ${Math.floor(pixel / width) + 1}, column ${(pixel % width) + 1}`;
  return channels > 1 ? `${at} of map ${(index % channels) + 1}` : at;
}

function weightPlace(p, index) {
  const at = [];
  for (let d = p.dims.length - 1; d >= 0; d--) {
    at.unshift((index % p.dims[d]) + 1);
    index = Math.floor(index / p.dims[d]);
  }
  return `${p.name}[${at.join(', ')}]`;
}

// ---------------------------------------------------------------------------------------------------------------------
// Activations

const SQRT2 = Math.sqrt(2);

// A series near zero, a continued fraction beyond: exact to fifteen digits or so.
function erf(x) {
  if (Math.abs(x) < 2) {
    let sum = x, part = x;
    for (let n = 1; Math.abs(part) > 1e-17 * Math.abs(sum) && n < 99; n++) {
      part *= -x * x / n;
      sum += part / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  const a = Math.abs(x);
  let f = a;
  for (let k = 60; k > 0; k--) f = a + (k / 2) / f;
  return Math.sign(x) * (1 - Math.exp(-a * a) / (f * Math.sqrt(Math.PI)));
}

const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const FUNCTIONS = {
  linear: [(z) => z, () => 1],
  relu: [(z) => Math.max(0, z), (z) => (z > 0 ? 1 : 0)],
  leaky_relu: [(z, b) => (z > 0 ? z : b * z), (z, b) => (z > 0 ? 1 : b)],
  elu: [(z, a) => (z > 0 ? z : a * Math.expm1(z)), (z, a) => (z > 0 ? 1 : a * Math.exp(z))],
  sigmoid: [sigmoid, (z) => sigmoid(z) * (1 - sigmoid(z))],
  tanh: [Math.tanh, (z) => 1 - Math.tanh(z) ** 2],
  gelu: [(z) => z / 2 * (1 + erf(z / SQRT2)),
         (z) => (1 + erf(z / SQRT2)) / 2 + z * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI)],
  silu: [(z) => z * sigmoid(z), (z) => sigmoid(z) * (1 + z * (1 - sigmoid(z)))],
};

function softmax(z) {
  const top = Math.max(...z);
  const powers = Array.from(z, (v) => Math.exp(v - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / sum);
}

function activate(layer, z) {
  if (layer.activation === 'softmax') {
    const c = layer.out[2], y = new Float64Array(z.length);
    for (let row = 0; row < z.length; row += c) y.set(softmax(z.subarray(row, row + c)), row);
    return y;
  }
  const f = (FUNCTIONS[layer.activation] || FUNCTIONS.linear)[0];
  return z.map((v) => f(v, layer.slope));
}

// ---------------------------------------------------------------------------------------------------------------------
// Geometry: which inputs an output is made of

// Calls visit(inputIndex, row, column, channel) for the window of output (m, n), channels `from` to `to`.
function visitWindow(layer, m, n, from, to, visit) {
  const [height, width, channels] = layers[layer.inputs[0]].out;
  const w = layer.window, inH = layer.flat && w.size[0] === 1 ? 1 : height, inW = inH === 1 && layer.flat ? 1 : width;
  for (let i = 0; i < w.size[0]; i++) {
    const row = m * w.stride[0] + i - w.pad[0];
    if (row < 0 || row >= inH) continue;
    for (let j = 0; j < w.size[1]; j++) {
      const column = n * w.stride[1] + j - w.pad[1];
      if (column < 0 || column >= inW) continue;
      for (let c = from; c < to; c++) visit((row * inW + column) * channels + c, i, j, c);
    }
  }
}

function split(layer, index) {
  const [, width, channels] = layer.out, pixel = Math.floor(index / channels);
  return {m: Math.floor(pixel / width), n: pixel % width, t: index % channels};
}

// The channels that filter t sees, and its weight under (i, j) for input channel c.
function group(layer, t) {
  const inputs = layers[layer.inputs[0]].out[2] / layer.window.groups;
  const first = Math.floor(t / (layer.out[2] / layer.window.groups)) * inputs;
  return {first, inputs};
}

function weightIndex(layer, i, j, c, t) {
  const {first, inputs} = group(layer, t);
  return ((i * layer.window.size[1] + j) * inputs + (c - first)) * layer.out[2] + t;
}

// The terms of an output of a sum: [{x, w, i, j, c}], indices into the input and the kernel.
function sumTerms(layer, index) {
  const {m, n, t} = split(layer, index), {first, inputs} = group(layer, t), terms = [];
  visitWindow(layer, m, n, first, first + inputs, (x, i, j, c) => {
    terms.push({x, w: weightIndex(layer, i, j, c, t), i, j, c});
  });
  return terms;
}

function poolTerms(layer, index) {
  const {m, n, t} = split(layer, index), terms = [];
  visitWindow(layer, m, n, t, t + 1, (x, i, j) => terms.push({x, i, j}));
  return terms;
}

function winner(layer, index, x) {
  let best = null;
  for (const one of poolTerms(layer, index)) if (best === null || x[one.x] > x[best.x]) best = one;
  return best;
}

// The outputs (m, n) whose window holds the input pixel.
function visitOutputs(layer, inputIndex, visit) {
  const from = layers[layer.inputs[0]], [, width, channels] = from.out, w = layer.window;
  const pixel = Math.floor(inputIndex / channels), row = Math.floor(pixel / width), column = pixel % width;
  for (let i = 0; i < w.size[0]; i++) {
    const m = (row + w.pad[0] - i) / w.stride[0];
    if (!Number.isInteger(m) || m < 0 || m >= layer.out[0]) continue;
    for (let j = 0; j < w.size[1]; j++) {
      const n = (column + w.pad[1] - j) / w.stride[1];
      if (Number.isInteger(n) && n >= 0 && n < layer.out[1]) visit(m, n, i, j);
    }
  }
}

// Where element `index` of input number k of a joining layer lies in the output.
function joined(layer, k, index) {
  const from = layers[layer.inputs[k]];
  if (layer.inputs.length === 1 || layer.rule === 'add') return index;
  let at = 0;
  for (let i = 0; i < k; i++) at += layers[layer.inputs[i]].out[2];
  return Math.floor(index / from.out[2]) * layer.out[2] + at + index % from.out[2];
}

function statistics(layer, channel, x) {
  const c = layer.out[2], count = x.length / c;
  let mean = 0, variance = 0;
  for (let i = channel; i < x.length; i += c) mean += x[i] / count;
  for (let i = channel; i < x.length; i += c) variance += (x[i] - mean) ** 2 / count;
  return {mean, variance, count, root: Math.sqrt(variance + layer.epsilon)};
}

// ---------------------------------------------------------------------------------------------------------------------
// The network once more, in double precision: for numerical derivatives

const RULES = {
  copy(layer, xs) {
    const z = new Float64Array(layer.y.length);
    layer.inputs.forEach((from, k) => xs[from].forEach((v, i) => { z[joined(layer, k, i)] = v; }));
    return z;
  },
  sum(layer, xs, weights) {
    const x = xs[layer.inputs[0]], kernel = weights(parameter(layer, 'kernel'));
    const biasParameter = parameter(layer, 'bias'), bias = biasParameter && weights(biasParameter);
    const [height, width, filters] = layer.out, z = new Float64Array(layer.y.length);
    const each = filters / layer.window.groups, channels = layers[layer.inputs[0]].out[2];
    const inputs = channels / layer.window.groups;
    for (let m = 0; m < height; m++) {
      for (let n = 0; n < width; n++) {
        const at = (m * width + n) * filters;
        for (let t = 0; t < filters; t++) z[at + t] = bias ? bias[t] : 0;
        visitWindow(layer, m, n, 0, channels, (from, i, j, c) => {
          if (x[from] === 0) return;
          const g = Math.floor(c / inputs), row = ((i * layer.window.size[1] + j) * inputs + (c - g * inputs)) * filters;
          for (let t = g * each; t < (g + 1) * each; t++) z[at + t] += x[from] * kernel[row + t];
        });
      }
    }
    return z;
  },
  maximum(layer, xs) {
    const x = xs[layer.inputs[0]];
    return Float64Array.from(layer.y, (_, i) => x[winner(layer, i, x).x]);
  },
  mean(layer, xs) {
    const x = xs[layer.inputs[0]];
    return Float64Array.from(layer.y, (_, i) => {
      const terms = poolTerms(layer, i);
      return terms.reduce((sum, one) => sum + x[one.x], 0) / terms.length;
    });
  },
  function: (layer, xs) => xs[layer.inputs[0]],
  slope(layer, xs, weights) {
    const slope = weights(parameter(layer, 'slope')), c = layer.out[2];
    return xs[layer.inputs[0]].map((v, i) => (v > 0 ? v : slope[i % c] * v));
  },
  normalise(layer, xs, weights) {
    const x = xs[layer.inputs[0]], c = layer.out[2], z = new Float64Array(x.length);
    const gamma = weights(parameter(layer, 'gamma')), beta = weights(parameter(layer, 'beta'));
    for (let channel = 0; channel < c; channel++) {
      const {mean, root} = statistics(layer, channel, x);
      for (let i = channel; i < x.length; i += c) z[i] = gamma[channel] * (x[i] - mean) / root + beta[channel];
    }
    return z;
  },
  scale: (layer, xs) => xs[layer.inputs[0]].map((v, i) => v * layer.factor[i]),
  add(layer, xs) {
    const z = new Float64Array(layer.y.length);
    for (const from of layer.inputs) xs[from].forEach((v, i) => { z[i] += v; });
    return z;
  },
};

function lossOf(logits) {
  const smoothing = data.loss.label_smoothing, count = logits.length, kind = data.loss.kind;
  const share = smoothing / (kind === 'binary_crossentropy' ? 2 : count);
  const soft = data.loss.head === 'softmax';
  const r = soft ? softmax(logits) : Array.from(logits, data.loss.head === 'sigmoid' ? sigmoid : (z) => z);
  let top = 0, others = 0, loss = 0;
  logits.forEach((z, i) => { if (z > logits[top]) top = i; });
  logits.forEach((z, i) => { if (i !== top) others += Math.exp(z - logits[top]); });
  const logSigmoid = (z) => Math.min(z, 0) - Math.log1p(Math.exp(-Math.abs(z)));
  logits.forEach((z, i) => {
    const y = (1 - smoothing) * targets[i] + share;
    if (kind === 'categorical_crossentropy') loss -= y * (z - logits[top] - Math.log1p(others));
    else if (kind === 'mean_squared_error') loss += (y - r[i]) ** 2 / count;
    else if (data.loss.head === 'sigmoid') loss -= (y * logSigmoid(z) + (1 - y) * logSigmoid(-z)) / count;
    else loss -= (y * Math.log(Math.max(r[i], 1e-300)) + (1 - y) * Math.log(Math.max(1 - r[i], 1e-300))) / count;
  });
  return loss;
}

const exact = [Float64Array.from(layers[0].y)];
const plain = (p) => p.values;

function computeLayers(first, xs, weights) {
  for (let i = Math.max(first, 1); i < layers.length; i++)
    xs[i] = activate(layers[i], RULES[layers[i].rule](layers[i], xs, weights));
  return lossOf(xs[layers.length - 1]);
}

const work = layers.reduce((sum, layer) => sum + (layer.rule === 'sum'
    ? layer.out[0] * layer.out[1] * parameter(layer, 'kernel').values.length : 0), 0);
const canDifferentiate = work < 2e7 && layers.slice(1).every((layer) => RULES[layer.rule]);

// (E(w + h) - E(w - h)) / 2h for a weight (p is its parameter) or an input pixel (p is null).
function numerical(layer, p, index) {
  if (!canDifferentiate) return null;
  if (exact.length < layers.length) computeLayers(1, exact, plain);
  const number = layers.indexOf(layer);
  const value = p ? p.values[index] : layer.y[index], h = 1e-5 * Math.max(Math.abs(value), 1);
  const lossAt = (distance) => {
    const moved = Float64Array.from(p ? p.values : layer.y), xs = exact.slice();
    moved[index] += distance;
    if (!p) xs[number] = moved;
    return computeLayers(p ? number : number + 1, xs, (other) => (other === p ? moved : other.values));
  };
  const above = lossAt(h), below = lossAt(-h), here = lossAt(0);
  const left = (here - below) / h, right = (above - here) / h;
  return {value: (above - below) / (2 * h), left, right,
          kink: Math.abs(right - left) > 1e-2 * Math.max(Math.abs(left), Math.abs(right)) + 1e-10};
}

function numericalLine(layer, p, index, analytic) {
  const n = numerical(layer, p, index);
  if (!n) return '';
  if (n.kink)
    return line('numerical', `${num(n.left)} from the left, ${num(n.right)} from the right: E has a kink here`);
  const size = Math.max(Math.abs(n.value), Math.abs(analytic), 1e-10);
  const moved = p ? 'w' : 'x';
  return line('numerical', `(E(${moved} + h) − E(${moved} − h)) / 2h = ${num(n.value, 7)}, relative error
      ${num(Math.abs(n.value - analytic) / size, 2)}`);
}

// ---------------------------------------------------------------------------------------------------------------------
// Pieces of a panel

function line(name, html, kind = '') {
  return `<div class="line ${kind}"><span class="name">${name}</span><span>${html}</span></div>`;
}

function title(html) {
  return `<h4>${html}</h4>`;
}

function engineLine(value, own) {
  const same = Math.abs(value - own) <= 1e-5 * Math.max(Math.abs(value), Math.abs(own)) + 1e-7;
  return line('Silma', `${num(own, 7)} ${same ? '<span class="same">✓ the same</span>' : ''}`, 'engine');
}

function shade(value, most) {
  const share = most > 0 ? Math.min(1, Math.abs(value) / most) : 0;
  const strong = share > 0.55 ? ' strong' : '';
  return `class="${value < 0 ? 'neg' : 'pos'}${strong}" style="--share:${Math.round(100 * share)}%"`;
}

// A window of numbers as small coloured squares; `mark` is the one to point out.
function square(rows, columns, at, caption, mark) {
  let most = 0, html = '';
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) most = Math.max(most, Math.abs(at(i, j) || 0));
  const small = columns > 6;
  for (let i = 0; i < rows; i++) {
    html += '<tr>';
    for (let j = 0; j < columns; j++) {
      const value = at(i, j);
      if (value === null) html += '<td class="outside" title="outside the image"></td>';
      else html += `<td ${shade(value, most)}${mark && mark(i, j) ? ' data-mark="1"' : ''}>${small ? '' : short(value)}</td>`;
    }
    html += '</tr>';
  }
  return `<figure class="square${small ? ' small' : ''}"><table style="--columns:${columns}">${html}</table><figcaption>${caption}</figcaption></figure>`;
}

// Products, the greatest first; what is beyond the eighth is added up in one line. Without a third head: plain summands.
function products(terms, heads) {
  const shown = 8;
  const sorted = terms.filter((one) => one.a * one.b !== 0).sort((p, q) => Math.abs(q.a * q.b) - Math.abs(p.a * p.b));
  const total = terms.reduce((sum, one) => sum + one.a * one.b, 0);
  const rest = sorted.slice(shown).reduce((sum, one) => sum + one.a * one.b, 0);
  const most = Math.max(Math.abs(rest), sorted.length ? Math.abs(sorted[0].a * sorted[0].b) : 0);
  const bar = (v) => `<td class="pbar"><span ${shade(v, most)}></span></td>`;
  const factors = (a, b) => (heads[2] ? `<td>${a}</td><td>${b}</td>` : '');
  let html = sorted.slice(0, shown).map((one) => `<tr><th scope="row">${one.name}</th>${factors(num(one.a), num(one.b))}<td>${
      num(one.a * one.b)}</td>${bar(one.a * one.b)}</tr>`).join('');
  if (sorted.length > shown)
    html += `<tr class="rest"><th scope="row">${sorted.length - shown} others</th>${factors('', '')}<td>${num(rest)}</td>${
        bar(rest)}</tr>`;
  const zeros = terms.length - sorted.length;
  if (zeros > 0) html += `<tr class="rest"><th scope="row" colspan="${heads[2] ? 5 : 3}">${zeros} of ${terms.length} products are 0</th></tr>`;
  return {total, html: `<table class="products"><thead><tr><th scope="col">${heads[0]}</th>${heads[2]
      ? `<th scope="col">${heads[1]}</th><th scope="col">${heads[2]}</th>` : ''}<th scope="col">${
      heads[2] ? 'product' : heads[1]}</th><th></th></tr></thead><tbody>${
      html}</tbody></table>`};
}

const ACTIVATION_TEXTS = {
  relu: (z) => `max(0, ${num(z)})`,
  sigmoid: (z) => `1 / (1 + e<sup>${num(-z)}</sup>)`,
  tanh: (z) => `tanh(${num(z)})`,
};

function activationLine(layer, z, index) {
  if (layer.activation === 'linear') return {y: z, html: ''};
  if (layer.activation === 'softmax') return {y: layer.y[index], html: line('a', `softmax over the channels`)};
  const y = FUNCTIONS[layer.activation][0](z, layer.slope);
  const text = ACTIVATION_TEXTS[layer.activation];
  return {y, html: line('a = f(z)', `${text ? text(z) : `${layer.activation}(${num(z)})`} = <b>${num(y, 7)}</b>`)};
}

// ---------------------------------------------------------------------------------------------------------------------
// Forward: one output

function preActivation(layer, index) {
  if (layer.rule === 'sum') {
    const x = layers[layer.inputs[0]].y, kernel = values(layer, 'kernel'), bias = values(layer, 'bias');
    return sumTerms(layer, index).reduce((sum, one) => sum + x[one.x] * kernel[one.w], bias ? bias[split(layer, index).t] : 0);
  }
  return layers[layer.inputs[0]].y[index];
}

function showConvolution(layer, index) {
  const x = layers[layer.inputs[0]].y, kernel = values(layer, 'kernel'), [rows, columns] = layer.window.size;
  const maps = new Map();
  for (const one of sumTerms(layer, index)) {
    if (!maps.has(one.c)) maps.set(one.c, {cells: new Map(), sum: 0});
    const map = maps.get(one.c);
    map.cells.set(one.i * columns + one.j, [x[one.x], kernel[one.w]]);
    map.sum += x[one.x] * kernel[one.w];
  }
  const order = [...maps.keys()].sort((a, b) => Math.abs(maps.get(b).sum) - Math.abs(maps.get(a).sum));
  const shown = order.slice(0, 3), rest = order.slice(3);
  let html = '';
  for (const c of shown) {
    const {cells, sum} = maps.get(c);
    const at = (pick) => (i, j) => (cells.has(i * columns + j) ? pick(cells.get(i * columns + j)) : null);
    html += `<div class="patch"><div class="from">${maps.size > 1 ? `input map ${c + 1}` : 'input'}</div>${
        square(rows, columns, at((v) => v[0]), 'X')}<span class="op">·</span>${
        square(rows, columns, at((v) => v[1]), 'F')}<span class="op">=</span>${
        square(rows, columns, at((v) => v[0] * v[1]), `sum <b>${num(sum)}</b>`)}</div>`;
  }
  if (rest.length > 0)
    html += line(`${rest.length} other maps`, num(rest.reduce((sum, c) => sum + maps.get(c).sum, 0)));
  const sums = shown.map((c) => term(maps.get(c).sum)).join(' + ');
  return {html, sums: sums + (rest.length ? ` + ${term(rest.reduce((s, c) => s + maps.get(c).sum, 0))}` : '')};
}

function showDense(layer, index) {
  const x = layers[layer.inputs[0]].y, kernel = values(layer, 'kernel');
  const terms = sumTerms(layer, index).map((one) => ({name: one.x + 1, a: x[one.x], b: kernel[one.w]}));
  const {total, html} = products(terms, ['i', 'x<sub>i</sub>', 'w<sub>j,i</sub>']);
  return {html, sums: term(total)};
}

const FORWARD = {
  sum(layer, index) {
    const dense = layer.out[0] * layer.out[1] === 1 && layer.window.size[0] * layer.window.size[1] === 1;
    const {html, sums} = dense ? showDense(layer, index) : showConvolution(layer, index);
    const bias = values(layer, 'bias'), z = preActivation(layer, index);
    const last = activationLine(layer, z, index);
    return html + line('z', `${sums}${bias ? ` + ${term(bias[split(layer, index).t])} <span class="what">(b)</span>` : ''} = <b>${num(z, 7)}</b>`) +
        last.html + engineLine(last.y, layer.y[index]);
  },
  maximum(layer, index) {
    const x = layers[layer.inputs[0]].y, best = winner(layer, index, x);
    return windowSquare(layer, index, (i, j) => i === best.i && j === best.j) +
        line('z', `the greatest: <b>${num(x[best.x], 7)}</b>, from ${place(layers[layer.inputs[0]], best.x)}`) +
        engineLine(x[best.x], layer.y[index]);
  },
  mean(layer, index) {
    const x = layers[layer.inputs[0]].y, terms = poolTerms(layer, index);
    const sum = terms.reduce((total, one) => total + x[one.x], 0);
    return windowSquare(layer, index) + line('z', `${num(sum)} / ${terms.length} = <b>${num(sum / terms.length, 7)}</b>`) +
        engineLine(sum / terms.length, layer.y[index]);
  },
  function(layer, index) {
    const x = layers[layer.inputs[0]].y[index], last = activationLine(layer, x, index);
    return line('x', num(x, 7)) + last.html + engineLine(last.y, layer.y[index]);
  },
  slope(layer, index) {
    const x = layers[layer.inputs[0]].y[index], b = values(layer, 'slope')[index % layer.out[2]];
    const y = x > 0 ? x : b * x;
    return line('x', num(x, 7)) + line('y', x > 0 ? `x = ${num(y, 7)}` : `b x = ${term(b)} · ${term(x)} = <b>${num(y, 7)}</b>`) +
        engineLine(y, layer.y[index]);
  },
  normalise(layer, index) {
    const x = layers[layer.inputs[0]].y, c = index % layer.out[2], s = statistics(layer, c, x);
    const gamma = values(layer, 'gamma')[c], beta = values(layer, 'beta')[c];
    const hat = (x[index] - s.mean) / s.root, y = gamma * hat + beta;
    return line('μ', `${num(s.mean, 6)}, the mean of the map's ${s.count} pixels`) + line('σ²', num(s.variance, 6)) +
        line('x̂', `(${num(x[index])} − ${term(s.mean)}) / √(${num(s.variance)} + ${num(layer.epsilon)}) = ${num(hat, 6)}`) +
        line('y', `γ x̂ + β = ${num(gamma)} · ${term(hat)} + ${term(beta)} = <b>${num(y, 7)}</b>`) + engineLine(y, layer.y[index]);
  },
  scale(layer, index) {
    const x = layers[layer.inputs[0]].y[index], factor = layer.factor[index];
    return line('x', num(x, 7)) + line('y', factor === 0 ? 'dropped: <b>0</b>'
        : `kept: ${num(x)} · ${num(factor, 6)} = <b>${num(x * factor, 7)}</b>`) + engineLine(x * factor, layer.y[index]);
  },
  add(layer, index) {
    const parts = layer.inputs.map((from) => layers[from].y[index]), sum = parts.reduce((a, b) => a + b, 0);
    return line('y', `${parts.map((v) => term(v)).join(' + ')} = <b>${num(sum, 7)}</b>`) + engineLine(sum, layer.y[index]);
  },
  copy(layer, index) {
    for (let k = 0; k < layer.inputs.length; k++) {
      const from = layers[layer.inputs[k]];
      for (let i = 0; i < from.y.length; i++)
        if (joined(layer, k, i) === index)
          return line('y', `${num(from.y[i], 7)}, from ${escapeText(from.name)}, ${place(from, i)}`);
    }
    return '';
  },
};

function windowSquare(layer, index, mark) {
  const x = layers[layer.inputs[0]].y, [rows, columns] = layer.window.size, cells = new Map();
  for (const one of poolTerms(layer, index)) cells.set(one.i * columns + one.j, x[one.x]);
  return `<div class="patch">${square(rows, columns, (i, j) => (cells.has(i * columns + j) ? cells.get(i * columns + j) : null),
      'the window', mark)}</div>`;
}

function forwardPanel(layer, index) {
  let html = title(`${escapeText(layer.name)}: ${place(layer, index)}`);
  if (layer.inputs.length === 0) {
    const c = index % layer.out[2], pixel = bytes(data.image.pixels)[index];
    const scale = floats(data.image.scale)[c], shift = floats(data.image.shift)[c];
    return html + line('x', `${pixel} · ${num(scale, 6)}${shift ? ` + ${term(shift)}` : ''} = <b>${num(pixel * scale + shift, 6)}</b>`) +
        engineLine(pixel * scale + shift, layer.y[index]);
  }
  const show = FORWARD[layer.rule];
  return html + (show ? show(layer, index) : line('y', `${num(layer.y[index], 7)}, by the layer's own function`));
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward: the gradient of one output, as the layers that read it give it

const BACKWARD = {
  sum(layer, index) {
    const kernel = values(layer, 'kernel'), terms = [], c = index % layers[layer.inputs[0]].out[2];
    const [, width, filters] = layer.out, dense = layer.out[0] * layer.out[1] === 1;
    visitOutputs(layer, index, (m, n, i, j) => {
      for (let t = 0; t < filters; t++) {
        const {first, inputs} = group(layer, t);
        if (c < first || c >= first + inputs) continue;
        const o = (m * width + n) * filters + t;
        terms.push({name: dense ? t + 1 : `(${m + 1}, ${n + 1}), ${t + 1}`, a: kernel[weightIndex(layer, i, j, c, t)], b: layer.dz[o]});
      }
    });
    const {total, html} = products(terms, [dense ? 'j' : '(m, n), t', 'w', 'δ']);
    return {total, html};
  },
  maximum(layer, index) {
    const x = layers[layer.inputs[0]].y, c = index % layer.out[2];
    let total = 0, count = 0, html = '';
    visitOutputs(layer, index, (m, n) => {
      const o = (m * layer.out[1] + n) * layer.out[2] + c;
      count++;
      if (winner(layer, o, x).x !== index) return;
      total += layer.dy[o];
      html += line('δ', `${num(layer.dy[o], 6)}, of the window at row ${m + 1}, column ${n + 1}, whose greatest it is`);
    });
    return {total, html: html || line('δ', count ? 'not the greatest of its window: <b>0</b>' : 'in no window: <b>0</b>')};
  },
  mean(layer, index) {
    const c = index % layer.out[2];
    let total = 0, html = '';
    visitOutputs(layer, index, (m, n) => {
      const o = (m * layer.out[1] + n) * layer.out[2] + c, count = poolTerms(layer, o).length;
      total += layer.dy[o] / count;
      html += line('δ', `${num(layer.dy[o])} / ${count}, of the window at row ${m + 1}, column ${n + 1}`);
    });
    return {total, html};
  },
  function(layer, index) {
    return {total: layer.dz[index], html: line('∂E/∂x', `∂E/∂y f′(x) = ${num(layer.dz[index], 6)}`)};
  },
  slope(layer, index) {
    const x = layers[layer.inputs[0]].y[index], factor = x > 0 ? 1 : values(layer, 'slope')[index % layer.out[2]];
    return {total: layer.dy[index] * factor, html: line('∂E/∂x', `${num(layer.dy[index])} · ${term(factor)}`)};
  },
  normalise(layer, index) {
    const x = layers[layer.inputs[0]].y, c = index % layer.out[2], s = statistics(layer, c, x);
    const hat = (x[index] - s.mean) / s.root, gamma = values(layer, 'gamma')[c];
    const dgamma = parameter(layer, 'gamma').gradient[c], dbeta = parameter(layer, 'beta').gradient[c];
    const total = gamma / s.root * (layer.dy[index] - dbeta / s.count - hat * dgamma / s.count);
    return {total, html: line('∂E/∂x', `${num(gamma)} / ${num(s.root)} · (${num(layer.dy[index])} − ${term(dbeta)} / ${
        s.count} − ${term(hat)} · ${term(dgamma)} / ${s.count})`)};
  },
  scale(layer, index) {
    return {total: layer.dy[index] * layer.factor[index],
            html: line('∂E/∂x', layer.factor[index] === 0 ? 'dropped: 0' : `${num(layer.dy[index])} · ${num(layer.factor[index], 6)}`)};
  },
  add: (layer, index) => ({total: layer.dy[index], html: line('∂E/∂x', num(layer.dy[index], 6))}),
  copy(layer, index, k) {
    const at = joined(layer, k, index);
    return {total: layer.dy[at], html: line('∂E/∂x', `${num(layer.dy[at], 6)}, of ${place(layer, at)}`)};
  },
};

// dE/da of an output: the sum of what each layer that reads it gives.
function arriving(layer, index) {
  if (layer === output) return null;
  let total = 0, html = '';
  for (const consumer of layer.consumers) {
    const give = BACKWARD[consumer.rule];
    if (!give) return null;
    consumer.inputs.forEach((from, k) => {
      if (layers[from] !== layer) return;
      const part = give(consumer, index, k);
      total += part.total;
      html += `<p class="by">handed back by <b>${escapeText(consumer.name)}</b>:</p>${part.html}`;
    });
  }
  return {total, html};
}

// The prediction, as the formulas of the loss have it.
const RESULT = data.loss.kind === 'binary_crossentropy' && output.y.length === 1 ? 'a' : 'r';

function gradientPanel(layer, index) {
  let html = title(`${escapeText(layer.name)}: ${place(layer, index)}`);
  const part = arriving(layer, index), symbol = layer.inputs.length === 0 ? 'x' : layer.rule === 'sum' ? 'a' : 'y';
  if (layer === output) {
    const r = probabilities[index], y = targets[index];
    html += data.loss.kind === 'mean_squared_error' || (data.loss.kind === 'binary_crossentropy' && output.y.length > 1)
        ? line('∂E/∂z', `from the loss: <b>${num(layer.dy[index], 7)}</b>`)
        : line(`δ = ${RESULT} − y`, `${num(r, 6)} − ${num(y)} = <b>${num(r - y, 7)}</b>`);
  } else if (part) {
    html += part.html + line(`∂E/∂${symbol}`, `<b>${num(part.total, 7)}</b>`) + engineLine(part.total, layer.dy[index]);
  } else {
    html += line(`∂E/∂${symbol}`, num(layer.dy[index], 7));
  }
  if (layer.rule === 'sum' && layer.activation !== 'linear' && layer.activation !== 'softmax') {
    const z = preActivation(layer, index), slope = FUNCTIONS[layer.activation][1](z, layer.slope);
    html += line('f′(z)', `f′(${num(z)}) = ${num(slope, 6)}`) +
        line('δ', `∂E/∂a · f′(z) = ${term(layer.dy[index])} · ${num(slope)} = <b>${num(layer.dy[index] * slope, 7)}</b>`) +
        engineLine(layer.dy[index] * slope, layer.dz[index]);
  }
  if (layer.inputs.length === 0) html += numericalLine(layer, null, index, layer.dy[index]);
  return html;
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward: the gradient of one weight, and its update

const channelTerms = (layer, c, factor) => {
  const terms = [], channels = layer.out[2];
  for (let i = c; i < layer.y.length; i += channels)
    terms.push({name: layer.flat ? i + 1 : place(layer, i).replace('row ', '(').replace(' column ', ' ').replace(/ of map.*/, '') + ')', a: layer.dz[i], b: factor(i)});
  return terms;
};

function weightTerms(layer, p, index) {
  const x = layer.inputs.length ? layers[layer.inputs[0]].y : null;
  if (p.name === 'kernel' && layer.rule === 'sum') {
    const filters = layer.out[2], t = index % filters, {first, inputs} = group(layer, t);
    const c = first + Math.floor(index / filters) % inputs, cell = Math.floor(index / filters / inputs);
    const i = Math.floor(cell / layer.window.size[1]), j = cell % layer.window.size[1], terms = [];
    const [height, width, channels] = layers[layer.inputs[0]].out, dense = layer.out[0] * layer.out[1] === 1;
    for (let m = 0; m < layer.out[0]; m++) {
      const row = m * layer.window.stride[0] + i - layer.window.pad[0];
      for (let n = 0; n < layer.out[1]; n++) {
        const column = n * layer.window.stride[1] + j - layer.window.pad[1];
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        terms.push({name: dense ? `j = ${t + 1}, i = ${c + 1}` : `(${m + 1}, ${n + 1})`,
                    a: layer.dz[(m * layer.out[1] + n) * filters + t], b: x[(row * width + column) * channels + c]});
      }
    }
    return {terms, heads: [dense ? '' : '(m, n)', 'δ', dense ? 'x<sub>i</sub>' : 'X']};
  }
  if (p.name === 'bias' || p.name === 'beta') return {terms: channelTerms(layer, index, () => 1), heads: ['at', p.name === 'beta' ? '∂E/∂y' : 'δ', '']};
  if (p.name === 'gamma') {
    const s = statistics(layer, index, x);
    return {terms: channelTerms(layer, index, (i) => (x[i] - s.mean) / s.root), heads: ['at', '∂E/∂y', 'x̂']};
  }
  if (p.name === 'slope') return {terms: channelTerms(layer, index, (i) => Math.min(0, x[i])), heads: ['at', '∂E/∂y', 'min(0, x)']};
  return null;
}

function gradientOf(layer, p, index) {
  if (p.gradient) return p.gradient[index];
  return weightTerms(layer, p, index).terms.reduce((sum, one) => sum + one.a * one.b, 0);
}

const OPTIMIZERS = ['sgd', 'adagrad', 'rmsprop', 'adam', 'adamw'];

// The first step of the optimiser for one weight, line by line.
function stepLines(w, gradient, own) {
  const o = data.optimizer, kind = OPTIMIZERS[o.kind];
  const g = gradient * o.scale, start = w - o.rate * o.weight_decay * w;
  let html = o.scale < 1 ? line('g', `clipped: ${term(gradient)} · ${num(o.scale)} = ${num(g)}`) : line('g', num(g, 6));
  let step = 0;
  if (kind === 'sgd') {
    const v = -o.rate * g;
    step = o.nesterov ? o.momentum * v - o.rate * g : v;
    html += o.momentum ? line('v', `${num(o.momentum)} · 0 − ${num(o.rate)} · ${term(g)} = ${num(v)}`) : '';
  } else if (kind === 'adagrad') {
    const sum = o.initial_accumulator + g * g;
    step = -o.rate * g / Math.sqrt(sum + o.epsilon);
    html += line('G', `${num(o.initial_accumulator)} + ${term(g)}² = ${num(sum, 6)}`) +
        line('η / √(G + ε)', num(o.rate / Math.sqrt(sum + o.epsilon), 6));
  } else if (kind === 'rmsprop') {
    const mean = (1 - o.rho) * g * g;
    step = -o.rate * g / Math.sqrt(mean + o.epsilon);
    html += line('A', `${num(o.rho)} · 0 + ${num(1 - o.rho)} · ${term(g)}² = ${num(mean, 6)}`) +
        line('η / √(A + ε)', num(o.rate / Math.sqrt(mean + o.epsilon), 6));
  } else {
    const m = (1 - o.beta1) * g, v = (1 - o.beta2) * g * g, epsilon = o.epsilon / Math.sqrt(1 - o.beta2);
    const mHat = m / (1 - o.beta1), vHat = v / (1 - o.beta2);
    step = -o.rate * mHat / (Math.sqrt(vHat) + epsilon);
    html += line('m', `${num(o.beta1)} · 0 + ${num(1 - o.beta1)} · ${term(g)} = ${num(m)}`) +
        line('v', `${num(o.beta2)} · 0 + ${num(1 - o.beta2)} · ${term(g)}² = ${num(v)}`) +
        line('m̂', `${num(m)} / ${num(1 - o.beta1)} = ${num(mHat)}`) + line('v̂', `${num(v)} / ${num(1 - o.beta2)} = ${num(vHat)}`) +
        line('step', `−${num(o.rate)} · ${term(mHat)} / (√(${num(vHat)}) + ${num(epsilon)}) = ${num(step)}`);
  }
  if (start !== w) html += line('decay', `${num(w, 6)} − η λ w = ${num(start, 6)}`);
  html += line('w', `${num(start, 6)} ${step < 0 ? '−' : '+'} ${num(Math.abs(step))} = <b>${num(start + step, 7)}</b>`);
  return own === undefined ? html : html + engineLine(start + step, own);
}

const SYMBOLS = {kernel: 'w', bias: 'b', gamma: 'γ', beta: 'β', slope: 'b'};

function weightPanel(layer, p, index) {
  const gradient = gradientOf(layer, p, index);
  let html = title(`${escapeText(layer.name)}: ${weightPlace(p, index)} = ${num(p.values[index], 6)}`);
  const found = weightTerms(layer, p, index), symbol = `∂E/∂${SYMBOLS[p.name] || p.name}`;
  if (found) {
    const {total, html: table} = products(found.terms, found.heads);
    const [one] = found.terms, single = found.terms.length === 1;
    if (!single) html += table;
    html += line(symbol, `${!single ? '' : found.heads[2] ? `${found.heads[1]} · ${found.heads[2]} = ${term(one.a)} · ${term(one.b)} = `
        : `${found.heads[1]} = `}<b>${num(total, 7)}</b>`) + (p.gradient ? engineLine(total, gradient) : '');
  } else {
    html += line(symbol, num(gradient, 7));
  }
  const check = data.checks.find((c) => layers[c.layer] === layer && c.parameter === p.name && c.index === index);
  return html + numericalLine(layer, p, index, gradient) + `<details><summary>The optimiser's step for it</summary>${
      stepLines(p.values[index], gradient, check && check.after)}</details>`;
}

// ---------------------------------------------------------------------------------------------------------------------
// Pictures: tensors as tiles of squares

// A tensor laid out: `tiles` tiles of rows x columns squares; at(tile, row, column) is an index, or -1.
function imageGrid(layer) {
  const [height, width, channels] = layer.out;
  if (height * width > 1 || !layer.flat)
    return {tiles: channels, rows: height, columns: width, at: (t, r, c) => (r * width + c) * channels + t};
  return vectorGrid(channels);
}

function vectorGrid(count) {
  const columns = count <= 16 ? count : Math.ceil(Math.sqrt(count * 2));
  return {tiles: 1, rows: Math.ceil(count / columns), columns, vector: true,
          at: (t, r, c) => (r * columns + c < count ? r * columns + c : -1)};
}

function kernelGrid(layer, p) {
  if (p.dims.length === 4) {
    const [rows, columns, inputs, filters] = p.dims;
    return {tiles: inputs * filters, rows, columns, across: inputs, count: filters * inputs,
            at: (tile, r, c) => ((r * columns + c) * inputs + tile % inputs) * filters + Math.floor(tile / inputs)};
  }
  if (p.dims.length === 2) {
    const [inputs, units] = p.dims, from = layers[layer.inputs[0]];
    const source = from.rule === 'copy' && from.inputs.length === 1 ? layers[from.inputs[0]].out : [1, 1, inputs];
    const columns = source[2] === 1 && source[1] > 1 ? source[1] : Math.ceil(Math.sqrt(inputs));
    return {tiles: units, rows: Math.ceil(inputs / columns), columns,
            at: (tile, r, c) => (r * columns + c < inputs ? (r * columns + c) * units + tile : -1)};
  }
  return vectorGrid(p.values.length);
}

function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim().match(/\w\w/g).map((h) => parseInt(h, 16));
  return {zero: read('--zero'), pos: read('--pos'), neg: read('--neg'), mark: style.getPropertyValue('--mark').trim()};
}

const pictures = [];
const MARGIN = 3; // around the squares, for outlines

class Picture {
  constructor(box, {grid, tensor, label, index, panel, render, grey, maxHeight}) {
    Object.assign(this, {grid, tensor, index, panel, render, grey, maxHeight: maxHeight || 380});
    this.canvas = document.createElement('canvas');
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute('role', 'application');
    this.canvas.setAttribute('aria-label', `${label}. Arrow keys move, Enter works the number out.`);
    this.readout = document.createElement('p');
    this.readout.className = 'readout';
    this.box = box;
    box.append(this.canvas, this.legend(), this.readout);
    this.cursor = Math.max(index, 0);
    this.canvas.addEventListener('click', (event) => this.pick(this.hit(event)));
    this.canvas.addEventListener('mousemove', (event) => this.point(this.hit(event)));
    this.canvas.addEventListener('mouseleave', () => this.point(-1));
    this.canvas.addEventListener('keydown', (event) => this.key(event));
    this.canvas.addEventListener('focus', () => this.point(this.cursor));
    this.canvas.addEventListener('blur', () => this.point(-1));
    pictures.push(this);
  }

  legend() {
    this.most = this.tensor.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const least = this.tensor.reduce((a, v) => Math.min(a, v), 0);
    const element = document.createElement('div');
    element.className = 'legend';
    if (this.grey) return element;
    const signed = least < 0;
    element.innerHTML = this.most === 0 ? '<span>all 0</span>'
        : `<span>${signed ? num(-this.most, 3) : 0}</span><i class="${signed ? 'signed' : ''}"></i><span>${num(this.most, 3)}</span>`;
    return element;
  }

  // The greatest squares that fit the width and the height.
  layout() {
    const {tiles, rows, columns, across, vector} = this.grid, width = Math.max(this.box.clientWidth, 120) - 2 * MARGIN;
    const largest = vector ? 28 : 20;
    for (let cell = largest; cell >= 1; cell--) {
      const gap = tiles === 1 ? 0 : cell >= 4 ? 6 : 3;
      let perRow = Math.max(1, Math.floor((width + gap) / (columns * cell + gap)));
      if (across && across <= perRow) perRow -= perRow % across;
      perRow = Math.min(perRow, tiles);
      const lines = Math.ceil(tiles / perRow), height = lines * (rows * cell + gap) - gap;
      const wide = perRow * (columns * cell + gap) - gap;
      if ((height <= this.maxHeight && wide <= width) || cell === 1) return {cell, gap, perRow, width: wide, height};
    }
    return null;
  }

  colours(colour) {
    const {zero, pos, neg} = colour;
    return (value, out, at) => {
      if (this.grey) {
        const v = Math.round(255 * Math.min(1, Math.max(0, value)));
        out[at] = out[at + 1] = out[at + 2] = v;
      } else {
        const share = this.most > 0 ? Math.abs(value) / this.most : 0, to = value < 0 ? neg : pos;
        for (let i = 0; i < 3; i++) out[at + i] = Math.round(zero[i] + (to[i] - zero[i]) * share);
      }
      out[at + 3] = 255;
    };
  }

  draw() {
    const ratio = window.devicePixelRatio || 1, size = this.layout();
    this.size = size;
    this.colour = palette();
    const width = size.width + 2 * MARGIN, height = size.height + 2 * MARGIN;
    this.canvas.style.width = `${width}px`;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.squares = document.createElement('canvas');
    this.squares.width = this.canvas.width;
    this.squares.height = this.canvas.height;
    this.drawSquares(this.squares.getContext('2d'), ratio);
    this.show();
  }

  // The squares, which stay, and the outlines of those that are picked and pointed to.
  show() {
    const context = this.canvas.getContext('2d'), ratio = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.squares, 0, 0);
    context.scale(ratio, ratio);
    this.outline(context);
  }

  drawSquares(context, ratio) {
    const {tiles, rows, columns, at} = this.grid, {cell} = this.size, paint = this.colours(this.colour);
    const small = document.createElement('canvas');
    small.width = columns;
    small.height = rows;
    const smallContext = small.getContext('2d'), pixels = smallContext.createImageData(columns, rows);
    context.scale(ratio, ratio);
    context.imageSmoothingEnabled = false;
    for (let tile = 0; tile < tiles; tile++) {
      pixels.data.fill(0);
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          const index = at(tile, r, c);
          if (index >= 0) paint(this.tensor[index], pixels.data, 4 * (r * columns + c));
        }
      }
      smallContext.putImageData(pixels, 0, 0);
      const [x, y] = this.corner(tile);
      context.drawImage(small, x, y, columns * cell, rows * cell);
    }
  }

  corner(tile) {
    const {cell, gap, perRow} = this.size;
    return [MARGIN + (tile % perRow) * (this.grid.columns * cell + gap),
            MARGIN + Math.floor(tile / perRow) * (this.grid.rows * cell + gap)];
  }

  // (tile, row, column) of an index.
  find(index) {
    const {tiles, rows, columns, at} = this.grid;
    for (let tile = 0; tile < tiles; tile++)
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < columns; c++) if (at(tile, r, c) === index) return [tile, r, c];
    return null;
  }

  outline(context) {
    const mark = (index, dashed) => {
      const found = index >= 0 ? this.find(index) : null;
      if (!found) return;
      const [x, y] = this.corner(found[0]), {cell} = this.size, grow = cell < 6 ? 3 : 1;
      context.setLineDash(dashed ? [3, 2] : []);
      context.lineWidth = 2;
      context.strokeStyle = this.colour.mark;
      context.strokeRect(x + found[2] * cell - grow, y + found[1] * cell - grow, cell + 2 * grow, cell + 2 * grow);
    };
    mark(this.index, false);
    if (this.pointed >= 0 && this.pointed !== this.index) mark(this.pointed, true);
  }

  hit(event) {
    const box = this.canvas.getBoundingClientRect(), {cell, gap, perRow} = this.size;
    const {tiles, rows, columns, at} = this.grid;
    const shown = box.width / (this.size.width + 2 * MARGIN); // less than 1 where the paper is narrower
    const x = (event.clientX - box.left) / shown - MARGIN, y = (event.clientY - box.top) / shown - MARGIN;
    const tileColumn = Math.floor(x / (columns * cell + gap)), tileRow = Math.floor(y / (rows * cell + gap));
    const tile = tileRow * perRow + tileColumn;
    const c = Math.floor((x - tileColumn * (columns * cell + gap)) / cell);
    const r = Math.floor((y - tileRow * (rows * cell + gap)) / cell);
    return x >= 0 && y >= 0 && tileColumn < perRow && tile < tiles && c < columns && r < rows && c >= 0 && r >= 0 ? at(tile, r, c) : -1;
  }

  point(index) {
    if (this.pointed === index) return;
    this.pointed = index;
    this.readout.innerHTML = index >= 0 ? this.describe(index) : '';
    this.show();
  }

  describe(index) {
    return num(this.tensor[index], 6);
  }

  pick(index, quiet) {
    if (index < 0) return;
    this.index = this.cursor = index;
    this.show();
    this.panel.innerHTML = this.render(index);
    if (!quiet && this.link) history.replaceState(null, '', `#${this.link}:${index}`);
  }

  key(event) {
    const moves = {ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
                   PageUp: [-1, 0, 0], PageDown: [1, 0, 0]};
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      this.pick(this.cursor);
    } else if (moves[event.key]) {
      event.preventDefault();
      const to = this.find(this.cursor).map((v, i) => v + moves[event.key][i]);
      const {tiles, rows, columns, at} = this.grid;
      if (to[0] < 0 || to[0] >= tiles || to[1] < 0 || to[1] >= rows || to[2] < 0 || to[2] >= columns) return;
      const index = at(...to);
      if (index < 0) return;
      this.cursor = index;
      this.point(index);
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The page

function element(parent, kind, className, html) {
  const made = document.createElement(kind);
  made.className = className;
  if (html) made.innerHTML = html;
  parent.append(made);
  return made;
}

// A picture and its panel, side by side.
function addPair(box, caption, options) {
  const pair = element(box, 'div', 'pair'), left = element(pair, 'figure', 'maps');
  element(left, 'figcaption', '', caption);
  const panel = element(pair, 'div', 'panel');
  panel.setAttribute('aria-live', 'polite');
  const picture = new Picture(left, {...options, panel});
  picture.describe = options.describe;
  picture.link = options.link;
  panel.innerHTML = options.render(options.index);
  return picture;
}

function isPicture(layer) {
  return layer.inputs.length === 0 && (layer.out[2] === 1 || layer.out[2] === 3);
}

function addForward(box, layer, number) {
  const words = layer.flat ? `${layer.out[2]} value${layer.out[2] > 1 ? 's' : ''}` : `${layer.out[2]} map${layer.out[2] > 1 ? 's' : ''} of ${layer.out[0]}×${layer.out[1]}`;
  const pair = addPair(box, layer.inputs.length ? `Output: ${words}` : 'The pixels as the network takes them', {
    grid: imageGrid(layer), tensor: layer.y, label: `Output of ${layer.name}`, index: layer.chosen, grey: isPicture(layer),
    render: (index) => forwardPanel(layer, index), link: `layer${number}`,
    describe: (index) => `${place(layer, index)}: ${num(layer.y[index], 6)}`,
  });
  const kernel = parameter(layer, 'kernel');
  if (layer.rule !== 'sum') return;
  element(pair.box, 'figcaption', '', `The weights: ${kernel.dims.join('×')}`);
  const weights = new Picture(pair.box, {
    grid: kernelGrid(layer, kernel), tensor: kernel.values, label: `Weights of ${layer.name}`, index: -1, panel: pair.panel,
    render: (index) => weightPanel(layer, kernel, index), maxHeight: 260,
  });
  weights.describe = (index) => `${weightPlace(kernel, index)} = ${num(kernel.values[index], 6)}`;
}

function addBackward(box, layer, number) {
  const local = layer.rule === 'sum';
  addPair(box, local ? 'δ = ∂E/∂z' : layer.inputs.length ? '∂E/∂y' : '∂E/∂x', {
    grid: imageGrid(layer), tensor: local ? layer.dz : layer.dy, label: `Gradient at ${layer.name}`, index: layer.chosen,
    render: (index) => gradientPanel(layer, index), link: `back${number}`,
    describe: (index) => `${place(layer, index)}: ${num((local ? layer.dz : layer.dy)[index], 6)}`,
  });
  for (const p of layer.parameters) {
    if (!p.trainable) continue;
    const check = data.checks.find((c) => c.layer === number && c.parameter === p.name);
    const gradient = p.gradient || Float64Array.from(p.values, (_, i) => gradientOf(layer, p, i));
    addPair(box, `∂E/∂${SYMBOLS[p.name] || p.name}, <b>${p.name}</b> ${p.dims.join('×')}`, {
      grid: kernelGrid(layer, p), tensor: gradient, label: `Gradient of ${p.name}`, index: check ? check.index : 0,
      render: (index) => weightPanel(layer, p, index), maxHeight: 300,
      describe: (index) => `${weightPlace(p, index)}: w = ${num(p.values[index])}, ∂E/∂w = ${num(gradient[index])}`,
    });
  }
}

function addLoss(box) {
  const z = output.y, soft = data.loss.head === 'softmax', shown = 12;
  const order = [...z.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  const rows = order.slice(0, shown);
  const truth = targets.findIndex((y) => y === 1);
  if (truth >= 0 && !rows.includes(truth)) rows.push(truth);
  const sum = z.reduce((total, v) => total + Math.exp(v), 0);
  const name = (i) => (data.classes[i] === undefined ? `neuron ${i + 1}` : escapeText(data.classes[i]));
  const fits = Math.max(...z) < 300;
  let html = `<table class="checks"><thead><tr><th scope="col">output</th><th scope="col">z</th>${
      soft && fits ? '<th scope="col">e<sup>z</sup></th>' : ''}<th scope="col">${RESULT}</th><th scope="col">y</th><th scope="col">∂E/∂z</th></tr></thead><tbody>`;
  for (const i of rows)
    html += `<tr${targets[i] > 0 ? ' class="true"' : ''}><th scope="row">${name(i)}</th><td data-label="z">${num(z[i])}</td>${
        soft && fits ? `<td data-label="e^z">${num(Math.exp(z[i]))}</td>` : ''}<td data-label="${RESULT}">${num(probabilities[i])}</td><td data-label="y">${
        num(targets[i])}</td><td data-label="∂E/∂z">${num(output.dy[i])}</td></tr>`;
  html += '</tbody></table><div class="panel">';
  if (z.length > rows.length) html += line('', `${z.length - rows.length} more outputs, of smaller probability`);
  if (soft && fits) html += line('sum of e<sup>z</sup>', num(sum, 6));
  if (data.loss.kind === 'categorical_crossentropy' && data.loss.label_smoothing === 0)
    html += line('E', `−log(${num(probabilities[truth], 6)}) = <b>${num(lossOf(z), 7)}</b>`);
  else if (data.loss.kind === 'binary_crossentropy' && z.length === 1 && data.loss.label_smoothing === 0)
    html += line('E', `−log(${targets[0] ? '' : '1 − '}${num(probabilities[0], 6)}) = <b>${num(lossOf(z), 7)}</b>`);
  else html += line('E', `<b>${num(lossOf(z), 7)}</b>`);
  box.innerHTML = html + engineLine(lossOf(z), data.loss.value) + '</div>';
}

function addUpdate(box) {
  const weights = data.checks.filter((c) => c.what === 'weight');
  if (weights.length === 0) return;
  const best = weights.reduce((a, b) => (Math.abs(b.analytic) > Math.abs(a.analytic) ? b : a));
  const layer = layers[best.layer], p = parameter(layer, best.parameter);
  box.innerHTML = `<div class="panel">${title(`${escapeText(layer.name)}: ${weightPlace(p, best.index)} = ${num(best.before, 6)}`)}${
      stepLines(best.before, best.analytic, best.after)}</div>`;
}

function drawImage() {
  const canvas = document.getElementById('picture'), [height, width, channels] = data.image.shape;
  const pixels = bytes(data.image.pixels);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d'), image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[i * channels + (channels >= 3 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function drawAll() {
  for (const picture of pictures) picture.draw();
}

// #layer3:17 or #back3:17 opens the page with that number worked out.
function followLink() {
  const found = /^#((layer|back)(\d+)):(\d+)$/.exec(location.hash);
  const picture = found && pictures.find((one) => one.link === found[1]);
  if (!picture || Number(found[4]) >= picture.tensor.length) return;
  picture.pick(Number(found[4]), true);
  document.getElementById(found[1]).scrollIntoView();
}

for (const box of document.querySelectorAll('.work')) {
  const number = Number(box.dataset.layer);
  if (box.dataset.work === 'forward') addForward(box, layers[number], number);
  else if (box.dataset.work === 'backward') addBackward(box, layers[number], number);
  else if (box.dataset.work === 'loss') addLoss(box);
  else addUpdate(box);
}
drawImage();
drawAll();
followLink();
window.addEventListener('hashchange', followLink);
let timer = 0, width = window.innerWidth;
window.addEventListener('resize', () => {
  if (window.innerWidth === width) return;
  width = window.innerWidth;
  clearTimeout(timer);
  timer = setTimeout(drawAll, 100);
});
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
window.addEventListener('beforeprint', () => {
  document.documentElement.classList.add('print');
  for (const details of document.querySelectorAll('details')) details.open = true;
  drawAll();
});
window.addEventListener('afterprint', () => {
  document.documentElement.classList.remove('print');
  drawAll();
});
document.documentElement.dataset.ready = 'yes';
})();
