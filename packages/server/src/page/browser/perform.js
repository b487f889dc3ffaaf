import { AnswerError, download, send } from './api.js';
import { confirmed } from './confirm.js';

/** What is being asked about or done, so that nothing is sent twice, whichever button is pressed. */
const underWay = new Set();

/**
 * Does what a button is for, after a question where there is one, and tells what came of it.
 *
 * @param {import('./actions.js').Action} action
 * @param {HTMLButtonElement} button disabled while the request runs
 * @param {{
 *   tell: (text: string, tone: string) => void,
 *   leave: (message: string) => void,
 *   refresh: () => Promise<void>,
 * }} page
 */
export async function perform(action, button, page) {
  const { method, path, question, tone = 'main', done } = action;
  const name = `${method} ${path}`;
  const isSaved = method === 'GET';
  if (underWay.has(name)) return;
  underWay.add(name);
  const group = button.parentElement;
  try {
    const given = question === undefined ? undefined : await confirmed({ ...question, tone });
    if (question !== undefined && given === undefined) return;
    setBusy(button, true);
    page.tell('', '');
    const body = question?.reason === undefined ? undefined : given;
    const answer = await (isSaved ? download(path, action.filename) : send(method, path, body));
    page.tell(done(answer), 'good');
    if (!isSaved) await page.refresh();
  } catch (error) {
    if (!(error instanceof AnswerError)) throw error;
    if (error.status === 401) return page.leave(error.message);
    const doubt = error.status === 0 && !isSaved ? ' Whether it was done is not known.' : '';
    page.tell(`${action.label}: ${error.message}${doubt}`, 'bad');
    await page.refresh();
  } finally {
    underWay.delete(name);
    setBusy(button, false);
    if (document.activeElement === document.body) returnFocus(button, group);
  }
}

function setBusy(button, isBusy) {
  button.disabled = isBusy;
  if (isBusy) button.setAttribute('aria-busy', 'true');
  else button.removeAttribute('aria-busy');
}

/** A disabled button loses the focus, and one that is gone does too: it goes to what stands nearest. */
function returnFocus(button, group) {
  const near = button.isConnected ? button : group?.isConnected ? group.querySelector('button') : null;
  (near ?? /** @type {HTMLElement | null} */ (document.querySelector('#view h1')))?.focus();
}
