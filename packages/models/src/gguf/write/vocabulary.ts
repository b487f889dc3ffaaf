import { join } from 'node:path';
import { z } from 'zod';
import { readChatTemplates } from '../../chat-template/template-files.ts';
import type { ModelConfig } from '../../config.ts';
import { ExportError } from '../../errors.ts';
import { checkContent, readJson, readOptionalJson } from '../../json-file.ts';
import { readTokenizerConfig } from '../../tokenizer/special-tokens.ts';
import { loadTokenizer } from '../../tokenizer.ts';
import type { GgufMetadata, GgufValue } from './file.ts';
import { knownPreTokenizer } from './pre-tokenizer.ts';
import { mergeText, scores, type TokenizerFile, tokenizerFile, tokenTable } from './token-table.ts';

/** A tokenizer as GGUF metadata, and what llama.cpp will do otherwise than Python with it. */
export interface GgufVocabulary {
  readonly metadata: GgufMetadata;
  /** Sentences. */
  readonly differences: readonly string[];
}

/**
 * The tokenizer of a model folder as llama.cpp reads it: tokens, merges or scores, kinds, the name of the
 * pre-tokenizer, special tokens, whether a text begins and ends with one, and the chat templates.
 *
 * @param target - the file that is to be written, for messages.
 * @throws ExportError for a tokenizer that llama.cpp has nothing like; what reading the folder throws.
 */
export async function ggufVocabulary(
  directory: string,
  config: ModelConfig,
  target: string,
): Promise<GgufVocabulary> {
  const file = join(directory, 'tokenizer.json');
  const content = checkContent(file, await readJson(file), tokenizerFile);
  if (content.model.type !== undefined && content.model.type !== 'BPE') {
    throw new ExportError(
      target,
      `llama.cpp has no ${content.model.type} tokenizer for language models, only BPE`,
    );
  }
  const kind = tokenizerKind(content, target);
  const table = tokenTable(content, config.vocabularySize, target);
  const tokenizerConfig = await readTokenizerConfig(directory);
  const ids = await specialIds(directory, config, table.idOf);
  return {
    metadata: {
      'tokenizer.ggml.model': text(kind.model),
      'tokenizer.ggml.pre': text(kind.pre),
      'tokenizer.ggml.tokens': { type: 'strings', value: table.tokens },
      ...(kind.model === 'llama'
        ? { 'tokenizer.ggml.scores': { type: 'float32s', value: scores(content, table) } }
        : {}),
      'tokenizer.ggml.token_type': { type: 'int32s', value: table.types },
      ...(kind.model === 'gpt2'
        ? { 'tokenizer.ggml.merges': { type: 'strings', value: (content.model.merges ?? []).map(mergeText) } }
        : { 'tokenizer.ggml.add_space_prefix': { type: 'bool', value: kind.prefix } }),
      ...Object.fromEntries(
        Object.entries(ids).map(([role, value]) => [
          `tokenizer.ggml.${role}_token_id`,
          { type: 'uint32', value },
        ]),
      ),
      ...addedEnds(content, tokenizerConfig.content, ids),
      ...chatTemplates(await readChatTemplates(directory, tokenizerConfig.chatTemplate)),
    },
    differences: [...kind.differences, ...table.differences],
  };
}

function text(value: string): GgufValue {
  return { type: 'string', value };
}

interface TokenizerKind {
  /** `gpt2`: byte-level BPE with merges. `llama`: BPE on characters by score, with bytes for what has no token. */
  readonly model: 'gpt2' | 'llama';
  readonly pre: string;
  /** Whether a text is given a space at its start; of `llama` only. */
  readonly prefix: boolean;
  readonly differences: readonly string[];
}

function tokenizerKind(content: TokenizerFile, target: string): TokenizerKind {
  const { normalizer, pre_tokenizer: preTokenizer, model } = content;
  if (model.byte_fallback === true) return sentencePieceKind(content, target);
  const known = knownPreTokenizer(preTokenizer, model.ignore_merges === true);
  if (known === undefined) {
    throw new ExportError(
      target,
      'llama.cpp knows no pre-tokenizer that splits words as tokenizer.json does, and would tokenize otherwise',
    );
  }
  const steps = sequenceOf(normalizer, 'normalizers');
  const composes = JSON.stringify(steps) === '[{"type":"NFC"}]';
  if (steps.length > 0 && !composes) {
    throw new ExportError(
      target,
      `llama.cpp does not normalise text as tokenizer.json does (${named(normalizer)})`,
    );
  }
  const differences = [
    ...(composes
      ? ['Python composes characters (NFC) before it tokenizes, llama.cpp does not: give it composed text.']
      : []),
    ...known.differences,
  ];
  return { model: 'gpt2', pre: known.name, prefix: false, differences };
}

