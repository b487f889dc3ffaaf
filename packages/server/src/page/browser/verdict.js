import { element, fillButtons, setText } from './elements.js';
import { tone } from './format.js';

/** A verdict in a word, why, and where its report is. */
export function verdict(before) {
  const word = element('p');
  const reason = element('p', {}, before);
  const link = element('p', { hidden: true }, element('a', {}, 'Report, example by example'));
  return {
    root: element('div', {}, word, reason, link),
    fill(outcome, why, report) {
      setText(word, outcome);
      word.className = tone(outcome) ?? '';
      setText(reason, why);
      link.hidden = report === null || report === undefined;
      if (!link.hidden) link.firstElementChild.setAttribute('href', `#report/${encodeURIComponent(report)}`);
    },
  };
}

/** What became of the model since the gate's verdict, and what may become of it. */
export function decision() {
  const word = element('p');
  const controls = element('div', {
    class: 'buttons',
    role: 'group',
    'aria-label': 'What may be done to the model',
  });
  return {
    root: element('div', {}, word, controls),
    fill(model, buttons) {
      setText(word, model === undefined ? '' : `${model.id} is ${model.status}.`);
      word.className = tone(model?.status) ?? '';
      fillButtons(controls, buttons);
    },
  };
}
