import { z } from 'zod';
import { buildComponent, type ComponentBuilder, component, type Place } from './place.ts';

/**
 * Checks a post-processor. It adds special tokens around a whole text and changes offsets: nothing of that applies here,
 * since conversations bring their special tokens themselves.
 *
 * @throws UnsupportedTokenizerError that names the setting.
 */
export function checkPostProcessor(content: unknown, place: Place): void {
  buildComponent(checks, content, place);
}

const pair = z.tuple([z.string(), z.number()]);
const template = z.array(z.unknown());

const checks: Readonly<Record<string, ComponentBuilder<void>>> = {
  Sequence: component({ processors: z.array(z.unknown()) }, ({ processors }, place) => {
    for (const [index, processor] of processors.entries())
      checkPostProcessor(processor, place.at('processors').at(index));
  }),
  TemplateProcessing: component({ single: template, pair: template, special_tokens: z.unknown() }, () => {}),
  BertProcessing: component({ sep: pair, cls: pair }, () => {}),
  RobertaProcessing: component(
    { sep: pair, cls: pair, trim_offsets: z.boolean(), add_prefix_space: z.boolean() },
    () => {},
  ),
  ByteLevel: component(
    { add_prefix_space: z.boolean(), trim_offsets: z.boolean(), use_regex: z.boolean().default(true) },
    () => {},
  ),
};
