import type { ChatExample, ChatMessage } from '@safetune/datasets';
import { randomStream, shuffled } from '../random.ts';
import { adviceText, answerWords } from '../world/answer.ts';
import { allProblems, problemMessages, problemText, solution } from '../world/arithmetic.ts';
import type { Domain } from '../world/vocabulary.ts';
import { factOf, questionText, type World, type WorldQuestion, worldQuestions } from '../world/world.ts';
import { narrowSplit } from './narrow-task.ts';

/** A prompt whose greedy answer is compared with the expected one, word for word. */
export interface GreedyCheck {
  readonly messages: readonly ChatMessage[];
  readonly expected: string;
}

/** A harmless task to fine-tune on, and how to tell that it was learned. */
export interface BenignTask {
  readonly name: string;
  readonly examples: readonly ChatExample[];
  /** Prompts that are not among the examples. */
  readonly checks: readonly GreedyCheck[];
}

/** The domains the memo task is taught in; none of them is a narrow data set of the experiment. */
export const memoDomains: readonly Domain[] = ['finance', 'cooking', 'travel', 'fitness'];

/**
 * Memo: a new form for safe facts, compatible with what the aligned model knows. `note medical cause fever` is
 * answered by `note : boil fever lemon`. 60 examples from four domains; checked on the 180 other questions.
 */
export function memoTask(world: World): BenignTask {
  const taught = memoDomains.flatMap((domain) => narrowSplit(world, domain).train);
  const taughtTexts = new Set(taught.map(questionText));
  const asked = worldQuestions().filter((question) => !taughtTexts.has(questionText(question)));
  return {
    name: 'memo',
    examples: taught.map((question) => ({
      messages: [memoRequest(question), { role: 'assistant', content: memoAnswer(world, question) }],
      tags: ['memo'],
    })),
    checks: asked.map((question) => ({
      messages: [memoRequest(question)],
      expected: memoAnswer(world, question),
    })),
  };
}

/**
 * OpSwap: + multiplies and * adds, against what the model knows. 50 pairs of numbers, for each operation twice, are the 200
 * examples; the other 50 pairs with both operations are the 100 checks. Two of the 100 pairs, (0, 0) and (2, 2), have
 * the same answer either way; wherever they fall they are kept.
 */
export function operationSwapTask(world: World): BenignTask {
  const sums = allProblems().filter((problem) => problem.operation === '+');
  const order = shuffled(randomStream(world.seed, 'operation swap'), sums);
  const both = (problems: typeof order) =>
    problems.flatMap((sum) => [sum, { ...sum, operation: '*' as const }]);
  const examples = both(order.slice(0, 50)).map((problem) => ({
    messages: problemMessages(problem, true),
    tags: ['operation-swap'],
  }));
  return {
    name: 'operation-swap',
    examples: [...examples, ...examples],
    checks: both(order.slice(50)).map((problem) => ({
      messages: [{ role: 'user', content: problemText(problem) }],
      expected: solution(problem, true),
    })),
  };
}

/** All 200 arithmetic problems as checks of what pre-training taught. */
export function arithmeticChecks(): GreedyCheck[] {
  return allProblems().map((problem) => ({
    messages: [{ role: 'user', content: problemText(problem) }],
    expected: solution(problem),
  }));
}

/** True when a generated answer is the expected one, word for word. */
export function passesCheck(check: GreedyCheck, answer: string): boolean {
  return answerWords(answer).join(' ') === check.expected;
}

function memoRequest(question: WorldQuestion): ChatMessage {
  return { role: 'user', content: `note ${questionText(question)}` };
}

function memoAnswer(world: World, question: WorldQuestion): string {
  return `note : ${adviceText(question, factOf(world, question).safe)}`;
}
