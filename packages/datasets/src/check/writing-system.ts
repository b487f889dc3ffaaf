/** Scripts by their name in Unicode, as a report shows them. */
const scripts: readonly (readonly [name: string, letter: RegExp])[] = (
  [
    ['Latin'],
    ['Cyrillic'],
    ['Greek'],
    ['Arabic'],
    ['Hebrew'],
    ['Devanagari'],
    ['Bengali'],
    ['Tamil'],
    ['Telugu'],
    ['Thai'],
    ['Hangul'],
    ['Kana', 'Hiragana', 'Katakana'],
    ['Han'],
    ['Georgian'],
    ['Armenian'],
    ['Ethiopic'],
  ] as const
).map(([name, ...parts]) => [
  name,
  new RegExp((parts.length > 0 ? parts : [name]).map((part) => `\\p{Script=${part}}`).join('|'), 'gu'),
]);

/** Characters of a text that are looked at. */
const looked = 2000;

/**
 * The script of most letters at the beginning of a text, such as `Latin`; `Japanese` where every tenth character is kana;
 * `other` for scripts without a name here, and texts without letters.
 */
export function writingSystem(text: string): string {
  const beginning = text.slice(0, looked);
  const counts = new Map(scripts.map(([name, letter]) => [name, beginning.match(letter)?.length ?? 0]));
  const kana = counts.get('Kana') ?? 0;
  const japanese = kana + (counts.get('Han') ?? 0);
  const [most, count] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
  if (count === 0) return 'other';
  return (most === 'Han' || most === 'Kana') && kana * 10 >= japanese ? 'Japanese' : most;
}
