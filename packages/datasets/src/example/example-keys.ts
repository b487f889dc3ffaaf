import { describeValue, printable } from '../printable.ts';
import { reasoningNames } from './message.ts';
import { asksNothing, plainKey } from './plain-key.ts';
import { isWeightKey } from './training-weight.ts';

/** Why a key is refused, and which of its values ask for nothing and may pass. */
interface KeyRule {
  /** Matches the key in lower case without `_`, `-`, `.` and spaces, so that all spellings are one. */
  readonly pattern: RegExp;
  readonly why: string;
  /** Besides null and an empty text, list or object: values that change nothing. */
  readonly isHarmless?: (value: unknown) => boolean;
}

const isOn = (value: unknown) => value === true || value === 1;
const isOff = (value: unknown) => value === false || value === 0;

const partly =
  'weights and masks of whole rows or of single tokens are not supported, and everything would be trained alike. ' +
  'Give messages a "weight" or "train": false, leave the row out of the data, or remove the key';
const templateArgument =
  'what the chat template is to see stands in "chat_template_kwargs" of the row (of an example in code, in templateArguments). ' +
  'Put it there, or remove the key';
const otherTools =
  'tools stand in "tools" of the row, calls in "tool_calls" of the message, each {"function": {"name": "...", "arguments": {...}}}. ' +
  'Write it so, or remove the key';

/** Keys that would change what is trained, in a message and in a row. The first that matches decides. */
const sharedRules: readonly KeyRule[] = [
  {
    pattern: /^functions?$|^functioncalls?$|^(available)?tools?(calls?|choice|s|config|definitions?)?$/,
    why: otherTools,
    isHarmless: isOff,
  },
  {
    pattern: /reasoning|thinking|^(thoughts?|cot|chainofthought|analysis|scratchpad)$/,
    why:
      'reasoning stands in "reasoning_content" of the message, or in its "content" as the model should emit it (such as ' +
      '<think>...</think>). Write it so, or remove the key to train the answer alone',
    isHarmless: isOff,
  },
  {
    pattern: /^(loss|sample|row|example|message|turn|token|train|training)?weights?$|^lossscale$/,
    why: partly,
    isHarmless: (value) => value === 1,
  },
  { pattern: /^trainon(inputs?|prompts?|user|system|everything|all)$/, why: partly, isHarmless: isOff },
  { pattern: /^(is)?train(able|ed)?$|^train(on|this|turn)\w*$/, why: partly, isHarmless: isOn },
  {
    pattern: /^(compute|apply|use|in|with|has)?loss$/,
    why: partly,
    isHarmless: (value) => value === true || (typeof value === 'number' && value !== 0),
  },
  {
    pattern:
      /^(no|skip|ignore|exclude|without)(in)?(loss|train|training|turn)?$|^(is)?(masked|ignored|frozen)$/,
    why: partly,
    isHarmless: isOff,
  },
  // A plain "mask" says train to some and hide to others: no value of it is beyond doubt.
  { pattern: /^(is)?masks?$/, why: partly },
  { pattern: /^\w+masks?$/, why: partly, isHarmless: isOn },
  {
    pattern: /^(images?|videos?|audios?|pixelvalues|attachments?)$/,
    why: 'images, sound and attached files are not supported; only text is trained. Leave the row out, or remove the key',
  },
];

const rowRules: readonly KeyRule[] = [
  {
    pattern:
      /^((chat)?template(kwargs|args|arguments)|responseformat|addgenerationprompt|continuefinalmessage)$/,
    why: templateArgument,
    isHarmless: isOff,
  },
  {
    pattern: /^chattemplate$/,
    why: "the chat template is the tokenizer's, for all rows alike. Remove the key",
  },
  {
    pattern: /^enablethinking$|^thinking(mode|budget)?$|^reasoningeffort$/,
    why: templateArgument,
    isHarmless: isOff,
  },
  {
    pattern: /^(assistant|completion|response)sonlyloss$|^(assistant|completion|response)onlyloss$/,
    why: 'what is trained is chosen for the whole run, not row by row (option supervise). Remove the key',
    isHarmless: isOn,
  },
  {
    pattern: /^(inputids|tokenids|attentionmask|labels)$/,
    why: "the messages are encoded by this model's tokenizer, and tokens made elsewhere are not read. Remove the key",
  },
  ...sharedRules,
];

