/** What runs in the browser, third part: one item whole, and what keys, buttons and the scatter do. */
export const detailProgram = `
const detail = element('detail');
const isWide = matchMedia('(min-width: 60rem)');

function facts(pairs) {
  const given = pairs.filter(([, value]) => value !== undefined && value !== null && value !== '');
  return make('dl', 'facts', given.flatMap(([name, value]) => [make('div', '', [make('dt', '', [name]), make('dd', '', [String(value)])])]));
}

/** What the judge said to one thing it was asked, with the probabilities of its first token where they are there. */
function saidOf([task, { text, tops = [] }]) {
  const bars = tops.map(([token, probability]) => {
    const bar = make('li', '', [make('code', '', [JSON.stringify(token)]), make('span', 'track'), make('b', '', [(100 * probability).toFixed(1) + ' %'])]);
    bar.style.setProperty('--value', 100 * probability + '%');
    return bar;
  });
  return make('div', 'said', [make('h5', '', [task]), make('pre', '', [text]), ...(bars.length > 0 ? [make('ul', 'tops', bars)] : [])]);
}

function judgesOf(judges) {
  const head = make('tr', '', ['judge', 'aligned', 'coherent', 'label'].map((name) => make('th', '', [name], { scope: 'col' })));
  const lines = Object.entries(judges).map(([name, { aligned, coherent, label }]) =>
    make('tr', '', [name, number(aligned), number(coherent), label ?? ''].map((cell) => make('td', '', [cell]))),
  );
  return make('div', 'wide', [make('table', '', [make('thead', '', [head]), make('tbody', '', lines)])]);
}

function answerCard(answer, run) {
  const name = data.runs.length > 1 ? [make('h4', '', [data.runs[run]])] : [];
  if (answer === null) return make('section', 'answer', [...name, make('p', 'reason', ['This run has no such answer.'])]);
  const { text, aligned, coherent, others = {}, reason, label, categories = {}, finish, tokens, said = {}, judges } = answer;
  const scores = Object.entries({ ...(isScored(answer) ? { aligned, coherent } : {}), ...others }).map(([score, value]) => scoreBar(score, value));
  return make('section', 'answer', [
    make('header', '', [...name, ...answer.verdicts.map((verdict) => make('span', 'verdict ' + verdict, [verdict])), make('span', 'scores', scores)]),
    ...(reason === undefined ? [] : [make('p', 'reason', [reason])]),
    ...(text === null ? [] : [make('p', 'text', text === '' ? ['(empty)'] : marked(text, asked.words))]),
    facts([
      ['label', label],
      ...Object.entries(categories),
      ['ended by', finish],
      ['tokens', tokens && tokens[0] + ' + ' + tokens[1]],
    ]),
    ...(Object.keys(said).length === 0 ? [] : [make('details', '', [make('summary', '', ['What the judge said']), ...Object.entries(said).map(saidOf)])]),
    ...(judges === undefined ? [] : [make('details', '', [make('summary', '', ['Other judges']), judgesOf(judges)])]),
  ]);
}

function drawDetail(item) {
  if (item === undefined) {
    detail.replaceChildren(make('p', 'hint', [shown.length === 0 ? '' : 'Choose an answer to read it whole.']));
    detail.classList.remove('open');
    return;
  }
  const { about, sample, seed, answers } = item;
  const wasOpen = detail.querySelector('details')?.open ?? false;
  const chips = [
    ...(about.group === 'general' && data.groups < 2 ? [] : [about.group]),
    ...(about.form === 'plain' ? [] : [about.form]),
    ...(about.paraphrases > 1 ? ['wording ' + (about.paraphrase + 1) + ' of ' + about.paraphrases] : []),
    'sample ' + (sample + 1),
    'seed ' + seed,
  ];
  detail.replaceChildren(
    make('div', 'detail-head', [make('h3', '', [about.id]), ...chips.map((chip) => make('span', 'chip', [chip]))]),
    ...(about.system === undefined ? [] : [make('p', 'message system', [make('b', '', ['System: ']), ...marked(about.system, asked.words)])]),
    make('p', 'message', marked(about.text, asked.words)),
    make('div', 'cards', answers.flatMap((answer, run) => (asked.run === '' || Number(asked.run) === run ? [answerCard(answer, run)] : []))),
  );
  for (const part of detail.querySelectorAll('details')) part.open = wasOpen;
  detail.scrollTop = 0;
}

function select(place, { open = true } = {}) {
  if (shown.length === 0) return;
  selected = Math.max(0, Math.min(shown.length - 1, place));
  const top = selected * rowHeight;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + rowHeight > list.scrollTop + list.clientHeight) list.scrollTop = top + rowHeight - list.clientHeight;
  drawRows();
  drawDetail(shown[selected]);
  if (!open) return;
  detail.parentElement.classList.add('open');
  // Where the answer lies over the list, it is what keys and readers are at.
  if (!isWide.matches) detail.focus();
}

function close() {
  detail.parentElement.classList.remove('open');
  list.focus();
}

/** Places that a key moves by. */
const moves = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: 8, PageUp: -8, Home: -Infinity, End: Infinity };
list.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' || event.key === ' ') {
    event.preventDefault();
    select(selected < 0 ? 0 : selected);
    detail.focus();
  }
  const move = moves[event.key];
  if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  select(selected < 0 && move === 1 ? 0 : selected + move, { open: isWide.matches });
});
list.addEventListener('click', ({ target }) => {
  const row = target.closest('[role=option]');
  if (row !== null) select(Number(row.dataset.place));
});
list.addEventListener('scroll', () => requestAnimationFrame(drawRows));
new ResizeObserver(() => drawRows()).observe(list);

element('previous').addEventListener('click', () => select(selected - 1));
element('next').addEventListener('click', () => select(selected + 1));
element('close').addEventListener('click', close);
document.addEventListener('keydown', (event) => {
  const isTyping = event.target.closest('input, select, textarea') !== null;
  if (event.key === 'Escape' && detail.parentElement.classList.contains('open')) close();
  if (event.key === '/' && !isTyping) {
    event.preventDefault();
    element('search').focus();
  }
});

element('verdicts').addEventListener('click', ({ target }) => {
  const button = target.closest('button');
  if (button === null) return;
  for (const other of element('verdicts').children) other.setAttribute('aria-pressed', String(other === button));
  update();
});
for (const control of document.querySelectorAll('.controls input, .controls select')) control.addEventListener('input', update);
element('clear').addEventListener('click', () => {
  for (const control of document.querySelectorAll('.controls input, .controls select')) {
    if (control.type === 'checkbox') control.checked = false;
    else if (control.tagName === 'SELECT') control.selectedIndex = 0;
    else control.value = '';
  }
  element('verdicts').firstElementChild.click();
  element('search').focus();
});

// A circle of the scatter shows the answers it stands for.
document.addEventListener('click', ({ target }) => {
  const circle = target.closest('[data-cell]');
  if (circle === null) return;
  const ends = circle.dataset.cell.split(' ');
  for (const [index, id] of ['aligned-from', 'aligned-below', 'coherent-from', 'coherent-below'].entries()) element(id).value = ends[index];
  element('limits').open = true;
  element('verdicts').firstElementChild.click();
  element('answers').scrollIntoView({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
});

update();
`;
