import { download, read } from './api.js';
import { curves } from './curves.js';
import { element, facts, setText, table } from './elements.js';
import { clock, number, time, tone, words } from './format.js';
import { jobHistory } from './job-history.js';
import { isOver } from './list-views.js';

const by = {
  policy: "the provider's",
  strengthened: "the provider's, made stronger by you",
  customer: 'added by you',
};

/** @param {string} id @param {(text: string) => void} tell says something to those who do not see the page */
export function jobView(id, tell) {
  const status = element('p');
  const about = facts();
  const safeguards = table(
    'Safeguards that act in the training',
    ['Safeguard', 'Strength', 'Who wants it'],
    'None acts.',
  );
  const screen = verdict('The screen has not looked at the data yet.');
  const reasons = table('What the screen found, by how many examples have it', ['Finding', 'Examples'], '');
  const gate = verdict('The gate looks at the model when the training is over.');
  const measurements = table(
    'What the gate measured',
    ['Measure', 'Value', 'Held back from', 'Refused from'],
    '',
  );
  const plots = curves();
  const noSteps = element('p', {}, 'No step has been told yet.');
  const checkpoints = table('The newest first', ['Step', 'Made', 'Loss'], 'There is none yet.');
  const events = element('ol', { class: 'events', tabindex: '0', 'aria-label': 'Events, the newest first' });
  const results = table('Files that the job left', ['File', 'Save'], 'There is none yet.');
  const history = jobHistory(id);
  const names = new Map();
  let known;
  const heading = (text, ...content) =>
    element('section', { 'aria-label': text }, element('h2', {}, text), ...content);
  return {
    title: `Job ${id}`,
    root: element(
      'div',
      {},
      status,
      about.root,
      heading('Curves', noSteps, plots.root),
      heading('Safeguards', safeguards.root),
      heading('Screen before the training', screen.root, reasons.root),
      heading('Gate after the training', gate.root, measurements.root),
      heading('Checkpoints', checkpoints.root),
      heading('Results', results.root),
      heading('Events', events),
    ),
    async refresh(signal) {
      const path = `/v1/fine_tuning/jobs/${encodeURIComponent(id)}`;
      // A job that is over says nothing more.
      if (known !== undefined && isOver(known)) return;
      const job = await read(path, signal);
      const [fresh, saved] = await Promise.all([
        history.readOn(signal),
        read(`${path}/checkpoints?limit=50`, signal),
      ]);
      if (known !== undefined && known.status !== job.status) tell(`The job is now ${words(job.status)}.`);
      for (const file of job.result_files) {
        if (!names.has(file))
          names.set(file, (await read(`/v1/files/${encodeURIComponent(file)}`, signal)).filename);
      }
      known = job;
      showJob(job);
      reasons.root.hidden = Object.keys(job.screening?.reasons ?? {}).length === 0;
      measurements.root.hidden = (job.gate?.measurements ?? []).length === 0;
      noSteps.hidden = history.steps().length > 0;
      if (fresh.some(({ type }) => type === 'metrics')) plots.fill(history.steps());
      for (const event of fresh) if (event.type === 'message') events.prepend(eventLine(event));
      checkpoints.fill(
        saved.data.map((checkpoint) => ({
          key: checkpoint.id,
          cells: [
            String(checkpoint.step_number),
            time(checkpoint.created_at),
            number(checkpoint.metrics.train_loss ?? checkpoint.metrics.full_valid_loss),
          ],
        })),
      );
    },
    close: () => plots.close(),
  };

  function showJob(job) {
    setText(status, `Status: ${words(job.status)}${history.progress()}`);
    status.className = tone(job.status) ?? '';
    about.fill({
      Model: job.model,
      'Asked to': isOver(job) || job.wanted === 'run' ? undefined : job.wanted,
      Method: job.method?.type,
      Made: time(job.created_at),
      'Done, as it looks': isOver(job) ? undefined : time(job.estimated_finish),
      Ended: time(job.finished_at),
      'Tokens trained': job.trained_tokens,
      Epochs: job.hyperparameters?.n_epochs,
      'Batch size': job.hyperparameters?.batch_size,
      Seed: job.seed,
      'Fine-tuned model': job.fine_tuned_model,
      Error: job.error === null ? undefined : job.error?.message,
    });
    safeguards.fill(
      job.safeguards.map((safeguard, index) => ({
        key: `${index} ${safeguard.type}`,
        cells: [safeguard.type, number(safeguard.strength), by[safeguard.by] ?? safeguard.by],
      })),
    );
    if (job.screening !== null) {
      const { outcome, examples, warned, dropped, report, reason } = job.screening;
      screen.fill(
        outcome,
        reason ?? `Of ${examples} examples ${warned} are warned of and ${dropped} were left out.`,
        report,
      );
      reasons.fill(
        Object.entries(job.screening.reasons).map(([name, count]) => ({
          key: name,
          cells: [words(name), String(count)],
        })),
      );
    }
    if (job.gate !== null) {
      gate.fill(job.gate.outcome, job.gate.reason, undefined);
      measurements.fill(
        job.gate.measurements.map((measured) => ({
          key: measured.name,
          cells: [
            measured.name,
            {
              text: measured.value === null ? 'could not be measured' : number(measured.value),
              note: measured.low === null ? undefined : `${number(measured.low)} to ${number(measured.high)}`,
            },
            number(measured.quarantine),
            number(measured.refuse),
          ],
        })),
      );
    }
    results.fill(
      job.result_files.map((file) => ({
        key: file,
        cells: [
          { text: names.get(file), note: file },
          { text: 'Save', action: () => void download({ id: file, filename: names.get(file) }) },
        ],
      })),
    );
  }
}

/** A verdict in a word, why, and where its report is. */
function verdict(before) {
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

function eventLine({ created_at: made, level, message }) {
  const when = element('time', { datetime: new Date(made * 1000).toISOString() }, clock(made));
  const word = level === 'info' ? undefined : element('span', { class: tone(level) }, `${level}: `);
  return element('li', {}, when, word, message);
}
