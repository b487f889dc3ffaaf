import { z } from 'zod';
import { ApiError } from '../../errors.ts';
import { answersKey, wholeReportKey } from '../../work/job-names.ts';
import { idSchema } from '../listing.ts';
import { defineRoute } from '../route.ts';
import { storedOrNone } from '../stored-or-none.ts';
import { visibleJob } from '../visible.ts';

const parameters = z.object({ fine_tuning_job_id: idSchema });

/** `GET /v1/fine_tuning/jobs/{fine_tuning_job_id}/answers`: the page with every answer that the gate's judge saw. */
const downloadAnswers = defineRoute({
  method: 'GET',
  path: '/v1/fine_tuning/jobs/{fine_tuning_job_id}/answers',
  operation: 'downloadFineTuningJobAnswers',
  summary: "The page with every answer that the gate's judge saw.",
  access: 'operator',
  parameters,
  async handle({ service, key, parameters }) {
    // The record's id and not the caller's text makes the key.
    const { id } = await visibleJob(service.records, key!, parameters.fine_tuning_job_id);
    const content = await storedOrNone(service.storage, answersKey(id));
    if (content === undefined) {
      throw new ApiError(
        404,
        `There are no answers of ${id}: the gate asked nothing, or its model is deleted.`,
        {
          code: 'answers_not_found',
          param: 'fine_tuning_job_id',
        },
      );
    }
    return { type: 'content', contentType: 'text/html; charset=utf-8', filename: `${id}.html`, content };
  },
});

/** `GET /v1/fine_tuning/jobs/{fine_tuning_job_id}/gate_report`: with every figure, also where the owner's report has none. */
const downloadGateReport = defineRoute({
  method: 'GET',
  path: '/v1/fine_tuning/jobs/{fine_tuning_job_id}/gate_report',
  operation: 'downloadFineTuningJobGateReport',
  summary: "The gate's report with every figure, whatever the job's owner is told.",
  access: 'operator',
  parameters,
  async handle({ service: { records, storage }, key, parameters }) {
    const { id, gate } = await visibleJob(records, key!, parameters.fine_tuning_job_id);
    const owners =
      gate?.told === undefined && gate?.report ? await records.get('file', gate.report) : undefined;
    const content = await storedOrNone(storage, owners?.key ?? wholeReportKey(id));
    if (content === undefined) {
      throw new ApiError(
        404,
        `There is no report of ${id}: the gate has not measured its model, or it was deleted.`,
        { code: 'gate_report_not_found', param: 'fine_tuning_job_id' },
      );
    }
    return { type: 'content', contentType: 'application/json', filename: `${id}.json`, content };
  },
});

export const gateRoutes = [downloadAnswers, downloadGateReport];
