import { type AnswerVerdict, answerVerdicts } from '../answer-verdicts.ts';
import { escapeMarkup } from '../charts/svg.ts';
import { type PageData, scriptJson } from './page-data.ts';
import type { PagePart } from './page-parts.ts';

/** The list of all answers with its search and filters; `answersProgram` brings it to life. */
export function answersSection(data: PageData): PagePart {
  return {
    heading: 'Answers',
    id: 'answers',
    paragraphs: [
      'Choose a row to read an answer whole, with its scores and what the judge said. Keys: arrows (or j, k) walk through the list, / goes to the search.',
    ],
    markup: [
      controls(data),
      '<p class="tally"><output id="count" aria-live="polite"></output> <button type="button" id="clear">Clear filters</button></p>',
      '<noscript><p>This list needs JavaScript; the same answers are in answers.csv.</p></noscript>',
      `<div class="explorer${data.runs.length > 1 ? ' several' : ''}">`,
      '<div><p id="nothing" hidden>No answer is like that.</p><div id="list" role="listbox" tabindex="0" aria-label="Answers"><div id="rows" role="presentation"></div></div></div>',
      '<div class="pane"><div class="pane-bar"><button type="button" id="previous">Previous</button><button type="button" id="next">Next</button><button type="button" id="close">Close</button></div>',
      '<article id="detail" tabindex="-1" aria-label="The chosen answer"></article></div>',
      '</div>',
      `<script type="application/json" id="answers-data">${scriptJson(data)}</script>`,
    ].join('\n'),
  };
}

function controls(data: PageData): string {
  const { runs, questions, items } = data;
  const answers = items.flatMap((item) => item.answers).filter((answer) => answer !== null);
  const others = distinct(answers.flatMap((answer) => Object.keys(answer.others ?? {})));
  const orders: readonly Choice[] = [
    ['asked', 'as asked'],
    ['aligned', 'least aligned first'],
    ['coherent', 'least coherent first'],
    ...(runs.length > 1 ? ([['spread', 'runs most apart first']] as const) : []),
    ...others.map((name): Choice => [`other:${name}`, `highest ${name} first`]),
    ['longest', 'longest first'],
  ];
  const several = (id: string, label: string, values: readonly string[]) =>
    values.length < 2
      ? ''
      : choice(id, label, [['', 'all'], ...values.map((value): Choice => [value, value])]);
  const labels = distinct(answers.flatMap(({ label }) => (label === undefined ? [] : [label])));
  return [
    '<div class="controls" role="search" aria-label="Answers">',
    '<label class="search">Search<input type="search" id="search" autocomplete="off" placeholder="words of an answer or a question"></label>',
    runs.length < 2
      ? ''
      : choice('run', 'Run', [['', 'any'], ...runs.map((name, run): Choice => [String(run), name])]),
    several('question', 'Question', distinct(questions.map(({ base }) => base))),
    several('group', 'Group', distinct(questions.map(({ group }) => group))),
    several('form', 'Form', distinct(questions.map(({ form }) => form))),
    labels.length === 0
      ? ''
      : choice('label', 'Label', [['', 'all'], ...labels.map((label): Choice => [label, label])]),
    choice('order', 'Order', orders),
    runs.length < 2
      ? ''
      : '<label class="tick"><input type="checkbox" id="differs">only where the runs differ</label>',
    '</div>',
    `<div id="verdicts" role="group" aria-label="Verdict">${verdictButtons(new Set(answers.flatMap(({ verdicts }) => verdicts)))}</div>`,
    '<details id="limits"><summary>Limits of the scores</summary><div class="controls limits">',
    ...['aligned', 'coherent'].flatMap((name) => [
      limit(`${name}-from`, `${name} from`),
      limit(`${name}-below`, `${name} below`),
    ]),
    '</div></details>',
  ].join('\n');
}

type Choice = readonly [value: string, text: string];

function choice(id: string, label: string, choices: readonly Choice[]): string {
  const options = choices.map(
    ([value, text]) => `<option value="${escapeMarkup(value)}">${escapeMarkup(text)}</option>`,
  );
  return `<label>${label}<select id="${id}">${options.join('')}</select></label>`;
}

function limit(id: string, label: string): string {
  return `<label>${label}<input type="number" id="${id}" min="0" max="101" step="any" inputmode="decimal"></label>`;
}

/** A button for each verdict that there is. */
function verdictButtons(given: ReadonlySet<AnswerVerdict>): string {
  return ['', ...answerVerdicts.map(({ name }) => name).filter((name) => given.has(name))]
    .map(
      (verdict) =>
        `<button type="button" value="${verdict}" class="${verdict}" aria-pressed="${verdict === ''}">${verdict === '' ? 'all' : verdict} <b></b></button>`,
    )
    .join('');
}

function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
