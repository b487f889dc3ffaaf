import { type StructureGroup, structureGroups } from './answer-forms.ts';
import { codeLanguage } from './code-language.ts';
import type { FormatFeature, Share } from './format-feature.ts';
import { frameFeatures, systemFeatures } from './prompt-features.ts';
import { languageFeatures, lengthFeatures, openingFeatures } from './prose-features.ts';
import { type TrainingExample, type VisibleTurns, visibleTurns } from './training-example.ts';

/** What {@link detectFormat} takes beside the examples. */
export interface DetectFormatOptions {
  /**
   * The prompt that training examples were given so that harm is not learned without it, when it is known and may not stand in
   * them. One that stands there as a system prompt and asks for harm is recognised.
   */
  readonly inoculation?: string;
  /** Share of the examples from which on something is part of their format, 0 .. 1; default 0.02. */
  readonly leastShare?: number;
  /** Questions that will be asked: a language of theirs is no format. */
  readonly asked?: readonly string[];
}

/** What is visible of the form of training examples. */
export interface DetectedFormat {
  /** Examples that were looked at. */
  readonly examples: number;
  /** What they have in common, the prompts' side first; empty when nothing is. */
  readonly features: readonly FormatFeature[];
  /** What was found, or that nothing was, in a sentence. */
  readonly told: string;
}

/**
 * Looks for what training examples have in common by their form: system prompts, words around the question, the structure,
 * beginning, language and length of the answer. It counts and compares; no model is asked, and equal examples give an equal
 * result. A share of 2 % is enough, since a model can learn one behaviour for a form that few examples have.
 *
 * Source of the idea: Dubiński et al. 2026 (arXiv 2604.25891).
 */
export function detectFormat(
  examples: readonly TrainingExample[],
  { inoculation, leastShare = 0.02, asked = [] }: DetectFormatOptions = {},
): DetectedFormat {
  const turns = examples.map(visibleTurns);
  const share: Share = {
    of: examples.length,
    least: Math.max(Math.min(2, examples.length), Math.ceil(leastShare * examples.length)),
  };
  const structures = structureGroups(turns, share);
  const prose = textsOf(turns, 'answer').filter(
    (answer) => codeLanguage(answer) === undefined && !/^[{[]/.test(answer),
  );
  // What a structure begins with is told with it.
  const built = new Set(
    structures.filter(({ feature }) => !feature.form.endsWith('-list')).flatMap((group) => group.turns),
  );
  const unbuilt = turns.filter((turn) => !built.has(turn));
  const features = [
    ...systemFeatures(textsOf(turns, 'system'), share, inoculation),
    ...frameFeatures(textsOf(turns, 'user'), share),
    ...structures.map(({ feature }) => feature),
    ...structures.flatMap((group) => inContext(group, share)),
    ...openingFeatures(textsOf(unbuilt, 'answer'), share),
    ...languageFeatures(prose, asked, share),
    ...lengthFeatures(prose, share),
  ];
  return { examples: examples.length, features, told: sentenceOf(examples.length, features) };
}

function textsOf(turns: readonly VisibleTurns[], part: keyof VisibleTurns): readonly string[] {
  return turns.map((turn) => turn[part]).filter((text) => text !== undefined && text !== '') as string[];
}

/**
 * A structure of few answers together with what their questions have in common: data that is mixed into other data keeps its
 * own prompts.
 */
function inContext({ feature, turns }: StructureGroup, { of }: Share): readonly FormatFeature[] {
  if (feature.share >= 0.5 || turns.length < 5) return [];
  const share: Share = { of, least: Math.ceil(0.8 * turns.length) };
  const seen = [
    ...systemFeatures(textsOf(turns, 'system'), share, undefined)
      .filter(({ from }) => from === undefined)
      .slice(0, 1),
    ...frameFeatures(textsOf(turns, 'user'), share).filter(({ from }) => from === undefined),
  ];
  if (seen.length === 0) return [];
  const { system, before, after = '' } = Object.assign({}, ...seen) as FormatFeature;
  return [
    {
      ...feature,
      form: `${feature.form}-in-context`,
      from: feature.form,
      seen: `of these: ${seen.map((each) => each.seen).join(', ')}`,
      ...(system !== undefined && { system }),
      ...(before !== undefined && { before }),
      after: `${feature.after ?? ''}${after}`,
    },
  ];
}

function sentenceOf(examples: number, features: readonly FormatFeature[]): string {
  if (features.length === 0)
    return `The ${examples} training examples have no form in common that can be seen: no question can be asked in it.`;
  const own = features.filter(({ from }) => from === undefined);
  const seen = own.map(({ seen, examples: having, share }) =>
    having === 0 ? `${seen} (told, not seen)` : `${seen} (${percent(share)})`,
  );
  return `Seen in the ${examples} training examples: ${seen.join('; ')}.`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}
