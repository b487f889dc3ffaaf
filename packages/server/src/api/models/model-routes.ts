import { z } from 'zod';
import { ApiError } from '../../errors.ts';
import { allRecords } from '../../records/all-records.ts';
import { unixTime } from '../../records/unix-time.ts';
import { removeDeletedModel } from '../../work/remove-deleted.ts';
import { idSchema } from '../listing.ts';
import { defineRoute } from '../route.ts';
import { isShown, noSuchModel, shownModel, visibleModel } from '../visible.ts';
import { decideRoutes } from './decide-model.ts';
import { evidenceRoutes } from './model-evidence.ts';
import { baseModelObject, modelObject, modelSchema } from './model-object.ts';

const parameters = z.object({ model: idSchema });

const listModels = defineRoute({
  method: 'GET',
  path: '/v1/models',
  operation: 'listModels',
  summary: 'Lists the base models, and what was made of them and released.',
  access: 'key',
  answer: z.object({ object: z.literal('list'), data: z.array(modelSchema) }),
  async handle({ service, key }) {
    const data = Object.keys(service.policy.models).map(baseModelObject);
    const tenant = key!.role === 'operator' ? undefined : key!.tenant;
    for await (const model of allRecords(service.records, 'model', tenant)) {
      if (isShown(key!, model)) data.push(modelObject(model));
    }
    return { type: 'json', value: { object: 'list', data } };
  },
});

const retrieveModel = defineRoute({
  method: 'GET',
  path: '/v1/models/{model}',
  operation: 'retrieveModel',
  summary: 'Tells what is known of a model.',
  access: 'key',
  parameters,
  answer: modelSchema,
  async handle({ service, key, parameters: { model: id } }) {
    if (Object.hasOwn(service.policy.models, id)) return { type: 'json', value: baseModelObject(id) };
    return { type: 'json', value: modelObject(await shownModel(service.records, key!, id)) };
  },
});

const deleteModel = defineRoute({
  method: 'DELETE',
  path: '/v1/models/{model}',
  operation: 'deleteModel',
  summary: 'Deletes a fine-tuned model and its adapter, also one that was not released.',
  access: 'key',
  parameters,
  answer: z.object({ id: z.string(), object: z.literal('model'), deleted: z.literal(true) }),
  async handle({ service, key, parameters: { model: id } }) {
    if (Object.hasOwn(service.policy.models, id)) {
      throw new ApiError(403, `The model '${id}' is the provider's and cannot be deleted.`, {
        param: 'model',
      });
    }
    await visibleModel(service.records, key!, id);
    const deleted = await service.records.change('model', id, (model) =>
      model.deletedAt === undefined ? { ...model, deletedAt: unixTime() } : undefined,
    );
    if (deleted === undefined) throw noSuchModel(id);
    await service.chat.forget(deleted.key);
    await removeDeletedModel(service, deleted);
    return { type: 'json', value: { id, object: 'model', deleted: true } };
  },
});

export const modelRoutes = [listModels, retrieveModel, deleteModel, ...evidenceRoutes, ...decideRoutes];
