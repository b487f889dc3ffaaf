import { element, setText, table } from './elements.js';
import { number, words } from './format.js';

/* global uPlot */

const colors = ['--a', '--b', '--c'];
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** Rows of the table beside a curve: more are told by the job's result file. */
const mostRows = 200;

/** Losses are one chart; every other value is its own, as their sizes have nothing in common. */
function chartOf(name) {
  return /(^|_)loss$/.test(name) ? 'loss' : name;
}

/** A loss in words; all else is called what its safeguard is called. */
function nameOf(name) {
  return chartOf(name) === 'loss' ? words(name) : name;
}

/** The curves of a job, which grow as its steps come. Each says in words what it shows, and has a table of its values. */
export function curves() {
  const root = element('div', { class: 'curves' });
  const charts = new Map();
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const redraw = () => {
    for (const chart of charts.values()) chart.drawAnew();
  };
  dark.addEventListener('change', redraw);
  const sizes = new ResizeObserver(() => {
    for (const chart of charts.values()) chart.fit();
  });
  sizes.observe(root);
  return {
    root,
    /** @param {{ step: number, values: Record<string, number> }[]} steps */
    fill(steps) {
      const names = [...new Set(steps.flatMap(({ values }) => Object.keys(values)))];
      const groups = new Map();
      for (const name of names) groups.set(chartOf(name), [...(groups.get(chartOf(name)) ?? []), name]);
      const ordered = [...groups.keys()].sort((a, b) => Number(b === 'loss') - Number(a === 'loss'));
      for (const title of ordered) {
        if (!charts.has(title)) {
          const chart = curve(title);
          charts.set(title, chart);
          root.append(chart.root);
        }
        charts.get(title).fill(steps, groups.get(title));
      }
    },
    close() {
      dark.removeEventListener('change', redraw);
      sizes.disconnect();
      for (const chart of charts.values()) chart.close();
    },
  };
}

function curve(title) {
  const latest = element('span');
  const place = element('div', { role: 'img' });
  const values = element('details', {}, element('summary', {}, 'Values as a table'));
  const root = element(
    'figure',
    {},
    element('figcaption', {}, element('b', {}, title === 'loss' ? 'Loss' : title), latest),
    place,
    values,
  );
  let plot;
  let names = [];
  let points = [];
  let rows;
  const size = () => ({ width: Math.max(place.clientWidth, 100), height: 180 });
  const data = () => [
    points.map(({ step }) => step),
    ...names.map((name) => points.map((point) => point.values[name] ?? null)),
  ];
  const draw = () => {
    plot?.destroy();
    const axis = { stroke: color('--muted'), grid: { stroke: color('--line'), width: 1 } };
    plot = new uPlot(
      {
        ...size(),
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false } },
        axes: [
          { ...axis, size: 30 },
          { ...axis, size: 60, values: (_, ticks) => ticks.map(number) },
        ],
        series: [
          {},
          ...names.map((name, index) => ({
            label: name,
            stroke: color(colors[index % colors.length]),
            dash: index === 0 ? undefined : [6, 3 * index],
            width: 2,
            spanGaps: true,
          })),
        ],
      },
      data(),
      place,
    );
  };
  const fillTable = () => {
    if (!values.open) return;
    const every = Math.ceil(points.length / mostRows);
    const some = points.filter((_, index) => index % every === 0 || index === points.length - 1);
    if (rows?.names !== names.join()) {
      rows?.table.root.remove();
      rows = {
        names: names.join(),
        table: table(`${title} by step`, ['step', ...names.map(nameOf)], 'None yet.'),
      };
      values.append(rows.table.root);
    }
    rows.table.fill(
      some.map((point) => ({
        key: String(point.step),
        cells: [String(point.step), ...names.map((name) => number(point.values[name]))],
      })),
    );
  };
  values.addEventListener('toggle', fillTable);
  return {
    root,
    fill(steps, wanted) {
      points = steps.filter(({ values: told }) => wanted.some((name) => name in told));
      const isSame = wanted.join() === names.join();
      names = wanted;
      const text = names.map((name) => summary(name, points));
      place.setAttribute('aria-label', text.join('; '));
      setText(latest, names.map((name) => lastOf(name, points, names.length > 1)).join(' '));
      if (plot !== undefined && isSame) plot.setData(data());
      else draw();
      fillTable();
    },
    fit: () => plot?.setSize(size()),
    drawAnew: draw,
    close: () => plot?.destroy(),
  };
}

function lastOf(name, points, isNamed) {
  const last = points.findLast(({ values }) => name in values);
  if (last === undefined) return '';
  return `${isNamed ? `${nameOf(name)} ` : ''}${number(last.values[name])}`;
}

/** What a curve shows, for those who do not see it. */
function summary(name, points) {
  const own = points.filter(({ values }) => name in values);
  if (own.length === 0) return `${nameOf(name)}: no values yet`;
  const told = own.map(({ step, values }) => ({ step, value: values[name] }));
  const lowest = told.reduce((best, point) => (point.value < best.value ? point : best));
  const [first, last] = [told[0], told.at(-1)];
  return (
    `${nameOf(name)}: ${told.length} values, ${number(first.value)} at step ${first.step}, ` +
    `now ${number(last.value)} at step ${last.step}, lowest ${number(lowest.value)} at step ${lowest.step}`
  );
}