/** How SentencePiece models are written in tokenizer.json: spaces become U+2581, by a normaliser or by Metaspace. */
function sentencePieceKind({ normalizer, pre_tokenizer: pre }: TokenizerFile, target: string): TokenizerKind {
  const steps = sequenceOf(normalizer, 'normalizers').map((step) => JSON.stringify(step));
  const replace = '{"type":"Replace","pattern":{"String":" "},"content":"▁"}';
  const prepend = '{"type":"Prepend","prepend":"▁"}';
  const metaspace = z
    .object({
      type: z.literal('Metaspace'),
      replacement: z.literal('▁'),
      prepend_scheme: z.enum(['always', 'first', 'never']).default('always'),
      split: z.literal(false),
    })
    .safeParse(pre).data;
  // After spaces have been replaced there is none to split at.
  const splitsNothing = z
    .object({ type: z.literal('Split'), pattern: z.object({ String: z.literal(' ') }) })
    .safeParse(pre).success;
  const replaces =
    steps.at(-1) === replace && (steps.length === 1 || (steps.length === 2 && steps[0] === prepend));
  const normal = { model: 'llama', pre: 'default' } as const;
  if (replaces && (pre == null || splitsNothing)) {
    return { ...normal, prefix: steps.length === 2, differences: [] };
  }
  if (steps.length === 0 && metaspace !== undefined) {
    const { prepend_scheme: scheme } = metaspace;
    const differences =
      scheme === 'first'
        ? ['After a special token inside a text, llama.cpp adds a space that Python does not add.']
        : [];
    return { ...normal, prefix: scheme !== 'never', differences };
  }
  throw new ExportError(
    target,
    `llama.cpp does not prepare text as tokenizer.json does (normalizer ${named(normalizer)}, pre_tokenizer ${named(pre)})`,
  );
}

function sequenceOf(content: unknown, key: string): readonly unknown[] {
  if (content == null) return [];
  const sequence = z
    .looseObject({ type: z.literal('Sequence'), [key]: z.array(z.unknown()) })
    .safeParse(content);
  return sequence.success ? (sequence.data[key] as unknown[]) : [content];
}

function named(component: unknown): string {
  return component == null ? 'none' : String((component as { type?: unknown }).type);
}

type SpecialIds = Readonly<Partial<Record<'bos' | 'eos' | 'unknown' | 'padding' | 'eot', number>>>;

async function specialIds(
  directory: string,
  config: ModelConfig,
  idOf: (token: string) => number | undefined,
): Promise<SpecialIds> {
  const { special } = await readTokenizerConfig(directory);
  const byText = (token: string | undefined) => (token === undefined ? undefined : idOf(token));
  const own = z
    .looseObject({ unk_token_id: z.number().int().nonnegative().nullish() })
    .safeParse(await readOptionalJson(join(directory, 'config.json'))).data;
  const eos = byText(special.eos_token) ?? config.eosTokenIds[0];
  // The token behind an answer, where it is not the one that ends a text.
  const [eot] = (await loadTokenizer(directory)).endOfTurnTokenIds;
  const found = {
    bos: byText(special.bos_token) ?? config.bosTokenId,
    eos,
    unknown: byText(special.unk_token) ?? own?.unk_token_id ?? undefined,
    padding: byText(special.pad_token) ?? config.padTokenId,
    eot: eot === eos ? undefined : eot,
  };
  return Object.fromEntries(
    Object.entries(found).filter(([, id]) => id !== undefined && id < config.vocabularySize),
  );
}

/** Whether a text gets a token at its start or end: said by the post-processor, else by tokenizer_config.json. */
function addedEnds(
  { post_processor: processor }: TokenizerFile,
  tokenizerConfig: Readonly<Record<string, unknown>>,
  { bos, eos }: SpecialIds,
): GgufMetadata {
  const template = sequenceOf(processor, 'processors')
    .map((step) => templateProcessing.safeParse(step).data)
    .find((step) => step !== undefined);
  const idAt = (index: number) => {
    const token = template?.single.at(index)?.SpecialToken?.id;
    return token === undefined ? undefined : template?.special_tokens[token]?.ids[0];
  };
  const adds = (index: number, id: number | undefined, key: string) =>
    template === undefined ? tokenizerConfig[key] === true : id !== undefined && idAt(index) === id;
  return {
    'tokenizer.ggml.add_bos_token': { type: 'bool', value: adds(0, bos, 'add_bos_token') },
    'tokenizer.ggml.add_eos_token': { type: 'bool', value: adds(-1, eos, 'add_eos_token') },
  };
}

const templateProcessing = z.looseObject({
  type: z.literal('TemplateProcessing'),
  single: z.array(z.looseObject({ SpecialToken: z.looseObject({ id: z.string() }).optional() })),
  special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(z.number()) })),
});

function chatTemplates(templates: ReadonlyMap<string, string>): GgufMetadata {
  const named = [...templates].filter(([name]) => name !== 'default');
  const main = templates.get('default');
  return {
    ...(named.length === 0
      ? {}
      : { 'tokenizer.chat_templates': { type: 'strings', value: named.map(([name]) => name) } }),
    ...Object.fromEntries(
      named.map(([name, template]) => [`tokenizer.chat_template.${name}`, text(template)]),
    ),
    ...(main === undefined ? {} : { 'tokenizer.chat_template': text(main) }),
  };
}
