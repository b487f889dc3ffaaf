import { z } from 'zod';
import { ApiError, StorageError } from '../../errors.ts';
import { answersKey } from '../../work/job-names.ts';
import { idSchema } from '../listing.ts';
import { defineRoute } from '../route.ts';
import { visibleJob } from '../visible.ts';

/** `GET /v1/fine_tuning/jobs/{fine_tuning_job_id}/answers`: the page with every answer that the gate's judge saw. */
export const downloadAnswers = defineRoute({
  method: 'GET',
  path: '/v1/fine_tuning/jobs/{fine_tuning_job_id}/answers',
  operation: 'downloadFineTuningJobAnswers',
  summary: "The page with every answer that the gate's judge saw.",
  access: 'operator',
  parameters: z.object({ fine_tuning_job_id: idSchema }),
  async handle({ service, key, parameters }) {
    // The record's id and not the caller's text makes the key.
    const { id } = await visibleJob(service.records, key!, parameters.fine_tuning_job_id);
    try {
      const content = await service.storage.read(answersKey(id));
      return { type: 'content', contentType: 'text/html; charset=utf-8', filename: `${id}.html`, content };
    } catch (error) {
      if (!StorageError.isInstance(error) || error.problem !== 'missing') throw error;
      throw new ApiError(
        404,
        `There are no answers of ${id}: the gate asked nothing, or its model is deleted.`,
        {
          code: 'answers_not_found',
          param: 'fine_tuning_job_id',
        },
      );
    }
  },
});
