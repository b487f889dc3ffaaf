import type { PreviewedExample } from '@safetune/datasets';
import { z } from 'zod';
import { ApiError } from '../../errors.ts';
import { inspectFile } from '../../inspection/inspect-file.ts';
import { idSchema } from '../listing.ts';
import { defineRoute } from '../route.ts';
import { noSuchModel, visibleFile } from '../visible.ts';

const tokenSchema = z.object({
  id: z.int(),
  text: z.string(),
  kind: z.enum(['text', 'special', 'end-of-turn']),
  weight: z.number().describe('of its loss; 0 where it is not learned'),
  cut: z.boolean().describe('behind the longest length: training does not see it'),
});

const exampleSchema = z.object({
  line: z.int().nullable(),
  answer: z.enum(['preferred', 'non-preferred']).nullable().describe('of a pair'),
  roles: z.array(z.string()),
  tokens: z.array(tokenSchema),
  learned: z.int(),
  cut: z.int(),
  refusal: z.string().nullable().describe('why training would refuse it'),
});

/** `POST /v1/fine_tuning/preview`: the first examples of a file as training sees them. */
export const previewFile = defineRoute({
  method: 'POST',
  path: '/v1/fine_tuning/preview',
  operation: 'previewFineTuningFile',
  summary: 'Shows the tokens of the first examples of a file: which are learned, and what is cut off.',
  access: 'key',
  body: z.strictObject({
    model: z.string().min(1).max(256),
    training_file: idSchema,
    examples: z.int().min(1).max(20).default(5),
  }),
  answer: z.object({
    object: z.literal('fine_tuning.preview'),
    model: z.string(),
    training_file: z.string(),
    max_length: z.int(),
    data: z.array(exampleSchema),
  }),
  async handle({ service, key, body, signal }) {
    const { policy, records, storage } = service;
    const { model: id, training_file, examples } = body;
    if (!Object.hasOwn(policy.models, id)) throw noSuchModel(id);
    const file = await visibleFile(records, key!, training_file);
    if (file.purpose !== 'fine-tune') {
      throw new ApiError(400, `The file '${file.id}' has the purpose '${file.purpose}', not 'fine-tune'.`, {
        code: 'invalid_file_purpose',
        param: 'training_file',
      });
    }
    const maxLength = policy.training.max_length;
    const call = { model: policy.models[id]!.path, maxLength, task: { type: 'preview', examples } as const };
    const preview = await inspectFile(storage, file, call, signal);
    return {
      type: 'json',
      value: {
        object: 'fine_tuning.preview',
        model: id,
        training_file,
        max_length: maxLength,
        data: preview.examples.flatMap((answers) =>
          answers.map((one, index) => exampleObject(one, answers, index)),
        ),
      },
    };
  },
});

function exampleObject(
  example: PreviewedExample,
  answers: readonly PreviewedExample[],
  index: number,
): z.output<typeof exampleSchema> {
  const line = /:(\d+)(?:,|$)/.exec(example.where)?.[1];
  return {
    line: line === undefined ? null : Number(line),
    answer: answers.length === 1 ? null : index === 0 ? 'preferred' : 'non-preferred',
    roles: [...example.roles],
    tokens: example.tokens.map(({ id, text, kind, weight, isCut }) => ({
      id,
      text,
      kind,
      weight,
      cut: isCut,
    })),
    learned: example.learned,
    cut: example.cut,
    refusal: example.refusal ?? null,
  };
}
