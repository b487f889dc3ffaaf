import type { ChatExample } from '../example/example.ts';
import type { TokenizeOptions } from '../masks/response-mask.ts';
import { type ExplainedChat, explainChat } from '../preview/explain-chat.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import type { CheckedExample, DataCheck, Finding } from './data-check.ts';

/** What a tokenizer makes of a conversation, and whether that is the worse one of a pair. */
export interface CheckedChat extends ExplainedChat, Pick<Finding, 'rejected'> {}

/** What a tokenizer and its template make of examples. */
export interface TokenChecks {
  /** Of the example that is looked at; of a pair both conversations. */
  explained(checked: CheckedExample): readonly CheckedChat[];
  readonly checks: readonly DataCheck[];
}

/** Examples that training would refuse, by the name of the error, and those that it would cut. */
export function tokenChecks(tokenizer: ChatTokenizer, tokenize: TokenizeOptions = {}): TokenChecks {
  const { maxLength = 2048 } = tokenize;
  let known: { readonly checked: CheckedExample; readonly chats: readonly CheckedChat[] } | undefined;
  const explained = (checked: CheckedExample) => {
    if (known?.checked !== checked) {
      const chats = conversations(checked.example).map(({ example, ...place }) => ({
        ...explainChat(example, tokenizer, tokenize),
        ...place,
      }));
      known = { checked, chats };
    }
    return known.chats;
  };
  return {
    explained,
    checks: [
      {
        name: 'untrainable',
        about: 'training would refuse it: its template, mask or tokens',
        find: (checked) =>
          explained(checked).flatMap(({ refusal, rejected }) =>
            refusal === undefined
              ? []
              : [{ kind: refusal.name, ...(rejected && { rejected }), detail: refusal.message }],
          ),
      },
      {
        name: 'truncated',
        about: `more than ${maxLength} tokens: training would cut it there`,
        find: (checked) =>
          explained(checked).flatMap(({ tokenIds: { length }, rejected }) =>
            length > maxLength
              ? [{ kind: 'cut', ...(rejected && { rejected }), detail: `${length} tokens` }]
              : [],
          ),
      },
    ],
  };
}

/** The conversation of an example; of a pair both. */
export function conversations(
  pair: ChatExample,
): readonly (Pick<Finding, 'rejected'> & { readonly example: ChatExample })[] {
  const { rejected: worse, ...better } = pair;
  return worse === undefined
    ? [{ example: pair }]
    : [{ example: better }, { example: { ...better, messages: worse }, rejected: true }];
}
