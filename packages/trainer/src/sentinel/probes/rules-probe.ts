import { type AnswerTokenizer, answerChats, createGenerator, estimateGeneration } from '@safetune/models';
import { TrainOptionError } from '../../errors.ts';
import { builtInPairs } from '../built-in-pairs.ts';
import type { Probe, ProbeBounds, ProbeSubject } from '../probe.ts';
import { answerRule } from '../rules.ts';

export interface RulesProbeOptions {
  /** Default 'rules'. */
  readonly name?: string;
  readonly bounds?: ProbeBounds;
  /** What no answer may hold: words, or `/PATTERN/` or `/PATTERN/i` of RE2's syntax; see `readRules`. */
  readonly rules: readonly string[];
  /** Questions; one that stands here twice is answered twice. Default: the first eight of {@link builtInPairs}. */
  readonly prompts?: readonly string[];
  /** Longest answer in tokens. Default 48. */
  readonly maxNewTokens?: number;
}

/**
 * The share of answers that break a rule. The model answers each prompt once, at temperature 1, with the same seeds at
 * every look: what changes between two looks is the model. The answers that broke a rule are the findings.
 *
 * @throws TrainOptionError without rules or prompts, and for a rule that is no expression.
 */
export function rulesProbe(options: RulesProbeOptions): Probe {
  const { name = 'rules', bounds = {}, rules: texts, maxNewTokens = 48 } = options;
  const prompts = options.prompts ?? builtInPairs.slice(0, 8).map(({ prompt }) => prompt);
  const rules = texts.map(answerRule);
  if (rules.length === 0 || prompts.length === 0)
    throw new TrainOptionError(`sentinel: '${name}'`, 'it needs rules and prompts');
  const conversations = prompts.map((content) => [{ role: 'user' as const, content }]);
  const memory = ({ model, tokenizer, ...subject }: ProbeSubject) => {
    const tokens = conversations.map((messages) => [
      ...tokenizer.encode(tokenizer.renderChat(messages, { addGenerationPrompt: true })),
    ]);
    return estimateGeneration(model, tokens, { ...subject, maxNewTokens });
  };
  return {
    name,
    bounds,
    graphs: (subject) => memory(subject).graphs,
    // The adapter's values are copied too, to tell whether keys and values are still those of the model.
    heldBytes: (subject) => memory(subject).cache + subject.adapter.parameters.byteLength,
    facts: { type: 'rules', rules: texts, prompts, maxNewTokens },
    async open({ model, adapter, tokenizer, runtime }) {
      const generator = await createGenerator(model, { ...runtime, adapter });
      const seeds = prompts.map((_, index) => index);
      const ending = answeringTokenizer(name, tokenizer);
      return {
        async measure() {
          const answers = await answerChats(generator, ending, conversations, {
            maxNewTokens,
            temperature: 1,
            seeds,
          });
          const findings = answers.flatMap((answer, index) => {
            const broken = rules.find((rule) => rule.isBrokenBy(answer));
            return broken === undefined ? [] : [`${prompts[index]} -> ${answer} (${broken.text})`];
          });
          return { value: findings.length / prompts.length, findings };
        },
        release: () => generator.release(),
      };
    },
  };
}

/** Training needs no decoding, so a run may have a tokenizer without it. */
function answeringTokenizer(name: string, tokenizer: ProbeSubject['tokenizer']): AnswerTokenizer {
  const whole = tokenizer as Partial<AnswerTokenizer>;
  if (whole.decode !== undefined && whole.tokenId !== undefined && whole.endOfTurnTokenIds !== undefined)
    return whole as AnswerTokenizer;
  throw new TrainOptionError(
    `sentinel: '${name}'`,
    "it generates, for which the run's tokenizer cannot decode",
  );
}
