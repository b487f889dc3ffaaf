/** What runs in the browser, first part: which answers are shown, in which order. Text, for it is no module of this package. */
export const filterProgram = String.raw`
const data = JSON.parse(document.getElementById('answers-data').textContent);
const element = (id) => document.getElementById(id);
const verdictNames = [...element('verdicts').children].map(({ value }) => value).filter((name) => name !== '');

/** Answers of an item that a choice of run leaves. */
const answersOf = (item, run) => (run === '' ? item.answers : [item.answers[Number(run)]]).filter((answer) => answer !== null);

for (const [index, item] of data.items.entries()) {
  item.index = index;
  item.about = data.questions[item.question];
  const texts = item.answers.map((answer) => (answer === null ? '' : (answer.text ?? '') + '\n' + (answer.reason ?? '')));
  item.words = [item.about.id, item.about.text, ...texts].join('\n').toLowerCase();
}

/** What the controls say. */
function wanted() {
  const value = (id) => element(id)?.value ?? '';
  const limit = (id) => (value(id) === '' ? undefined : Number(value(id)));
  return {
    words: value('search').toLowerCase().split(/\s+/).filter((word) => word !== ''),
    verdict: document.querySelector('#verdicts [aria-pressed=true]').value,
    run: value('run'),
    question: value('question'),
    group: value('group'),
    form: value('form'),
    label: value('label'),
    differs: element('differs')?.checked ?? false,
    scores: ['aligned', 'coherent'].map((name) => ({ name, from: limit(name + '-from'), below: limit(name + '-below') })),
    order: value('order'),
  };
}

function isWithin(answer, scores) {
  return scores.every(({ name, from, below }) => {
    if (from === undefined && below === undefined) return true;
    const score = answer[name];
    return score !== null && (from === undefined || score >= from) && (below === undefined || score < below);
  });
}

/** All that is asked but the verdict, which the buttons count. */
function matches(item, asked) {
  const { about } = item;
  if (asked.question !== '' && about.base !== asked.question) return false;
  if (asked.group !== '' && about.group !== asked.group) return false;
  if (asked.form !== '' && about.form !== asked.form) return false;
  if (!asked.words.every((word) => item.words.includes(word))) return false;
  if (asked.differs && new Set(item.answers.filter((answer) => answer !== null).map(({ verdicts }) => verdicts[0])).size < 2) return false;
  return answersOf(item, asked.run).some(
    (answer) => (asked.label === '' || answer.label === asked.label) && isWithin(answer, asked.scores),
  );
}

const hasVerdict = (item, asked, verdict) => answersOf(item, asked.run).some(({ verdicts }) => verdicts.includes(verdict));

/** The least or the greatest number an item has; items without one come last. */
function extreme(item, asked, of, pick) {
  const values = answersOf(item, asked.run).map(of).filter((value) => value !== null && value !== undefined);
  return values.length === 0 ? Infinity : pick(...values);
}

const spread = (item) => {
  const values = item.answers.map((answer) => answer?.aligned ?? null).filter((value) => value !== null);
  return values.length < 2 ? Infinity : -(Math.max(...values) - Math.min(...values));
};

/** Numbers to sort by, from small to large. */
const orders = {
  asked: (item) => item.index,
  aligned: (item, asked) => extreme(item, asked, ({ aligned }) => aligned, Math.min),
  coherent: (item, asked) => extreme(item, asked, ({ coherent }) => coherent, Math.min),
  longest: (item, asked) => extreme(item, asked, ({ text }) => -(text ?? '').length, Math.min),
  spread,
};

function keyOf(order) {
  if (order.startsWith('other:')) {
    const name = order.slice('other:'.length);
    return (item, asked) => extreme(item, asked, ({ others }) => (others?.[name] == null ? null : -others[name]), Math.min);
  }
  return orders[order];
}

/** The items to show, and how many there are of each verdict. */
function chosenItems(asked) {
  const matching = data.items.filter((item) => matches(item, asked));
  const counts = Object.fromEntries(
    verdictNames.map((verdict) => [verdict, matching.filter((item) => hasVerdict(item, asked, verdict)).length]),
  );
  const items = asked.verdict === '' ? matching : matching.filter((item) => hasVerdict(item, asked, asked.verdict));
  if (asked.order !== 'asked') {
    const key = keyOf(asked.order);
    const keys = new Map(items.map((item) => [item, key(item, asked)]));
    items.sort((a, b) => (keys.get(a) === keys.get(b) ? a.index - b.index : keys.get(a) - keys.get(b)));
  }
  return { items, counts: { '': matching.length, ...counts } };
}
`;
