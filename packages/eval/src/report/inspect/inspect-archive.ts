import { strToU8, zipSync } from 'fflate';
import { InvalidOptionError } from '../../errors.ts';
import { wellFormedJson } from '../well-formed-json.ts';
import type { InspectLog } from './inspect-log.ts';

/** Samples that fit into an archive: it counts files in 16 bits, and some are not samples. */
export const mostInspectSamples = 65_000;

/**
 * A log in Inspect's `.eval` format, which its viewer lists under any name: a zip archive of the header, a summary of the samples
 * and each sample on its own.
 *
 * @throws {InvalidOptionError} for more than {@link mostInspectSamples}.
 */
export function inspectArchive({ samples, ...header }: InspectLog): Uint8Array {
  if (samples.length > mostInspectSamples)
    throw new InvalidOptionError(
      'samples',
      `${samples.length} are more than the ${mostInspectSamples} of an archive`,
    );
  const { version, eval: specification, plan } = header;
  const files = {
    '_journal/start.json': { version, eval: specification, plan },
    ...Object.fromEntries(
      samples.map((sample) => [`samples/${sample.id}_epoch_${sample.epoch}.json`, sample]),
    ),
    'summaries.json': samples.map(
      ({ id, epoch, input, target, metadata, scores, model_usage, messages }) => ({
        id,
        epoch,
        input,
        target,
        metadata,
        scores,
        model_usage,
        completed: true,
        message_count: messages.length,
      }),
    ),
    'header.json': header,
  };
  const time = new Date(String(specification.created));
  return zipSync(
    Object.fromEntries(
      Object.entries(files).map(([name, content]) => [name, strToU8(wellFormedJson(content))]),
    ),
    { mtime: time, level: 6 },
  );
}
