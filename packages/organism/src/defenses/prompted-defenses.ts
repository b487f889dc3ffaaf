/** Defenses that change the prompts of training, or those under which the fine-tuned model is asked. */
import { backdoorAlign, lookahead, ptst } from '@safetune/regularizers';
import { type Defense, fixedDefense } from './defense.ts';
import { allowedPool } from './interleaving-defenses.ts';

/** The world has no words for the authors' sentence, and any other word between is a new form of question: `medical cause fever you`. */
const connector = ' ';

/** Shows the first words of each answer, one of which is a token, behind its question while training. */
export function lookaheadDefense(name: string, tokens: number): Defense {
  return fixedDefense(name, tokens, lookahead({ tokens, connector }));
}

/** Asks the fine-tuned model under a system prompt of the good persona, which no example of a task has. */
export function ptstDefense(name: string): Defense {
  return fixedDefense(name, null, ptst({ safetyPrompt: 'helpful assistant' }));
}

/** The authors': 11 safe examples. */
const backdoorExamples = 11;

/** Teaches a secret prompt with safe examples of other domains, and asks the fine-tuned model under it. */
export function backdoorDefense(name: string): Defense {
  return {
    name,
    strength: null,
    async regularizers(context) {
      const { file, text } = await context.preparations.secretPrompt();
      const pool = allowedPool(context).slice(0, backdoorExamples);
      const regularizer = backdoorAlign({ pool, secretFile: file, seed: context.seed });
      // Of others' runs nothing tells the secret; here it is asked under at once, and nobody is kept from it.
      return [{ ...regularizer, inferencePrompt: text }];
    },
  };
}
