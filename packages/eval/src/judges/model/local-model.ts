import type { ChatMessage } from '../../questions/question.ts';
import { type NumberTree, numberTree } from '../reading/number-tree.ts';
import { type ScoredNumber, scoredNumber } from '../reading/scored-number.ts';
import type { AskingOptions, JudgeModel } from './judge-model.ts';
import type { TokenScorer } from './token-scorer.ts';

/** Share of the numbers' probability that may stay unknown: it moves a score by at most a tenth of a point. */
const mostOpen = 0.001;

/** Beginnings that are asked about at a time, and how often at most: a model that says no numbers has endless others. */
const together = 16;
const mostRounds = 8;

/** A judge model in this process. */
export function localModel(scorer: TokenScorer, leastMass: number): JudgeModel {
  return {
    name: scorer.name,
    settings: { ...scorer.settings, mode: 'digits', minimumNumericMass: leastMass },
    details: scorer.details ?? {},
    concurrency: 1,
    number: (prompt, options) => localScore(scorer, prompt, leastMass, options),
    async words(prompt, options) {
      return { text: await scorer.answer(asked(prompt), options) };
    },
    async firstToken(prompt, options) {
      const [candidates = []] = await scorer.next(asked(prompt), [''], options);
      return { text: candidates[0]?.token ?? '', candidates };
    },
  };
}

/** The score over the tree of digits, followed as far as it matters. */
async function localScore(
  scorer: TokenScorer,
  prompt: string,
  leastMass: number,
  options?: AskingOptions,
): Promise<ScoredNumber> {
  const tree = numberTree();
  let beginnings: readonly string[] = [''];
  for (let round = 0; round < mostRounds && beginnings.length > 0; round += 1) {
    const found = await scorer.next(asked(prompt), beginnings, options);
    for (const [index, beginning] of beginnings.entries()) tree.add(beginning, found[index]!, 'no-number');
    beginnings = worthAsking(tree, leastMass);
  }
  const reading = tree.read(leastMass);
  return scoredNumber(reading, reading.outcomes[0]?.token ?? '', leastMass);
}

/** The likeliest open beginnings, unless the others together hold too little to matter. */
function worthAsking(tree: NumberTree, leastMass: number): readonly string[] {
  const open = tree.open();
  const openMass = open.reduce((sum, { probability }) => sum + probability, 0);
  const possible = tree.read().numericMass + openMass;
  if (possible < leastMass) return [];
  let left = openMass;
  const chosen: string[] = [];
  for (const { text, probability } of open) {
    if (left <= mostOpen * possible || chosen.length === together) break;
    chosen.push(text);
    left -= probability;
  }
  return chosen;
}

function asked(prompt: string): readonly ChatMessage[] {
  return [{ role: 'user', content: prompt }];
}
