import { askedOf, fileDeletion, fileSave, isOperator, modelActions } from './actions.js';
import { read } from './api.js';
import { element, table } from './elements.js';
import { bytes, time, tone } from './format.js';

// A view is what stands in the page's main part: `root`, `refresh` (which reads and shows what is new to whoever looks) and `close`.

export const jobOf = (id) => `#job/${encodeURIComponent(id)}`;
const reportOf = (id) => `#report/${encodeURIComponent(id)}`;

export function jobsView() {
  const rows = table('The newest jobs first', ['Job', 'Status', 'Verdicts'], 'There are no jobs yet.');
  return {
    title: 'Jobs',
    root: rows.root,
    async refresh(signal, me) {
      const { data } = await read('/v1/fine_tuning/jobs?limit=50', signal);
      const ownerOf = ({ organization_id: owner }) => (isOperator(me) ? `${owner}, ` : '');
      rows.fill(
        data.map((job) => ({
          key: job.id,
          cells: [
            {
              text: job.id,
              href: jobOf(job.id),
              note: `${ownerOf(job)}${job.model}, ${time(job.created_at)}`,
            },
            {
              text: job.status.replaceAll('_', ' '),
              tone: tone(job.status),
              note: askedOf(job) && `asked to ${askedOf(job)}`,
            },
            verdicts(job),
          ],
        })),
      );
    },
    close() {},
  };
}

function verdicts({ screening, gate }) {
  const word = gate?.outcome ?? screening?.outcome;
  return {
    text:
      gate === null
        ? screening === null
          ? 'none yet'
          : `screen: ${screening.outcome}`
        : `gate: ${gate.outcome}`,
    tone: tone(word),
    note: gate !== null && screening !== null ? `screen: ${screening.outcome}` : undefined,
  };
}

/** @param {{ buttonFor: (action: import('./actions.js').Action) => import('./elements.js').ButtonParts }} page */
export function filesView(page) {
  const uploaded = table(
    'Files to train on',
    ['File', 'Size', 'What the screen said', 'Actions'],
    'There are no files yet.',
  );
  const left = table('Files that jobs left', ['File', 'Size', 'Actions'], 'No job has left a file yet.');
  return {
    title: 'Files',
    root: element(
      'div',
      {},
      element('h2', {}, 'Uploaded'),
      uploaded.root,
      element('h2', {}, 'Results and reports'),
      left.root,
    ),
    async refresh(signal) {
      const [{ data: files }, { data: jobs }] = await Promise.all([
        read('/v1/files?limit=200', signal),
        read('/v1/fine_tuning/jobs?limit=200', signal),
      ]);
      const screened = new Map();
      // The newest job comes first, and the newest word on a file counts.
      for (const { training_file: file, screening } of jobs) {
        if (screening !== null && !screened.has(file)) screened.set(file, screening);
      }
      const isReport = new Set(jobs.map(({ screening }) => screening?.report));
      const nameOf = ({ id, filename, created_at: made }) => ({
        text: filename,
        note: `${id}, ${time(made)}`,
      });
      uploaded.fill(
        files
          .filter(({ purpose }) => purpose === 'fine-tune')
          .map((file) => ({
            key: file.id,
            cells: [
              nameOf(file),
              bytes(file.bytes),
              screenCell(screened.get(file.id)),
              { buttons: [page.buttonFor(fileDeletion(file))] },
            ],
          })),
      );
      left.fill(
        files
          .filter(({ purpose }) => purpose !== 'fine-tune')
          .map((file) => ({
            key: file.id,
            cells: [
              { ...nameOf(file), ...(isReport.has(file.id) ? { href: reportOf(file.id) } : {}) },
              bytes(file.bytes),
              { buttons: [fileSave(file), fileDeletion(file)].map(page.buttonFor) },
            ],
          })),
      );
    },
    close() {},
  };
}

function screenCell(screening) {
  if (screening === undefined) return 'not looked at yet';
  const { outcome, examples, warned, dropped, report } = screening;
  return {
    text: outcome,
    tone: tone(outcome),
    note: `of ${examples} examples ${warned} warned of, ${dropped} left out`,
    ...(report === null ? {} : { href: reportOf(report) }),
  };
}

/** @param {{ buttonFor: (action: import('./actions.js').Action) => import('./elements.js').ButtonParts }} page */
export function modelsView(page) {
  const rows = table(
    'Base models, and what was made of them',
    ['Model', 'Status', 'Made of', 'Actions'],
    'There are no models.',
  );
  return {
    title: 'Models',
    root: rows.root,
    async refresh(signal, me) {
      const { data } = await read('/v1/models', signal);
      rows.fill(
        data.map((model) => ({
          key: model.id,
          cells: [
            {
              text: model.id,
              note: model.parent === null ? undefined : `${model.owned_by}, ${time(model.created)}`,
            },
            { text: model.status ?? 'released', tone: tone(model.status ?? 'released') },
            model.parent === null || model.parent === undefined
              ? "the provider's"
              : {
                  text: model.parent,
                  ...(model.fine_tuning_job_id
                    ? { href: jobOf(model.fine_tuning_job_id), note: 'its job' }
                    : {}),
                },
            { buttons: modelActions(model, me).map(page.buttonFor) },
          ],
        })),
      );
    },
    close() {},
  };
}
