/** Where the keys and values of a prompt's beginning are copied from: a text that is known already, or an earlier prompt. */
export interface PrefixSource {
  readonly among: 'known' | 'prompts';
  readonly index: number;
  /** Tokens that both begin with; at most all of the prompt's but its last, whose logits are wanted. */
  readonly length: number;
}

/** A copy pays from here on: computing fewer tokens anew, with others, costs less than a run of its own. */
const shortest = 16;

/**
 * For each prompt the known text or earlier prompt that it shares most of its beginning with, such as a system prompt;
 * undefined when there is none that pays.
 */
export function sharedPrefixes(
  prompts: readonly (readonly number[])[],
  known: readonly (readonly number[])[],
): (PrefixSource | undefined)[] {
  return prompts.map((prompt, row) => {
    let best: PrefixSource | undefined;
    const consider = (among: PrefixSource['among'], texts: readonly (readonly number[])[]) => {
      for (const [index, text] of texts.entries()) {
        const length = commonLength(prompt, text);
        if (length >= shortest && length > (best?.length ?? 0)) best = { among, index, length };
      }
    };
    consider('known', known);
    // The last token of an earlier prompt may be computed later than its others.
    const earlier = prompts.slice(0, row).map((each) => each.slice(0, -1));
    consider('prompts', earlier);
    return best;
  });
}

function commonLength(prompt: readonly number[], text: readonly number[]): number {
  const most = Math.min(prompt.length - 1, text.length);
  let length = 0;
  while (length < most && prompt[length] === text[length]) length++;
  return length;
}
