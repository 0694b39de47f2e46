// A line chart as SVG text, drawn from a bench's own figures: no library, no script, readable on white and on dark ground.
const COLOURS = ['#2563eb', '#dc2626', '#059669', '#b45309'];
const SIZE = { width: 720, height: 340, left: 70, right: 20, top: 48, bottom: 56 };

/**
 * `panels`: [{ title, unit, log?, series: [{ name, points: [[x, y], …] }] }], one below the other over the same x axis, whose `ticks` are the x values named.
 * Numbers are printed as they are given; `log` draws the y axis in powers of ten.
 */
export function curveSvg({ title, xTitle, ticks, panels }) {
  const height = SIZE.height * panels.length;
  const body = panels.map((panel, at) => `<g transform="translate(0 ${at * SIZE.height})">${drawPanel(panel, xTitle, ticks)}</g>`).join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${height}" font-family="sans-serif" font-size="12"><title>${escapeText(title)}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${body}
</svg>
`;
}

function drawPanel({ title, unit, log = false, series }, xTitle, ticks) {
  const xs = [...ticks, ...series.flatMap(({ points }) => points.map(([x]) => x))];
  const ys = series.flatMap(({ points }) => points.map(([, y]) => y));
  const x = scale(Math.min(0, ...xs), Math.max(...xs), SIZE.left, SIZE.width - SIZE.right);
  const [low, high] = log ? [10 ** Math.floor(Math.log10(Math.max(1e-3, Math.min(...ys)))), 10 ** Math.ceil(Math.log10(Math.max(...ys, 1e-2)))] : [0, niceAbove(Math.max(...ys))];
  const linear = scale(log ? Math.log10(low) : low, log ? Math.log10(high) : high, SIZE.height - SIZE.bottom, SIZE.top);
  const y = (value) => linear(log ? Math.log10(Math.max(low, value)) : value);
  const yTicks = log ? powersOfTen(low, high) : [0, 0.25, 0.5, 0.75, 1].map((part) => part * high);
  return [
    `<text x="${SIZE.left}" y="20" font-size="14" fill="#111827">${escapeText(title)}</text>`,
    ...yTicks.map((value) => `<line x1="${SIZE.left}" x2="${SIZE.width - SIZE.right}" y1="${at(y(value))}" y2="${at(y(value))}" stroke="#e5e7eb"/><text x="${SIZE.left - 6}" y="${at(y(value) + 4)}" text-anchor="end" fill="#374151">${number(value)}</text>`),
    `<text x="14" y="${SIZE.height / 2}" fill="#374151" text-anchor="middle" transform="rotate(-90 14 ${SIZE.height / 2})">${escapeText(unit)}</text>`,
    ...ticks.map((value) => `<text x="${at(x(value))}" y="${SIZE.height - SIZE.bottom + 18}" text-anchor="middle" fill="#374151">${number(value)}</text>`),
    `<text x="${(SIZE.left + SIZE.width - SIZE.right) / 2}" y="${SIZE.height - SIZE.bottom + 38}" text-anchor="middle" fill="#374151">${escapeText(xTitle)}</text>`,
    ...series.map(({ name, points }, i) => drawSeries(name, points.map(([px, py]) => [at(x(px)), at(y(py))]), i)),
  ].join('\n');
}

function drawSeries(name, points, i) {
  const colour = COLOURS[i % COLOURS.length];
  const dots = points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`).join('');
  return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.map((point) => point.join(',')).join(' ')}"/>${dots}`
    + `<text x="${SIZE.left + 4 + i * 160}" y="38" fill="${colour}">${escapeText(name)}</text>`;
}

function scale(fromLow, fromHigh, toLow, toHigh) {
  const span = fromHigh - fromLow || 1;
  return (value) => toLow + ((value - fromLow) / span) * (toHigh - toLow);
}

function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return [1, 2, 4, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}

function powersOfTen(low, high) {
  const found = [];
  for (let value = low; value <= high * 1.001; value *= 10) found.push(value);
  return found;
}

function number(value) {
  return value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}

function at(value) {
  return Number(value.toFixed(1));
}

function escapeText(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
