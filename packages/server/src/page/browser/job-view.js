import { askedOf, fileSave, gateSaves, isOperator, isOver, jobActions, modelActions } from './actions.js';
import { read } from './api.js';
import { curves } from './curves.js';
import { element, facts, fillButtons, setText, table } from './elements.js';
import { clock, number, time, tone, words } from './format.js';
import { jobHistory } from './job-history.js';
import { decision, verdict } from './verdict.js';

/** Who wants a safeguard, told to whoever looks. */
function wantedBy(by, me) {
  const customer = isOperator(me) ? 'the customer' : 'you';
  if (by === 'policy') return "the provider's";
  return by === 'strengthened' ? `the provider's, made stronger by ${customer}` : `added by ${customer}`;
}

/**
 * @param {{
 *   tell: (text: string) => void,
 *   buttonFor: (action: import('./actions.js').Action) => import('./elements.js').ButtonParts,
 * }} page `tell` says something to those who do not see it
 * @param {string} id
 */
export function jobView(page, id) {
  const status = element('p');
  const controls = element('div', {
    class: 'buttons',
    role: 'group',
    'aria-label': 'What may be done to the job',
  });
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
  const model = decision();
  const plots = curves();
  const noSteps = element('p', {}, 'No step has been told yet.');
  const checkpoints = table('The newest first', ['Step', 'Made', 'Loss'], 'There is none yet.');
  const events = element('ol', { class: 'events', tabindex: '0', 'aria-label': 'Events, the newest first' });
  const results = table('Files that the job left', ['File', 'Actions'], 'There is none yet.');
  const history = jobHistory(id);
  const names = new Map();
  let known;
  let told = 0;
  let isWhole = false;
  const heading = (text, ...content) =>
    element('section', { 'aria-label': text }, element('h2', {}, text), ...content);
  return {
    title: `Job ${id}`,
    root: element(
      'div',
      {},
      status,
      controls,
      about.root,
      heading('Curves', noSteps, plots.root),
      heading('Safeguards', safeguards.root),
      heading('Screen before the training', screen.root, reasons.root),
      heading('Gate after the training', gate.root, measurements.root, model.root),
      heading('Checkpoints', checkpoints.root),
      heading('Results', results.root),
      heading('Events', events),
    ),
    /** A job that is over says nothing more, but what was made of it may have changed. */
    changed() {
      isWhole = false;
    },
    async refresh(signal, me) {
      if (isWhole) return;
      const path = `/v1/fine_tuning/jobs/${encodeURIComponent(id)}`;
      const job = await read(path, signal);
      const [, saved, models] = await Promise.all([
        history.readOn(signal),
        read(`${path}/checkpoints?limit=50`, signal),
        isOperator(me) && job.fine_tuned_model !== null ? read('/v1/models', signal) : undefined,
      ]);
      for (const file of job.result_files) if (!names.has(file)) names.set(file, await nameOf(file, signal));
      if (known !== undefined && known.status !== job.status)
        page.tell(`The job is now ${words(job.status)}.`);
      known = job;
      showJob(job, me);
      fillButtons(controls, jobActions(job).map(page.buttonFor));
      const made = models?.data.find((one) => one.id === job.fine_tuned_model);
      const decisions = made === undefined ? [] : modelActions(made, me);
      model.fill(made, [...gateSaves(job, me), ...decisions].map(page.buttonFor));
      reasons.root.hidden = Object.keys(job.screening?.reasons ?? {}).length === 0;
      measurements.root.hidden = (job.gate?.measurements ?? []).length === 0;
      showHistory();
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
      isWhole = isOver(job);
    },
    close: () => plots.close(),
  };

  function showHistory() {
    const steps = history.steps();
    noSteps.hidden = steps.length > 0;
    if (history.count() === told) return;
    plots.fill(steps);
    for (const message of history.messages.slice(events.children.length)) events.prepend(eventLine(message));
    told = history.count();
  }

  function showJob(job, me) {
    setText(status, `Status: ${words(job.status)}${history.progress()}`);
    status.className = tone(job.status) ?? '';
    about.fill({
      Model: job.model,
      Tenant: isOperator(me) ? job.organization_id : undefined,
      'Asked to': askedOf(job),
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
        cells: [safeguard.type, number(safeguard.strength), wantedBy(safeguard.by, me)],
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
    const savesOf = (file) => {
      const filename = names.get(file);
      return filename === undefined ? [] : [fileSave({ id: file, filename })];
    };
    results.fill(
      job.result_files.map((file) => ({
        key: file,
        cells: [
          { text: names.get(file) ?? 'deleted', note: file },
          { buttons: savesOf(file).map(page.buttonFor) },
        ],
      })),
    );
  }
}

/** The name of a file that a job left; undefined for one that was deleted. */
async function nameOf(file, signal) {
  try {
    return (await read(`/v1/files/${encodeURIComponent(file)}`, signal)).filename;
  } catch (error) {
    if (error.status !== 404) throw error;
  }
}

function eventLine({ created_at: made, level, message }) {
  const when = element('time', { datetime: new Date(made * 1000).toISOString() }, clock(made));
  const word = level === 'info' ? undefined : element('span', { class: tone(level) }, `${level}: `);
  return element('li', {}, when, word, message);
}
