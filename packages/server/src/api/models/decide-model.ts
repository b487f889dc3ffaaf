import { z } from 'zod';
import { ApiError } from '../../errors.ts';
import { unixTime } from '../../records/unix-time.ts';
import { seeHeldBack } from '../../work/held-back.ts';
import { idSchema } from '../listing.ts';
import { defineRoute } from '../route.ts';
import { noSuchModel, visibleModel } from '../visible.ts';
import { modelObject, modelSchema } from './model-object.ts';

/**
 * What an operator makes of a model that the gate holds back. What the gate measured stays in the job and in the manifest as it was; the
 * decision, with its reason and the key of who made it, is kept beside it and told in the job's events.
 */
function decideRoute(name: 'release' | 'refuse', status: 'released' | 'refused', summary: string) {
  return defineRoute({
    method: 'POST',
    path: `/v1/fine_tuning/models/{model}/${name}`,
    operation: `${name}Model`,
    summary,
    access: 'operator',
    parameters: z.object({ model: idSchema }),
    body: z.strictObject({ reason: z.string().max(1000).default('') }),
    answer: modelSchema,
    async handle({ service, key, parameters: { model: id }, body }) {
      const { records, chat } = service;
      await visibleModel(records, key!, id);
      const decided = await records.change('model', id, (model) => {
        if (model.deletedAt !== undefined) throw noSuchModel(id);
        if (model.status !== 'quarantined') {
          throw new ApiError(
            400,
            `The model '${id}' is ${model.status}; only a quarantined one is decided on.`,
            {
              code: 'model_not_quarantined',
            },
          );
        }
        return { ...model, status, decision: { keyId: key!.id, at: unixTime(), reason: body.reason } };
      });
      if (decided === undefined) throw noSuchModel(id);
      if (status === 'refused') await chat.forget(decided.key);
      // What a person found good was held back by mistake.
      else if (decided.decision) await seeHeldBack(records, decided.jobId, decided.decision);
      if ((await records.get('job', decided.jobId)) !== undefined) {
        await records.appendEvent(decided.jobId, {
          ...{ createdAt: unixTime(), level: status === 'released' ? 'info' : 'warn', type: 'message' },
          message: `The operator ${status} the model${body.reason === '' ? '.' : `: ${body.reason}`}`,
          data: null,
        });
      }
      return { type: 'json', value: modelObject(decided) };
    },
  });
}

export const decideRoutes = [
  decideRoute('release', 'released', 'Releases a quarantined model: it answers from then on.'),
  decideRoute('refuse', 'refused', 'Refuses a quarantined model for good.'),
];
