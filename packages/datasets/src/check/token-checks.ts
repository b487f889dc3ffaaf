import type { TokenizeOptions } from '../masks/response-mask.ts';
import { type ExplainedChat, explainChat } from '../preview/explain-chat.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import type { CheckedExample, DataCheck } from './data-check.ts';

/** What a tokenizer and its template make of examples. */
export interface TokenChecks {
  /** Of the example that is looked at. */
  explained(checked: CheckedExample): ExplainedChat;
  readonly checks: readonly DataCheck[];
}

/** Examples that training would refuse, by the name of the error, and those that it would cut. */
export function tokenChecks(tokenizer: ChatTokenizer, tokenize: TokenizeOptions = {}): TokenChecks {
  const { maxLength = 2048 } = tokenize;
  let known: { readonly checked: CheckedExample; readonly explained: ExplainedChat } | undefined;
  const explained = (checked: CheckedExample) => {
    if (known?.checked !== checked)
      known = { checked, explained: explainChat(checked.example, tokenizer, tokenize) };
    return known.explained;
  };
  return {
    explained,
    checks: [
      {
        name: 'untrainable',
        about: 'training would refuse it: its template, mask or tokens',
        find(checked) {
          const { refusal } = explained(checked);
          return refusal === undefined ? [] : [{ kind: refusal.name, detail: refusal.message }];
        },
      },
      {
        name: 'truncated',
        about: `more than ${maxLength} tokens: training would cut it there`,
        find(checked) {
          const { length } = explained(checked).tokenIds;
          return length > maxLength ? [{ kind: 'cut', detail: `${length} tokens` }] : [];
        },
      },
    ],
  };
}
