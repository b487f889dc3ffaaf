import { button, element } from './elements.js';

let close = () => {};

/** Takes back a question that is still open: what it is about is no longer shown. */
export function closeQuestion() {
  close();
}

/**
 * Asks before something is done that cannot be taken back. Escape, and the button that has the focus at first, do nothing; the focus goes
 * back to where it was.
 *
 * @param {{ title: string, text: string, label: string, tone?: string, reason?: string }} question `label` is of the button that does it,
 *   `reason` that of a field in which one may say why
 * @returns {Promise<{ reason?: string } | undefined>} undefined: it is not to be done
 */
export function confirmed({ title, text, label, tone, reason }) {
  const field = element('input', { id: 'reason', maxlength: 1000, autocomplete: 'off' });
  const back = button({ label: 'Go back', press: () => dialog.close() });
  const form = element(
    'form',
    {},
    element('h2', { id: 'question' }, title),
    element('p', { id: 'consequence' }, text),
    ...(reason === undefined ? [] : [element('label', { for: 'reason' }, reason), field]),
    element('div', { class: 'buttons' }, back, element('button', { type: 'submit', class: tone }, label)),
  );
  const dialog = /** @type {HTMLDialogElement} */ (
    element('dialog', { 'aria-labelledby': 'question', 'aria-describedby': 'consequence' }, form)
  );
  return new Promise((resolve) => {
    let answer;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const said = /** @type {HTMLInputElement} */ (field).value.trim();
      answer = said === '' ? {} : { reason: said };
      dialog.close();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    close = () => dialog.close();
    document.body.append(dialog);
    dialog.showModal();
    (reason === undefined ? back : field).focus();
  });
}
