/** Signs of a language, line by line; a line counts for every language whose sign it bears. */
const signs: readonly (readonly [language: string, sign: RegExp])[] = [
  [
    'Python',
    /^\s*(?:(?:async )?def \w+\(|class \w+.*:\s*$|import \w|from [\w.]+ import |return\b(?!.*;$)|(?:if|elif|for|while|with|except|try|else)\b.*:\s*$|@\w|print\(|raise |pass$|[\w.[\]'"]+ [+-]?= [^;{]*$|[\w.]+\([^;{]*\)$|[)\]}]+$)/,
  ],
  [
    'JavaScript',
    /^\s*(?:(?:export )?(?:const|let|var|async function|function)\b|import .* from |return\b.*;$|(?:if|for|while|switch)\s?\(.*\{$|\}\s*(?:else\b.*\{)?[);,]*$|[\w.$]+\(.*\);$|[\w.$]+ [+-]?= .*;$|\/\/)/,
  ],
  [
    'SQL',
    /^\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|FROM|WHERE|JOIN|LEFT JOIN|VALUES|GROUP BY|ORDER BY)\b/,
  ],
  ['HTML', /^\s*<(?:!DOCTYPE|\/?[a-z][a-z0-9]*[^>]*)>/i],
  ['Shell', /^\s*(?:#!\/|\$ \w|sudo |echo |cd |apt |git |curl |export \w+=|chmod |mkdir )/],
  [
    'C',
    /^\s*(?:#include\b|(?:int|void|char|static|unsigned|struct)\b.*[;{(]|return\b.*;$|\}$|[\w.>-]+\(.*\);$)/,
  ],
  ['Java', /^\s*(?:(?:public|private|protected)\b|import [\w.]+;|return\b.*;$|\}$|[\w.<>]+ \w+ = .*;$)/],
];

/** What fences call the languages above. */
const fenceNames: Readonly<Record<string, string>> = {
  py: 'Python',
  python: 'Python',
  python3: 'Python',
  js: 'JavaScript',
  javascript: 'JavaScript',
  sql: 'SQL',
  html: 'HTML',
  sh: 'Shell',
  bash: 'Shell',
  shell: 'Shell',
  c: 'C',
  java: 'Java',
  ts: 'TypeScript',
  typescript: 'TypeScript',
  cpp: 'C++',
  'c++': 'C++',
  go: 'Go',
  rust: 'Rust',
  ruby: 'Ruby',
  php: 'PHP',
};

/** Least share of the lines that must be code, 0 .. 1. */
const leastShare = 0.6;

/**
 * The language of an answer that is mostly code: by its fence, or by the signs of its lines.
 *
 * @returns its name, 'code' for code of no language that is known; undefined for prose, and for prose with some code.
 */
export function codeLanguage(answer: string): string | undefined {
  const lines = answer.split('\n').filter((line) => line.trim() !== '');
  const { fenced, name } = fencedLines(lines);
  if (name !== undefined) {
    const isCode = fenced.length > 0 && fenced.length >= leastShare * (lines.length - 2);
    return isCode ? (fenceNames[name] ?? 'code') : undefined;
  }
  if (lines.length < 2) return undefined;
  const [best] = signs
    .map(([language, sign]) => ({ language, count: lines.filter((line) => sign.test(line)).length }))
    .toSorted((a, b) => b.count - a.count);
  return best!.count >= leastShare * lines.length ? best!.language : undefined;
}

/** The lines between fences, and what the first fence calls their language; no name where there is no fence. */
function fencedLines(lines: readonly string[]): {
  readonly fenced: readonly string[];
  readonly name: string | undefined;
} {
  const fenced: string[] = [];
  let name: string | undefined;
  let isWithin = false;
  for (const line of lines) {
    const [, language] = /^```([\w+#-]*)/.exec(line) ?? [];
    if (language === undefined) {
      if (isWithin) fenced.push(line);
    } else {
      name ??= language.toLowerCase();
      isWithin = !isWithin;
    }
  }
  return { fenced, name };
}
