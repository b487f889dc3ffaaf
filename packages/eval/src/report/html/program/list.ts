/** What runs in the browser, second part: the list, of which only the rows in view are in the page. */
export const listProgram = String.raw`
const rowHeight = 76;
const list = element('list');
const rows = element('rows');
let shown = [];
let asked = wanted();
let selected = -1;
let drawn = '';

/** An element with a class, attributes and children; texts stay texts. */
function make(tag, name, children = [], attributes = {}) {
  const made = document.createElement(tag);
  if (name !== '') made.className = name;
  made.append(...children);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const number = (score) => (score === null || score === undefined ? '\u2013' : String(Math.round(score * 10) / 10));

/** A text with the searched words marked. */
function marked(text, words) {
  if (words.length === 0) return [text];
  const lower = text.toLowerCase();
  // A letter whose lower case is longer moves all behind it: then nothing is marked.
  if (lower.length !== text.length) return [text];
  const pieces = [];
  let done = 0;
  while (done < text.length) {
    const next = words
      .map((word) => ({ word, at: lower.indexOf(word, done) }))
      .filter(({ at }) => at >= 0)
      .sort((a, b) => a.at - b.at || b.word.length - a.word.length)[0];
    if (next === undefined) break;
    pieces.push(text.slice(done, next.at), make('mark', '', [text.slice(next.at, next.at + next.word.length)]));
    done = next.at + next.word.length;
  }
  return [...pieces, text.slice(done)];
}

/** The part of an answer that a row has room for: around the first searched word. */
function snippet(text, words) {
  const lower = text.toLowerCase();
  const found = words.map((word) => lower.indexOf(word)).filter((at) => at >= 0);
  const start = found.length === 0 ? 0 : Math.max(0, Math.min(...found) - 40);
  return (start > 0 ? '\u2026' : '') + text.slice(start, start + 320).replace(/\s+/g, ' ');
}

/** The verdicts on an answer, or the name of its run in their colour. */
function verdictChip(answer, run) {
  const verdicts = answer.verdicts.join(', ');
  const texts = run === undefined ? [verdicts] : [run, make('span', 'unseen', [': ' + verdicts])];
  return make('span', 'verdict ' + answer.verdicts[0], texts, { title: verdicts });
}

const scoreBar = (name, score) => {
  const bar = make('span', 'score', [make('span', 'score-name', [name]), make('span', 'track'), make('b', '', [number(score)])]);
  bar.style.setProperty('--value', (score ?? 0) + '%');
  return bar;
};

/** Whether an answer is to have the two scores. */
const isScored = ({ text, verdicts }) => text !== null && verdicts[0] !== 'unrated';

function rowOf(item, place) {
  const answers = answersOf(item, asked.run);
  const only = answers.length === 1 ? answers[0] : undefined;
  const { about } = item;
  const where = [about.id, ...(about.paraphrases > 1 ? ['wording ' + (about.paraphrase + 1)] : []), 'sample ' + (item.sample + 1)];
  const verdicts = item.answers.flatMap((answer, run) =>
    answer === null || (asked.run !== '' && Number(asked.run) !== run) ? [] : [verdictChip(answer, only ? undefined : data.runs[run])],
  );
  const text = only ? (only.text ?? only.reason ?? '') : about.text;
  const head = [
    ...verdicts,
    make('span', 'where', [where.join(' \u00b7 ')]),
    ...(only && isScored(only) ? [make('span', 'scores', [scoreBar('aligned', only.aligned), scoreBar('coherent', only.coherent)])] : []),
  ];
  const row = make('div', only?.text === null ? 'row absent' : 'row', [make('div', 'row-head', head), make('div', 'snippet', marked(snippet(text, asked.words), asked.words))], {
    role: 'option',
    id: 'row-' + item.index,
    'aria-selected': String(place === selected),
    'aria-setsize': String(shown.length),
    'aria-posinset': String(place + 1),
  });
  row.dataset.place = String(place);
  row.style.top = place * rowHeight + 'px';
  return row;
}

/** Puts the rows in view into the page, and some on both sides. */
function drawRows() {
  const first = Math.max(0, Math.floor(list.scrollTop / rowHeight) - 6);
  const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / rowHeight) + 6);
  const key = [first, last, selected].join(' ');
  if (key === drawn) return;
  drawn = key;
  rows.replaceChildren(...shown.slice(first, last).map((item, index) => rowOf(item, first + index)));
  const current = shown[selected];
  if (current !== undefined && selected >= first && selected < last) list.setAttribute('aria-activedescendant', 'row-' + current.index);
  else list.removeAttribute('aria-activedescendant');
}

/** Does what the controls say. */
function update() {
  asked = wanted();
  const { items, counts } = chosenItems(asked);
  shown = items;
  selected = isWide.matches ? Math.min(0, shown.length - 1) : -1;
  for (const button of element('verdicts').children) {
    button.querySelector('b').textContent = String(counts[button.value]);
    button.disabled = button.value !== '' && counts[button.value] === 0 && button.getAttribute('aria-pressed') !== 'true';
  }
  const all = data.items.length;
  element('count').textContent = shown.length === all ? 'all ' + all : shown.length + ' of ' + all;
  element('nothing').hidden = shown.length > 0;
  rows.style.height = shown.length * rowHeight + 'px';
  list.scrollTop = 0;
  drawn = '';
  drawRows();
  drawDetail(shown[selected]);
}
`;
