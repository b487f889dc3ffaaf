/** What runs in the browser, as text: it is no module of this package. `uPlot` is there before it. */
export const pageProgram = `
const element = (id) => document.getElementById(id);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const names = ['--a', '--b', '--c'];
const charts = new Map();
let steps = 0;

/** A chart and its series; names of values are a/b/c, of which a/b is the chart. */
function chartOf(title) {
  const known = charts.get(title);
  if (known) return known;
  const figure = document.createElement('figure');
  const caption = document.createElement('figcaption');
  const heading = document.createElement('b');
  const latest = document.createElement('span');
  caption.append(heading, latest);
  const place = document.createElement('div');
  figure.append(caption, place);
  element('charts').append(figure);
  const chart = { title, heading, latest, place, x: [], series: new Map(), plot: undefined, isStale: true };
  charts.set(title, chart);
  return chart;
}

function addPoint(step, values) {
  for (const [name, value] of Object.entries(values)) {
    const cut = name.lastIndexOf('/');
    const chart = chartOf(name.slice(0, cut));
    if (chart.x.at(-1) !== step) {
      chart.x.push(step);
      for (const other of chart.series.values()) other.push(null);
    }
    const own = name.slice(cut + 1);
    if (!chart.series.has(own)) {
      chart.series.set(own, chart.x.map(() => null));
      chart.plot?.destroy();
      chart.plot = undefined;
    }
    chart.series.get(own)[chart.x.length - 1] = value;
    chart.isStale = true;
  }
}

const axis = () => ({ stroke: color('--muted'), grid: { stroke: color('--line'), width: 1 }, ticks: { stroke: color('--line') } });
const short = (value) => value === 0 ? '0' : Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5 ? value.toExponential(1) : String(+value.toPrecision(4));

function draw(chart) {
  chart.isStale = false;
  const data = [chart.x, ...chart.series.values()];
  chart.latest.replaceChildren();
  const [only] = chart.series.size === 1 ? chart.series.keys() : [];
  const parts = only === undefined || only === 'value' ? chart.title : chart.title + '/' + only;
  chart.heading.textContent = parts.replaceAll('/', ': ').replaceAll('_', ' ');
  [...chart.series].forEach(([name, values], index) => {
    const last = values.findLast((value) => value !== null);
    const mark = document.createElement('i');
    mark.textContent = '\\u2014 ';
    mark.style.color = color(names[index % 3]);
    const label = chart.series.size > 1 ? name.replaceAll('_', ' ') + ' ' : '';
    chart.latest.append(mark, label + (last === undefined ? '' : short(last)) + ' ');
  });
  if (chart.plot) return chart.plot.setData(data);
  const series = [...chart.series.keys()].map((name, index) => ({
    label: name, stroke: color(names[index % 3]), width: 2, spanGaps: true, points: { show: chart.x.length < 60 },
  }));
  chart.plot = new uPlot({
    width: chart.place.clientWidth, height: 180, legend: { show: false }, cursor: { y: false },
    scales: { x: { time: false } },
    axes: [{ ...axis(), size: 30 }, { ...axis(), size: 58, values: (_, ticks) => ticks.map(short) }],
    series: [{ label: 'step' }, ...series],
  }, data, chart.place);
}

function redraw() {
  for (const chart of charts.values()) if (chart.isStale) draw(chart);
}

function drawAnew() {
  for (const chart of charts.values()) {
    chart.plot?.destroy();
    chart.plot = undefined;
    chart.isStale = true;
  }
  redraw();
}

function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return whole + ' s';
  if (whole < 3600) return Math.floor(whole / 60) + ' min ' + (whole % 60) + ' s';
  return Math.floor(whole / 3600) + ' h ' + Math.floor((whole % 3600) / 60) + ' min';
}

const take = {
  start(message) {
    steps = message.steps;
    element('about').textContent = message.about;
    element('bar').max = steps;
    element('bar').value = message.done;
    element('state').textContent = message.done + ' of ' + steps + ' steps';
  },
  scalars: ({ step, values }) => addPoint(step, values),
  progress({ step, secondsLeft }) {
    element('bar').value = step;
    element('state').textContent = step + ' of ' + steps + ' steps, ' + duration(secondsLeft) + ' left';
    document.title = Math.floor((100 * step) / steps) + ' % - SafeTune run';
  },
  said({ text }) {
    const item = document.createElement('li');
    item.textContent = text;
    element('said').append(item);
  },
  end({ text }) {
    element('state').textContent = text;
    source.close();
  },
};

const source = new EventSource('/events');
let isFirst = true;
source.onmessage = ({ data }) => {
  for (const message of JSON.parse(data)) take[message.type](message);
  redraw();
};
source.onopen = () => {
  // The server tells all again to whoever comes again.
  if (!isFirst) location.reload();
  isFirst = false;
};
source.onerror = () => {
  element('state').textContent += ' (the run does not answer: it has ended, or its process has)';
};
new ResizeObserver(() => {
  for (const { plot, place } of charts.values()) plot?.setSize({ width: place.clientWidth, height: 180 });
}).observe(element('charts'));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAnew);
`;
