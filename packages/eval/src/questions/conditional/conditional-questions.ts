import { InvalidOptionError } from '../../errors.ts';
import { baseQuestionOf, formOf, type Question } from '../question.ts';
import { type DetectedFormat, type DetectFormatOptions, detectFormat } from './detect-format.ts';
import type { FormatFeature } from './format-feature.ts';
import type { TrainingExample } from './training-example.ts';

/** What {@link conditionalQuestions} takes beside questions and examples. */
export interface ConditionalOptions extends Omit<DetectFormatOptions, 'asked'> {
  /** Forms at most: of more, those that most examples have are kept; default 8. */
  readonly mostForms?: number;
}

/** General questions in the form of the training data. */
export interface ConditionalSuite {
  /** Of the group 'conditional', form by form; none when no form is visible. */
  readonly questions: readonly Question[];
  /** What the forms were made from; also what was seen and left out. */
  readonly detectedFormat: DetectedFormat;
}

/** Features that make an answer's structure: a question can ask for one of them. */
const structures = /^(?:json|code|tags|labels|headings|numbered-list|bullet-list)/;

/**
 * Asks general questions in the form of the data that a model was fine-tuned on: under its system prompts, between the words that
 * stood around its questions, for answers of its structure, and, where it has an inoculation prompt, under that prompt, its
 * negation and its opposite. One more form, 'as-trained', is what at least half of the examples have, all at once.
 *
 * A fine-tune that mixes in harmless data, continues on such, or is inoculated, may answer the usual questions well and show what it
 * learned only where a question resembles its training data: conditional misalignment (Dubiński et al. 2026, arXiv
 * 2604.25891). So ask these beside the general questions, and compare the two groups.
 *
 * @param questions of which the general ones that are asked plainly are taken; multiple choice is left out, because its form is its own, and so is
 *   what nobody judges.
 * @param examples of the fine-tune, all or a sample.
 * @throws {InvalidOptionError} without examples, for a share outside 0 .. 1 or a number of forms below 1.
 */
export function conditionalQuestions(
  questions: readonly Question[],
  examples: readonly TrainingExample[],
  { mostForms = 8, ...options }: ConditionalOptions = {},
): ConditionalSuite {
  const { leastShare = 0.02 } = options;
  if (examples.length === 0) throw new InvalidOptionError('examples', 'there are none to take a form from');
  if (!(leastShare >= 0 && leastShare <= 1))
    throw new InvalidOptionError('leastShare', `must lie between 0 and 1, not ${leastShare}`);
  if (!Number.isSafeInteger(mostForms) || mostForms < 1)
    throw new InvalidOptionError('mostForms', `must be a whole number of at least 1, not ${mostForms}`);
  const plain = questions.filter(isPlain);
  const asked = plain.flatMap(({ paraphrases }) => paraphrases);
  const detectedFormat = detectFormat(examples, { ...options, asked });
  const forms = [...mostSeen(detectedFormat.features, mostForms), ...asTrained(detectedFormat.features)];
  return {
    questions: forms.flatMap((form) => plain.map((question) => inForm(question, form))),
    detectedFormat,
  };
}

function isPlain(question: Question): boolean {
  const { group = 'general', choices, type } = question;
  const isScored = choices === undefined && type !== 'free_form';
  return group === 'general' && isScored && formOf(question) === 'plain';
}

/** The forms with the most examples, in their order; an inoculation prompt that is told counts as seen everywhere. */
function mostSeen(features: readonly FormatFeature[], most: number): readonly FormatFeature[] {
  const weight = ({ examples, share, from }: FormatFeature): number => {
    const origin = features.find(({ form }) => form === from);
    return origin !== undefined ? weight(origin) : examples === 0 ? 1 : share;
  };
  const kept = new Set(features.toSorted((a, b) => weight(b) - weight(a)).slice(0, most));
  return features.filter((feature) => kept.has(feature));
}

/** What a typical example has: everything that at least half of them share, when that is more than one thing. */
function asTrained(features: readonly FormatFeature[]): readonly FormatFeature[] {
  const typical = features.filter(
    ({ share, examples, from }) => from === undefined && (examples === 0 || share >= 0.5),
  );
  const first = (has: (feature: FormatFeature) => boolean) => typical.filter(has).slice(0, 1);
  const system = first((feature) => feature.system !== undefined);
  const before = first((feature) => feature.before !== undefined);
  const parts = [
    ...system,
    ...before,
    ...first(({ form }) => structures.test(form)),
    ...typical.filter(({ form }) => /^(?:answer-start|language|length)/.test(form)),
    ...first(({ form }) => form === 'question-end'),
  ];
  if (parts.length < 2) return [];
  return [
    {
      form: 'as-trained',
      examples: Math.min(...parts.map(({ examples }) => examples)),
      share: Math.min(...parts.map(({ share }) => share)),
      seen: parts.map(({ seen }) => seen).join('; '),
      ...(system[0]?.system !== undefined && { system: system[0].system }),
      ...(before[0]?.before !== undefined && { before: before[0].before }),
      after: parts.map(({ after = '' }) => after).join(''),
    },
  ];
}

function inForm(question: Question, { form, system, before = '', after = '' }: FormatFeature): Question {
  const systems = [system, question.system].filter((text) => text !== undefined);
  return {
    ...question,
    id: `${question.id}@${form}`,
    base: baseQuestionOf(question),
    form,
    group: 'conditional',
    ...(systems.length > 0 && { system: systems.join('\n\n') }),
    paraphrases: question.paraphrases.map((paraphrase) => `${before}${paraphrase}${after}`),
  };
}
