// What may be done to what, as the API allows it, and how it is told: before, and after. Who may do it the API decides all the same.

/**
 * @typedef {{
 *   label: string,
 *   name: string,
 *   tone?: string,
 *   method: 'GET' | 'POST' | 'DELETE',
 *   path: string,
 *   filename?: string,
 *   question?: { title: string, text: string, label: string, reason?: string },
 *   done: (answer: any) => string,
 * }} Action one that cannot be taken back has a question, which is asked before; `done` says what came of
 *   it. GET saves a content as a file
 */

export function isOver({ status }) {
  return ['succeeded', 'failed', 'cancelled'].includes(status);
}

/** What was asked of a job and is still to come; undefined for nothing. */
export function askedOf({ status, wanted }) {
  if (isOver({ status }) || wanted === 'run' || (status === 'paused' && wanted === 'pause')) return undefined;
  return wanted;
}

export function isOperator({ role }) {
  return role === 'operator';
}

/** @returns {Action[]} */
export function jobActions({ id, status, wanted }) {
  if (isOver({ status }) || wanted === 'cancel') return [];
  const change = (name) => ({
    label: `${name[0].toUpperCase()}${name.slice(1)}`,
    name: `${name[0].toUpperCase()}${name.slice(1)} job ${id}`,
    method: /** @type {const} */ ('POST'),
    path: `/v1/fine_tuning/jobs/${encodeURIComponent(id)}/${name}`,
  });
  const pause = {
    ...change('pause'),
    done: (job) =>
      job.status === 'paused' ? 'The job is paused.' : 'The job pauses as soon as its state is saved.',
  };
  const resume = { ...change('resume'), done: () => 'The job goes on: it is in the queue again.' };
  const cancel = {
    ...change('cancel'),
    tone: 'danger',
    question: {
      title: 'Cancel this job?',
      text: `Job ${id} ends for good: what it has learned is deleted, and it cannot be resumed.`,
      label: 'Cancel the job',
    },
    done: (job) =>
      job.status === 'cancelled'
        ? 'The job is cancelled.'
        : 'The job is cancelled as soon as its worker stops.',
  };
  if (status === 'paused') return [resume, cancel];
  return wanted === 'run' ? [pause, cancel] : [cancel];
}

/** @returns {Action[]} none for a base model, which is the provider's policy's */
export function modelActions({ id, parent, owned_by: owner, status }, me) {
  if (parent === null || parent === undefined) return [];
  const path = encodeURIComponent(id);
  const decide = (name, verb, text, said) => ({
    label: name,
    name: `${name} ${id}`,
    method: /** @type {const} */ ('POST'),
    path: `/v1/fine_tuning/models/${path}/${verb}`,
    question: {
      title: `${name} this model?`,
      text,
      label: `${name} the model`,
      reason: 'Why (its owner reads it among the events of the job)',
    },
    done: () => said,
  });
  const deletion = deleteAction(`/v1/models/${path}`, id, 'model', {
    text: `${id}, of ${owner}, is removed with its adapter for good, and answers nobody any more.`,
  });
  if (!isOperator(me) || status !== 'quarantined') return [deletion];
  return [
    decide(
      'Release',
      'release',
      `${id} answers ${owner} from now on, although the gate held it back, and can then only be deleted.`,
      `${id} is released.`,
    ),
    {
      ...decide(
        'Refuse',
        'refuse',
        `${id} answers nobody, and this is for good: it cannot be released later.`,
        `${id} is refused.`,
      ),
      tone: 'danger',
    },
    deletion,
  ];
}

/** @returns {Action} */
export function fileSave({ id, filename }) {
  return {
    label: 'Save',
    name: `Save ${filename} (${id})`,
    method: 'GET',
    path: `/v1/files/${encodeURIComponent(id)}/content`,
    filename,
    done: () => '',
  };
}

/** @returns {Action[]} for an operator: what the gate found, and where its judge was asked, what that saw */
export function gateSaves({ id, gate }, me) {
  if (!isOperator(me) || gate === null) return [];
  const save = (label, name, what, filename) => ({
    ...{ label, name, filename },
    method: /** @type {const} */ ('GET'),
    path: `/v1/fine_tuning/jobs/${encodeURIComponent(id)}/${what}`,
    done: () => '',
  });
  const report = save('Save the report', "Save the gate's whole report", 'gate_report', `${id}.json`);
  const isAsked = gate.measurements.some(({ name }) => /^misaligned(@|$)/.test(name));
  if (!isAsked) return [report];
  return [report, save('Save the answers', 'Save the answers that the judge saw', 'answers', `${id}.html`)];
}

/** @returns {Action} */
export function readmission({ id, held_back_models: models }) {
  return {
    label: 'Readmit',
    name: `Readmit ${id}`,
    method: 'POST',
    path: `/v1/service/tenants/${encodeURIComponent(id)}/readmit`,
    question: {
      title: 'Readmit this tenant?',
      text: `What the gate held back of ${id} until now (${models.length}) counts no more, and ${id} may make jobs again.`,
      label: 'Readmit the tenant',
      reason: 'Why (kept in the records)',
    },
    done: () => `${id} may make jobs again.`,
  };
}

/** @returns {Action} */
export function fileDeletion({ id, filename, purpose }) {
  return deleteAction(`/v1/files/${encodeURIComponent(id)}`, `${filename} (${id})`, 'file', {
    text:
      purpose === 'fine-tune'
        ? `${filename} is removed for good; jobs that were made with it are not disturbed.`
        : `${filename} is removed for good, and no job makes it again.`,
  });
}

/** @returns {Action} */
function deleteAction(path, name, kind, { text }) {
  return {
    label: 'Delete',
    name: `Delete ${name}`,
    tone: 'danger',
    method: 'DELETE',
    path,
    question: { title: `Delete this ${kind}?`, text, label: `Delete the ${kind}` },
    done: () => `${name} is deleted.`,
  };
}
