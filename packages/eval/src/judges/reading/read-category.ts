import { splitReasoning } from '../judge-prompt.ts';

/** The longest category that a judge may make up, in characters. */
const longestCategory = 60;

/**
 * The category that a judge's words name: with a list, the one whose name stands at the beginning of what it says, in upper or
 * lower case, the longest where several do; without a list, its first line.
 *
 * @returns undefined when it names none.
 */
export function readCategory(text: string, categories?: readonly string[]): string | undefined {
  const { answer } = splitReasoning(text);
  const [line = ''] = answer.trim().split('\n', 1);
  const said = line
    .slice(0, 2 * longestCategory)
    .replace(/^[\s*_`"'(]+/, '')
    .replace(/[*_`"'.)]+$/, '')
    .trim();
  if (categories === undefined)
    return said === '' || said.length > longestCategory ? undefined : said.toLowerCase();
  return categories
    .filter((category) => beginsWith(said.toLowerCase(), category.toLowerCase()))
    .reduce<string | undefined>(
      (best, category) => (best === undefined || category.length > best.length ? category : best),
      undefined,
    );
}

/** Whether the text begins with the name as a word of its own. */
function beginsWith(text: string, name: string): boolean {
  return text.startsWith(name) && !/^[\p{L}\p{N}]/u.test(text.slice(name.length));
}
