import { GgufError } from '../../../errors.ts';
import type { Metadata } from '../metadata.ts';
import { byteLevelTokenizer, preTokenizerSettings } from './byte-level.ts';
import { sentencePieceTokenizer } from './sentence-piece.ts';

/** Roles of tokens in tokenizer_config.json, and llama.cpp's keys of their ids. */
const roleKeys = {
  bos_token: 'bos',
  eos_token: 'eos',
  unk_token: 'unknown',
  sep_token: 'seperator', // as llama.cpp spells it
  pad_token: 'padding',
  mask_token: 'mask',
} as const;

type Role = keyof typeof roleKeys;

/** The tokens with a role, and those that end a text. */
export interface SpecialIds {
  readonly roles: Readonly<Partial<Record<Role, number>>>;
  /** The end of a text first, then those of a turn and of a message. */
  readonly ends: readonly number[];
}

/** @throws GgufError (`metadata`) for an id beyond the vocabulary. */
export function readSpecialIds(metadata: Metadata): SpecialIds {
  const count = metadata.texts('tokenizer.ggml.tokens')?.length ?? 0;
  const idOf = (name: string): number | undefined => {
    const key = `tokenizer.ggml.${name}_token_id`;
    const value = metadata.scalar(key);
    // Some converters write -1, or as unsigned 4294967295, for none.
    if (value === undefined || value === -1 || value === 2 ** 32 - 1) return undefined;
    const id = metadata.count(key)!;
    if (id >= count) throw metadata.fail(key, `is ${id}, the vocabulary has ${count} tokens`);
    return id;
  };
  const roles = Object.entries(roleKeys).flatMap(([role, name]) => {
    const id = idOf(name);
    return id === undefined ? [] : [[role, id] as const];
  });
  const ends = ['eos', 'eot', 'eom'].map(idOf).filter((id) => id !== undefined);
  return { roles: Object.fromEntries(roles), ends: [...new Set(ends)] };
}

/**
 * The content of tokenizer.json.
 *
 * @throws GgufError for a kind of tokenizer that is not supported, and for a vocabulary that is damaged.
 */
export function tokenizerJson(metadata: Metadata): Record<string, unknown> {
  const { roles } = readSpecialIds(metadata);
  const special = new Set(Object.values(roles));
  const key = 'tokenizer.ggml.model';
  const model = metadata.required(key, metadata.text(key));
  const whole = (parts: Record<string, unknown>) => ({
    version: '1.0',
    truncation: null,
    padding: null,
    ...parts,
    post_processor: postProcessor(metadata, roles),
  });
  switch (model) {
    case 'gpt2':
      return whole(byteLevelTokenizer(metadata, special));
    case 'llama': {
      const isGemma = metadata.text('general.architecture')?.startsWith('gemma') ?? false;
      return whole(sentencePieceTokenizer(metadata, special, { isGemma, unknown: roles.unk_token }));
    }
    default: {
      const message = `is ${JSON.stringify(model)}; supported are gpt2 (byte-level BPE) and llama (SentencePiece BPE)`;
      throw new GgufError('unsupported', metadata.file, key, message);
    }
  }
}

/** The content of tokenizer_config.json. */
export function tokenizerConfigJson(metadata: Metadata): Record<string, unknown> {
  const { roles } = readSpecialIds(metadata);
  const tokens = metadata.texts('tokenizer.ggml.tokens') ?? [];
  const templates = chatTemplates(metadata);
  return {
    ...Object.fromEntries(Object.entries(roles).map(([role, id]) => [role, tokens[id]!])),
    add_bos_token: addsBos(metadata),
    add_eos_token: metadata.boolean('tokenizer.ggml.add_eos_token') ?? false,
    clean_up_tokenization_spaces: false,
    tokenizer_class: 'PreTrainedTokenizerFast',
    ...(templates === undefined ? {} : { chat_template: templates }),
  };
}

/** A template alone is a text; with others, a list, as in tokenizer_config.json. */
function chatTemplates(metadata: Metadata): unknown {
  const main = metadata.text('tokenizer.chat_template');
  const others = (metadata.texts('tokenizer.chat_templates') ?? []).map((name) => {
    const key = `tokenizer.chat_template.${name}`;
    return { name, template: metadata.required(key, metadata.text(key)) };
  });
  if (others.length === 0) return main;
  return [...(main === undefined ? [] : [{ name: 'default', template: main }]), ...others];
}

function addsBos(metadata: Metadata): boolean {
  const said = metadata.boolean('tokenizer.ggml.add_bos_token');
  if (said !== undefined) return said;
  return metadata.text('tokenizer.ggml.model') === 'llama' || preTokenizerSettings(metadata).addBos;
}

/** Puts the first and last tokens around a text, for other readers of the files: this package's tokenizers add none. */
function postProcessor(metadata: Metadata, roles: SpecialIds['roles']): unknown {
  const tokens = metadata.texts('tokenizer.ggml.tokens') ?? [];
  const first = addsBos(metadata) ? roles.bos_token : undefined;
  const last = metadata.boolean('tokenizer.ggml.add_eos_token') === true ? roles.eos_token : undefined;
  if (first === undefined && last === undefined) return null;
  const special = (id: number | undefined, type: number) =>
    id === undefined ? [] : [{ SpecialToken: { id: tokens[id]!, type_id: type } }];
  const around = (sequence: 'A' | 'B', type: number) => [
    ...special(first, type),
    { Sequence: { id: sequence, type_id: type } },
    ...special(last, type),
  ];
  const used = [first, last].filter((id) => id !== undefined);
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      used.map((id) => [tokens[id]!, { id: tokens[id]!, ids: [id], tokens: [tokens[id]!] }]),
    ),
  };
}
