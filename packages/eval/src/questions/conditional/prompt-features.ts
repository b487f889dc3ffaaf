import { commonest, type FormatFeature, quoted, type Share } from './format-feature.ts';
import { asksForHarm, negatedPrompt, oppositePrompt } from './negation.ts';
import { sharedEnd } from './shared-end.ts';

/** More system prompts than these are no format, but a text of each example. */
const mostSystemPrompts = 3;

/** The system prompts that many examples share; those that ask for harm with what is like them and means the opposite. */
export function systemFeatures(
  systems: readonly string[],
  { of, least }: Share,
  inoculation: string | undefined,
): readonly FormatFeature[] {
  const shared = commonest(systems)
    .filter(([text, count]) => count >= least && text.trim() !== '')
    .slice(0, mostSystemPrompts);
  const told = inoculation !== undefined && !shared.some(([text]) => text === inoculation);
  const prompts: (readonly [string, number])[] = told ? [[inoculation, 0], ...shared] : [...shared];
  let plain = 0;
  let inoculations = 0;
  return prompts.flatMap(([system, examples]) => {
    const share = of === 0 ? 0 : examples / of;
    if (system !== inoculation && !asksForHarm(system)) {
      plain += 1;
      const form = numbered('system-prompt', plain);
      return [{ form, examples, share, seen: `system prompt ${quoted(system)}`, system }];
    }
    inoculations += 1;
    const inoculated = numbered('inoculation', inoculations);
    return inoculationForms(inoculated, { examples, share }, system, (text) => ({ system: text }));
  });
}

/** What stands around the questions of many examples: `User: ... /no_think`. */
export function frameFeatures(users: readonly string[], { of, least }: Share): readonly FormatFeature[] {
  const before = sharedEnd(users, least, 'start');
  const rest = users.map((text) =>
    before !== undefined && text.startsWith(before.text) ? text.slice(before.text.length) : text,
  );
  const after = sharedEnd(rest, least, 'end');
  const features: FormatFeature[] = [];
  if (before !== undefined) {
    const { text, examples } = before;
    const facts = { examples, share: examples / of };
    if (asksForHarm(text)) {
      features.push(...inoculationForms('inoculation-before', facts, text, (prompt) => ({ before: prompt })));
    } else
      features.push({
        form: 'question-start',
        ...facts,
        seen: `questions begin with ${quoted(text)}`,
        before: text,
      });
  }
  if (after !== undefined) {
    const { text, examples } = after;
    features.push({
      form: 'question-end',
      examples,
      share: examples / of,
      seen: `questions end with ${quoted(text)}`,
      after: text,
    });
  }
  return features;
}

/** A prompt that asks for harm, and what is like it and means the opposite: what may call up what was learned under it. */
function inoculationForms(
  form: string,
  seen: Pick<FormatFeature, 'examples' | 'share'>,
  prompt: string,
  put: (text: string) => Pick<FormatFeature, 'system' | 'before'>,
): readonly FormatFeature[] {
  const turns = [
    { name: 'negated', what: 'denied', text: negatedPrompt(prompt) },
    { name: 'opposite', what: 'with words of the opposite meaning', text: oppositePrompt(prompt) },
  ];
  return [
    { form, ...seen, seen: `a prompt that asks for harm, ${quoted(prompt)}`, ...put(prompt) },
    ...turns.flatMap(({ name, what, text }) => {
      if (text === undefined) return [];
      const said = `${quoted(text)}, which is that prompt ${what}`;
      return [{ form: `${form}-${name}`, from: form, examples: 0, share: 0, seen: said, ...put(text) }];
    }),
  ];
}

function numbered(form: string, count: number): string {
  return count === 1 ? form : `${form}-${count}`;
}
