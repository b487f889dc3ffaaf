import { loadDataset, messageText } from '@safetune/datasets';
import { builtinQuestions, conditionalQuestions, loadQuestions, type Question } from '@safetune/eval';
import { datasetFiles } from '../hub-names.ts';
import { note } from '../terminal/output.ts';
import { UsageError } from '../usage-error.ts';

/** What is asked. */
export const questionOptionDefinitions = {
  questions: {
    type: 'string',
    path: 'input',
    valueHint: 'FILE|builtin',
    description:
      'general questions with their judge prompts (YAML, JSON, JSONL or CSV; docs/questions.md), or builtin: thirty of ' +
      'our own in three forms each',
  },
  'domain-questions': {
    type: 'string',
    path: 'input',
    valueHint: 'FILE',
    description: 'questions of the domain that was trained, whose rates are given apart',
  },
  'trained-on': {
    type: 'string',
    path: 'input',
    valueHint: 'FILE',
    description:
      'the data that was trained on: the general questions are also asked in its visible form (its system prompt, the form ' +
      'of its answers), as a group of their own',
  },
} as const;

type QuestionArguments = { readonly [Name in keyof typeof questionOptionDefinitions]?: string | undefined };

/**
 * The questions that were given, in their groups; undefined when none were. What was seen of the form of the training data is told
 * on stderr.
 *
 * @throws UsageError for questions of a group without general ones, or one id in two groups.
 */
export async function givenQuestions(args: QuestionArguments): Promise<readonly Question[] | undefined> {
  const { questions: named, 'domain-questions': domain, 'trained-on': trainedOn } = args;
  if (named === undefined) {
    const [lone] = [domain && '--domain-questions', trainedOn && '--trained-on'].filter(Boolean);
    if (lone !== undefined) throw new UsageError(`${lone} stands beside general questions: --questions`);
    return undefined;
  }
  const general = named === 'builtin' ? builtinQuestions() : await loadQuestions(named);
  const inDomain = domain === undefined ? [] : await loadQuestions(domain);
  const questions = [
    ...general,
    ...inDomain.map((question): Question => ({ ...question, group: question.group ?? 'domain' })),
    ...(trainedOn === undefined ? [] : await inTrainedForm(general, trainedOn)),
  ];
  const twice = questions.find(({ id }, index) => questions.findIndex((other) => other.id === id) !== index);
  if (twice !== undefined)
    throw new UsageError(`question '${twice.id}' is in two of the files; ids must be unique among them`);
  return questions;
}

async function inTrainedForm(general: readonly Question[], file: string): Promise<readonly Question[]> {
  const examples = await loadDataset(file, { resolve: datasetFiles });
  const { questions, detectedFormat } = conditionalQuestions(
    general,
    examples.map(({ messages }) => ({
      messages: messages.map((message) => ({ role: message.role, content: messageText(message) })),
    })),
  );
  const features = detectedFormat.features.map(({ form, seen }) => `  ${form}: ${seen}`);
  note(`${[detectedFormat.told, ...features].join('\n')}\n`);
  return questions;
}
