import { join } from 'node:path';
import { z } from 'zod';
import { checkContent, readOptionalJson } from '../json-file.ts';

/** The roles a special token can have, as tokenizer_config.json and chat templates name them. */
const roles = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;

/** A role in which a model uses a special token. */
export type SpecialTokenRole = (typeof roles)[number];

/** The text of each special token that has a role, e.g. `{ eos_token: '<|im_end|>' }`. */
export type SpecialTokens = Readonly<Partial<Record<SpecialTokenRole, string>>>;

const token = z
  .union([z.string(), z.looseObject({ content: z.string() }).transform(({ content }) => content)])
  .nullish();

const roleFields = Object.fromEntries(roles.map((role) => [role, token])) as Record<
  SpecialTokenRole,
  typeof token
>;

const namedTemplates = z.array(z.looseObject({ name: z.string(), template: z.string() }));

const configSchema = z.looseObject({
  ...roleFields,
  chat_template: z.union([z.string(), namedTemplates]).nullish(),
  // A list has no names.
  extra_special_tokens: z.union([z.record(z.string(), token), z.array(z.unknown())]).nullish(),
  model_specific_special_tokens: z.record(z.string(), token).nullish(),
  clean_up_tokenization_spaces: z.boolean().nullish(),
});

/** What this package reads of tokenizer_config.json. */
export interface TokenizerConfig {
  readonly special: SpecialTokens;
  /** Texts of all special tokens that have a name, those of the model's own (`image_token`) among them. */
  readonly templateVariables: Readonly<Record<string, string>>;
  readonly chatTemplate: z.output<typeof configSchema>['chat_template'];
  readonly cleanUpSpaces: boolean;
  /** The whole file. */
  readonly content: Readonly<Record<string, unknown>>;
}

/**
 * Reads `tokenizer_config.json`, and `special_tokens_map.json` of older checkpoints for roles that it leaves open. Both
 * may be missing.
 *
 * @throws ModelFileError when a file is there but not valid.
 */
export async function readTokenizerConfig(directory: string): Promise<TokenizerConfig> {
  const file = join(directory, 'tokenizer_config.json');
  const config = checkContent(file, (await readOptionalJson(file)) ?? {}, configSchema);
  const mapFile = join(directory, 'special_tokens_map.json');
  const map = checkContent(mapFile, (await readOptionalJson(mapFile)) ?? {}, z.looseObject(roleFields));
  const special = roles.flatMap((role) => {
    const text = config[role] ?? map[role];
    return text == null ? [] : [[role, text] as const];
  });
  return {
    special: Object.fromEntries(special),
    templateVariables: { ...ownTokens(config), ...Object.fromEntries(special) },
    chatTemplate: config.chat_template,
    cleanUpSpaces: config.clean_up_tokenization_spaces ?? false,
    content: config,
  };
}

/** As transformers: keys that end in `_token`, and the tokens that `extra_special_tokens` names. */
function ownTokens(config: z.output<typeof configSchema>): Record<string, string> {
  const { extra_special_tokens: extra } = config;
  const named = [
    ...Object.entries(config).filter(([key, value]) => key.endsWith('_token') && isToken(value)),
    ...Object.entries(config.model_specific_special_tokens ?? {}),
    ...Object.entries(Array.isArray(extra) ? {} : (extra ?? {})),
  ];
  const texts = named.map(([name, value]) => [name, token.safeParse(value).data] as const);
  return Object.fromEntries(texts.filter((entry): entry is [string, string] => entry[1] != null));
}

/** Transformers takes an object under a name of the model's own for a token only where it says that it is one. */
function isToken(value: unknown): boolean {
  if (typeof value === 'string') return true;
  return typeof value === 'object' && value !== null && '__type' in value && value.__type === 'AddedToken';
}