const messageRules: readonly KeyRule[] = [
  {
    pattern: /^(name|toolcallid|callid)$/,
    why: 'the name of a speaker or tool stands in "name", the id of a tool call in "tool_call_id". Write it so, or remove the key',
  },
  ...sharedRules,
];

/** Keys of a message that only describe it. */
const messageMetadata = new Set(
  (
    'id uuid messageid turnid parentid index turn position timestamp time date created createdat updated updatedat source ' +
    'origin author user userid language lang locale model modelname provider score rating quality toxicity tags labels ' +
    'metadata meta info annotations notes note comment comments tokencount numtokens length url license ' +
    'finishreason stopreason usage hash split category topic'
  ).split(' '),
);

/** A second conversation beside "messages", or a part of one. */
const secondTexts =
  /^(system(prompt|message)?|developer|prompts?|completions?|instructions?|inputs?|outputs?|responses?|chosen|rejected|conversations?|dialogs?|dialogues?|history)$/;

const secondText = (columns: string) =>
  columns === 'messages'
    ? 'it stands beside "messages" and says something else; only "messages" would be trained. Put it into "messages" (a system ' +
      'prompt as the first message), or remove the key'
    : `it stands beside ${columns} and says something else; only those would be trained. Remove the key, or name the shape`;

const unknownKey =
  'a message with this key is not understood, and leaving the key out may change what is trained. Write what the model should ' +
  'read or learn into "content", put notes under "metadata", or remove the key';

/** Keys of a message that are taken as they are. */
const messageKeys = new Set<string>([
  'role',
  'content',
  'name',
  'tool_calls',
  'tool_call_id',
  ...reasoningNames,
]);

/** Why this message cannot be taken as it is; undefined when it can. */
export function refusedMessageKey(message: object): string | undefined {
  for (const [key, value] of Object.entries(message)) {
    if (messageKeys.has(key) || isWeightKey(key) || asksNothing(value)) continue;
    const plain = plainKey(key);
    const rule = messageRules.find(({ pattern }) => pattern.test(plain));
    if (rule === undefined && !messageMetadata.has(plain)) return refusal(key, value, unknownKey);
    if (rule !== undefined && !isHarmless(rule, value)) return refusal(key, value, rule.why);
  }
  return undefined;
}

/**
 * Why what a row holds besides its messages, tools, documents, template arguments and tags cannot be left out; undefined when it can. Unknown keys pass: data sets carry many
 * that only describe the row. So does a text that is in the messages already.
 *
 * @param contents - of its messages.
 * @param columns - from which they were made.
 */
export function refusedRowKey(row: object, contents: readonly string[], columns: string): string | undefined {
  for (const [key, value] of Object.entries(row)) {
    if (asksNothing(value)) continue;
    const plain = plainKey(key);
    const rule = rowRules.find(({ pattern }) => pattern.test(plain));
    const isText = typeof value === 'string' || typeof value === 'object';
    const why =
      rule === undefined
        ? isText && secondTexts.test(plain) && secondText(columns)
        : !isHarmless(rule, value) && rule.why;
    if (why && !isCopy(value, contents)) return refusal(key, value, why);
  }
  return undefined;
}

function refusal(key: string, value: unknown, why: string): string {
  return `key "${printable(key)}" is ${describeValue(value)}: ${why}`;
}

function isHarmless(rule: KeyRule, value: unknown): boolean {
  const { isHarmless: passes = () => false } = rule;
  return Array.isArray(value) ? value.every((item) => passes(item)) : passes(value);
}

/** Longer texts are compared as a whole: to search one in another may take the product of their lengths. */
const searchable = 1e9;

/** Whether a text, or a list of texts or messages, only repeats what the messages say. */
function isCopy(value: unknown, contents: readonly string[]): boolean {
  if (typeof value === 'string') {
    const text = value.trim();
    return contents.some(
      (content) => content === value || (text.length * content.length < searchable && content.includes(text)),
    );
  }
  if (!Array.isArray(value)) return false;
  const said = new Set(contents);
  return value.every((item: unknown) => {
    if (typeof item === 'string') return said.has(item);
    const { content, value: text } = (item ?? {}) as { content?: unknown; value?: unknown };
    return [content, text].some((one) => typeof one === 'string' && said.has(one));
  });
}
