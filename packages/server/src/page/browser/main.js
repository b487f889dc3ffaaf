import { isOperator } from './actions.js';
import { AnswerError, key, read } from './api.js';
import { closeQuestion } from './confirm.js';
import { setText } from './elements.js';
import { jobView } from './job-view.js';
import { filesView, jobsView, modelsView } from './list-views.js';
import { perform } from './perform.js';
import { queueView } from './queue-view.js';
import { reportView } from './report-view.js';

// What is new is asked for every two seconds, with the last event known as the cursor, and not while nobody looks: a stream of events
// cannot be opened with a key in its header, and would hold a place at the service for every tab that is open.
const everyMilliseconds = 2000;

const byId = (id) => document.getElementById(id);
const views = {
  jobs: jobsView,
  files: filesView,
  models: modelsView,
  queue: queueView,
  job: jobView,
  report: reportView,
};
/** Of which part each view is. */
const parts = { job: 'jobs', report: 'files' };

let shown;
let timer;
let reading = new AbortController();

/** Whose key it is, once the service has said so. */
let me;

/** What the views may do to the page. */
const page = {
  /** Says something to those who do not see it. */
  tell: (text) => setText(byId('news'), text),
  /** @param {import('./actions.js').Action} action */
  buttonFor: (action) => ({
    label: action.label,
    name: action.name,
    tone: action.tone,
    press: (button) => void perform(action, button, { tell: tellOutcome, leave, refresh: refreshChanged }),
  }),
};

/** What came of an action stays until the next one, or until the reader goes elsewhere: no refresh takes it away. */
function tellOutcome(text, tone) {
  setText(byId('outcome'), text);
  byId('outcome-place').className = tone;
  byId('dismiss').hidden = text === '';
}

function route() {
  const [name = '', argument] = location.hash.slice(1).split('/');
  return Object.hasOwn(views, name)
    ? { name, argument: decoded(argument) }
    : { name: 'jobs', argument: undefined };
}

function decoded(text = '') {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** Shows the view that the address names; the key never is in it. */
function open() {
  if (location.hash === '#content') return byId('content').focus();
  close();
  tellOutcome('', '');
  const hasKey = key.get() !== null;
  byId('key-form').hidden = hasKey;
  byId('parts').hidden = !hasKey;
  byId('forget').hidden = !hasKey;
  showWho();
  if (!hasKey) {
    document.title = 'Key - SafeTune';
    return byId('key').focus();
  }
  const { name, argument } = route();
  shown = views[name](page, argument);
  for (const link of byId('parts').querySelectorAll('a')) {
    if (link.hash === `#${parts[name] ?? name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${shown.title} - SafeTune`;
  const heading = document.createElement('h1');
  heading.tabIndex = -1;
  heading.textContent = shown.title;
  byId('view').replaceChildren(heading, shown.root);
  heading.focus();
  void refresh();
}

/** Only an operator has a queue to look at. */
function showWho() {
  const role = me !== undefined && isOperator(me) && me.tenant !== 'operator' ? ' (operator)' : '';
  setText(byId('who'), me === undefined ? '' : `${me.tenant}${role}`);
  byId('queue-part').hidden = me !== undefined && !isOperator(me);
}

function close() {
  clearTimeout(timer);
  reading.abort();
  closeQuestion();
  shown?.close();
  shown = undefined;
  byId('view').replaceChildren();
  setText(byId('trouble'), '');
}

/** Reads and shows what is new. What is still being read is given up: it may be older than what the reader has just done. */
async function refresh() {
  clearTimeout(timer);
  reading.abort();
  reading = new AbortController();
  const [view, { signal }] = [shown, reading];
  if (view === undefined) return;
  try {
    if (document.visibilityState === 'visible') {
      me ??= await read('/v1/service/key', signal);
      showWho();
      await view.refresh(signal, me);
    }
    if (signal.aborted) return;
    setText(byId('trouble'), '');
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof AnswerError)) throw error;
    if (error.status === 401) return leave(error.message);
    setText(byId('trouble'), error.message);
  } finally {
    if (!signal.aborted && view === shown) timer = setTimeout(refresh, everyMilliseconds);
  }
}

function refreshChanged() {
  shown?.changed?.();
  return refresh();
}

function leave(message) {
  key.forget();
  me = undefined;
  open();
  setText(byId('trouble'), message);
}

byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const field = /** @type {HTMLInputElement} */ (byId('key'));
  key.set(field.value.trim());
  field.value = '';
  open();
});
byId('dismiss').addEventListener('click', () => {
  tellOutcome('', '');
  byId('content').focus();
});
byId('forget').addEventListener('click', () => leave(''));
addEventListener('hashchange', open);
document.addEventListener('visibilitychange', () => void refresh());
open();
