import { fileSave } from './actions.js';
import { readLines } from './api.js';
import { button, element, facts, table } from './elements.js';
import { number, tone } from './format.js';

const mostBytes = 2 ** 20;
const mostRows = 200;

/**
 * The report of a screening: what it found in which example.
 *
 * @param {{ buttonFor: (action: import('./actions.js').Action) => import('./elements.js').ButtonParts }} page
 * @param {string} id
 */
export function reportView(page, id) {
  const about = facts();
  const note = element('p');
  const rows = table(
    'Examples in which something was found',
    ['Example', 'Action', 'Found'],
    'Nothing was found.',
  );
  const save = button({
    ...page.buttonFor(fileSave({ id, filename: `${id}.jsonl` })),
    label: 'Save the whole report',
    name: undefined,
  });
  let isRead = false;
  return {
    title: 'Screening report',
    root: element('div', {}, about.root, save, note, rows.root),
    async refresh(signal) {
      if (isRead) return;
      const { lines, isWhole } = await readLines(id, mostBytes, signal);
      const [summary, ...examples] = lines.map(parsed);
      if (summary?.format !== 'safetune-screening') {
        note.textContent = 'This file is no report of a screening that this page can read.';
        rows.root.hidden = true;
        isRead = true;
        return;
      }
      const found = examples.filter(({ action, findings }) => action !== 'keep' || findings?.length > 0);
      about.fill({
        Outcome: summary.outcome,
        Examples: summary.examples,
        'Warned of': summary.warned,
        'Left out': summary.dropped,
        'In words': summary.reason,
      });
      if (!isWhole || found.length > mostRows)
        note.textContent = `The first ${Math.min(found.length, mostRows)} of them. The report has them all.`;
      rows.fill(
        found.slice(0, mostRows).map(({ example, action, findings, scores }) => ({
          key: String(example),
          cells: [
            `${example}`,
            { text: String(action), tone: tone(action) },
            { text: (findings ?? []).map(finding).join('; ') || '-', note: scoreText(scores ?? {}) },
          ],
        })),
      );
      isRead = true;
    },
    close() {},
  };
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
}

function finding({ probe, kind, detail }) {
  return `${probe}: ${kind}${detail === undefined ? '' : ` (${detail})`}`;
}

function scoreText(scores) {
  const told = Object.entries(scores).map(([name, score]) => `${name} ${number(score)}`);
  return told.length === 0 ? undefined : told.join(', ');
}
