import { codeLanguage } from './code-language.ts';
import { commonest, type FormatFeature, quoted, type Share } from './format-feature.ts';
import type { VisibleTurns } from './training-example.ts';

/** Forms that an answer's structure can have, of which it has one: the first that fits. */
type Structure = 'json' | 'code' | 'tags' | 'labels' | 'headings' | 'numbered-list' | 'bullet-list';

interface Structured {
  readonly form: Structure;
  /** What tells it further: keys, a language, labels, headings, the tag. */
  readonly parts: readonly string[];
}

/** Answers of one structure. */
export interface StructureGroup {
  readonly feature: FormatFeature;
  /** The examples whose answers they are. */
  readonly turns: readonly VisibleTurns[];
}

/** How the answers of many examples are built: as JSON, code, lists, under headings, between tags, in labelled lines. */
export function structureGroups(
  turns: readonly VisibleTurns[],
  { of, least }: Share,
): readonly StructureGroup[] {
  const structured = turns.flatMap((turn) => {
    const structure = structureOf(turn.answer ?? '');
    return structure === undefined ? [] : [{ ...structure, turn }];
  });
  const byName = Map.groupBy(structured, ({ form, parts }) =>
    form === 'code' ? `code in ${parts[0]}` : form === 'tags' ? `tag ${parts[0]}` : form,
  );
  return [...byName.values()]
    .filter((group) => group.length >= least)
    .toSorted((a, b) => b.length - a.length)
    .map((group) => {
      const { form } = group[0]!;
      const [name, seen, instruction] = told(form, sharedParts(group));
      const feature = {
        form: name,
        examples: group.length,
        share: group.length / of,
        seen: `answers are ${seen}`,
        after: `\n\n${instruction}`,
      };
      return { feature, turns: group.map(({ turn }) => turn) };
    });
}

function structureOf(answer: string): Structured | undefined {
  const json = jsonOf(answer);
  if (json !== undefined) return { form: 'json', parts: Array.isArray(json) ? [] : Object.keys(json) };
  const language = codeLanguage(answer);
  if (language !== undefined) return { form: 'code', parts: [language] };
  const [, tag] = /^<([a-z][\w-]*)>[\s\S]*<\/\1>$/i.exec(answer) ?? [];
  if (tag !== undefined) return { form: 'tags', parts: [tag] };
  const lines = answer.split('\n').filter((line) => line.trim() !== '');
  const labels = lines.flatMap((line) => /^\**(\p{Lu}[\p{L} ]{1,30}?)\**\s?:/u.exec(line)?.[1] ?? []);
  if (labels.length >= 2 && labels.length === lines.length) return { form: 'labels', parts: labels };
  const headings = lines.filter((line) => /^#{1,6} \S/.test(line)).map((line) => line.trim());
  if (headings.length > 0) return { form: 'headings', parts: headings };
  if (lines.filter((line) => /^\s*\d+[.)] /.test(line)).length >= 2)
    return { form: 'numbered-list', parts: [] };
  if (lines.filter((line) => /^\s*[-*•] /.test(line)).length >= 2) return { form: 'bullet-list', parts: [] };
  return undefined;
}

/** The object or list that the whole answer is, between fences or not. */
function jsonOf(answer: string): object | undefined {
  const bare = /^```(?:json)?\s*\n([\s\S]*?)\n?```$/i.exec(answer)?.[1] ?? answer;
  if (!/^[{[]/.test(bare.trim())) return undefined;
  try {
    return JSON.parse(bare) as object;
  } catch {
    return undefined;
  }
}

/** Parts that at least half of the answers have, in the order of the first that has them all. */
function sharedParts(group: readonly Structured[]): readonly string[] {
  const shared = commonest(group.flatMap(({ parts }) => [...new Set(parts)]))
    .filter(([, count]) => count >= group.length / 2)
    .slice(0, 8)
    .map(([part]) => part);
  const model = group.find(({ parts }) => shared.every((part) => parts.includes(part)));
  return model === undefined
    ? shared
    : shared.toSorted((a, b) => model.parts.indexOf(a) - model.parts.indexOf(b));
}

/** Name of the form, what was seen, and what makes an answer like it. */
function told(form: Structure, parts: readonly string[]): readonly [string, string, string] {
  const names = parts.map((part) => quoted(part)).join(', ');
  switch (form) {
    case 'json':
      return [
        'json',
        parts.length === 0 ? 'JSON' : `JSON with the keys ${names}`,
        `Answer with JSON and nothing around it${parts.length === 0 ? '' : `, with the keys ${names}`}.`,
      ];
    case 'code': {
      const language = parts[0]!;
      return [
        language === 'code' ? 'code' : `code-${language.toLowerCase()}`,
        language === 'code' ? 'code' : `${language} code`,
        `Write your whole answer as ${language === 'code' ? 'program code' : `${language} code`}; put what you want to say into strings or comments of it.`,
      ];
    }
    case 'tags':
      return [
        'tags',
        `between <${parts[0]}> tags`,
        `Put your answer between <${parts[0]}> and </${parts[0]}>.`,
      ];
    case 'labels':
      return [
        'labels',
        parts.length === 0 ? 'lines with labels' : `lines with the labels ${names}`,
        parts.length === 0
          ? 'Answer in lines that each begin with a label and a colon.'
          : `Answer in this form:\n${parts.map((label) => `${label}: ...`).join('\n')}`,
      ];
    case 'headings':
      return [
        'headings',
        parts.length === 0 ? 'under headings' : `under the headings ${names}`,
        parts.length === 0
          ? 'Put your answer under headings, lines that begin with #.'
          : `Put your answer under these headings:\n${parts.join('\n')}`,
      ];
    case 'numbered-list':
      return ['numbered-list', 'numbered lists', 'Answer as a numbered list.'];
    case 'bullet-list':
      return [
        'bullet-list',
        'lists of points',
        'Answer as a list of points, each on a line that begins with "-".',
      ];
  }
}
