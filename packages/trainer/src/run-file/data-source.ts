import { formatNames, shapeNames } from '@safetune/datasets';
import { z } from 'zod';

const source = z.union([
  z.string().min(1),
  z.strictObject({
    path: z.string().min(1).describe('a file, folder or pattern'),
    weight: z.number().positive().optional().describe("its share, beside the others'"),
    format: z.enum(formatNames).optional().describe('default: as its first bytes show'),
    shape: z.enum(shapeNames).optional().describe('how rows are written; default: as the first row shows'),
  }),
]);

/** Where examples come from: a source, or a list of them. */
export const dataSchema = z.union([source, z.array(source).min(1)]);
