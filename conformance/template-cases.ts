/** Chat templates made at random from pieces that cover the language, for comparing with Python; the same for the same seed. */

/** What a template is rendered with. */
export interface TemplateCase {
  readonly template: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** Contents with what trips renderers up: white space at the ends, characters of two units, quotes, line ends. */
const contents = [
  'Hi',
  '    return x\n',
  '\n\nlead',
  'é😀👩‍👩‍👧 x',
  '<think>\nsteps\n</think>\n\nanswer',
  '\ufeffmark \u0085x\u001c',
  'quote " \' \\ <b>&',
  '',
  'ǆ ß İ STRASSE',
];

const values = [
  "'a b'",
  "'Ab😀'",
  "''",
  "' x\\n'",
  '0',
  '1',
  '7',
  '-3',
  '2.5',
  '-0.5',
  '1e20',
  'true',
  'false',
  'none',
  '[1, 2, 3]',
  "['b', 'A', 'c']",
  '[]',
  "[none, true, 1.0, 'x']",
  "{'a': 1, 'b': [2, none]}",
  '{}',
  '(1, 2)',
  'messages[0].content',
  'messages[0].role',
  'messages',
  'messages[0]',
  'missing',
  'options',
  'messages|length',
  'range(4)',
  'messages[-1].content',
];

const suffixes = [
  '|length',
  '|upper',
  '|lower',
  '|trim',
  '|capitalize',
  '|title',
  '|string',
  '|list',
  '|first',
  '|last',
  '|int',
  '|float',
  "|default('d')",
  "|default('d', true)",
  '|tojson',
  '|tojson(indent=2)',
  '|sort',
  '|reverse|list',
  '|sum',
  '|max',
  '|min',
  "|join('-')",
  '|unique|list',
  "|replace('a', 'xy')",
  '|indent',
  '|abs',
  '|round',
  "|map('string')|list",
  '|select|list',
  "|map(attribute='role')|list",
  "|selectattr('role', 'eq', 'user')|list|length",
  '|dictsort',
  '|items|list',
  '[0]',
  '[-1]',
  '[1:]',
  '[:2]',
  '[::-1]',
  "['a']",
  '.a',
  '.strip()',
  ".strip('a\\n')",
  '.split()',
  ".split(' ')",
  ".split('a', 1)",
  '.upper()',
  '.title()',
  ".startswith('A')",
  ".replace('a', '')",
  '.splitlines()',
  ".rstrip('\\n')",
  ".get('a')",
  '.keys()|list',
  '.items()|list',
  '.values()|list',
  ".find('b')",
  ".count('a')",
  '.isdigit()',
  '.isalpha()',
  '.lstrip()',
  '.capitalize()',
  ".partition(' ')",
  ".join(['x', 'y'])",
  ".removeprefix('A')",
  '.islower()',
];

const tests = [
  'defined',
  'none',
  'string',
  'number',
  'integer',
  'float',
  'mapping',
  'sequence',
  'iterable',
  'boolean',
  'true',
  'odd',
  'even',
  'lower',
  'upper',
  "eq 'a'",
  'gt 1',
  'in [1, none]',
  'divisibleby 2',
  'callable',
  "ne ''",
];

const operators = ['+', '-', '*', '/', '//', '%', '~', '==', '!=', '<', '>=', 'in', 'not in', 'and', 'or'];

/** @param seed any integer */
export function templateCases(count: number, seed: number): TemplateCase[] {
  const random = generator(seed);
  const pick = <Item>(from: readonly Item[]): Item => from[random(from.length)]!;

  const expression = (depth: number): string => {
    const kind = depth <= 0 ? 0 : random(9);
    const inner = () => expression(depth - 1);
    if (kind <= 1) return pick(values);
    if (kind <= 4) return `${bracketed(inner())}${pick(suffixes)}`;
    if (kind === 5) return `(${inner()} is ${pick(['', 'not '])}${pick(tests)})`;
    if (kind === 6) return `(${inner()} if ${inner()} else ${inner()})`;
    if (kind === 7) return `${inner()} ${pick(operators)} ${inner()}`;
    return pick([`not ${inner()}`, `[${inner()}, ${inner()}]`, `{'k': ${inner()}}`, `(${inner()})`]);
  };
  const dash = () => pick(['', '', '-', '+']);
  const space = () => pick(['', ' ', '\n', '  \n', '\n  ', '\r\n', ' x ', '\t']);

  const statement = (depth: number): string => {
    const inner = () => (depth <= 0 ? `{{ ${expression(1)} }}` : statement(depth - 1));
    const tag = (text: string) => `{%${dash()} ${text} ${pick(['', '', '-'])}%}`;
    switch (random(10)) {
      case 0:
        return `${tag(`if ${expression(1)}`)}${space()}${inner()}${tag('else')}${inner()}${space()}${tag('endif')}`;
      case 1:
        return `${tag(`for x in ${expression(1)}`)}${space()}{{ x }}${inner()}${tag('else')}none${tag('endfor')}`;
      case 2:
        return `${tag('for m in messages')}${tag(`set v = m.content`)}{{ loop.index }}{{ v }}${inner()}${tag('endfor')}{{ v is defined }}`;
      case 3:
        return `${tag(`set v = ${expression(1)}`)}${space()}{{ v }}${inner()}`;
      case 4:
        return `${tag('macro f(a, b=1)')}${inner()}{{ a }}{{ b }}${tag('endmacro')}{{ f(${expression(1)}) }}`;
      case 5:
        return `${tag('set w')}${inner()}${tag('endset')}[{{ w }}]`;
      case 6:
        return `${tag('set n = namespace(c=0)')}${tag('for i in range(3)')}${tag('set n.c = n.c + i')}${tag('endfor')}{{ n.c }}`;
      case 7:
        return `{#${dash()} remark ${pick(['', '-'])}#}${space()}${inner()}`;
      default:
        return `${space()}{{${pick(['', '-'])} ${expression(2)} ${pick(['', '-'])}}}${space()}`;
    }
  };
  const template = (): string => {
    if (random(3) === 0) return `${statement(2)}${space()}${statement(1)}${pick(['', '\n', '\n\n', '\r\n'])}`;
    return `{{ ${expression(random(3))} }}${space()}{{ ${expression(1)} }}`;
  };
  return Array.from({ length: count }, () => ({
    template: template(),
    messages: Array.from({ length: 1 + random(3) }, (_, index) => ({
      role: index % 2 === 0 ? 'user' : 'assistant',
      content: pick(contents),
    })),
    arguments: { options: { a: 'x', n: 2, half: 0.5, list: [1, null, true] } },
  }));
}

/** Conversations for whole templates: some begin with a system message. */
export function conversations(count: number, seed: number): TemplateCase['messages'][] {
  const random = generator(seed);
  const content = () => contents[random(contents.length)]!;
  return Array.from({ length: count }, () => [
    ...(random(2) === 0 ? [{ role: 'system', content: content() }] : []),
    ...Array.from({ length: 2 * (1 + random(3)) }, (_, index) => ({
      role: index % 2 === 0 ? 'user' : 'assistant',
      content: content(),
    })),
  ]);
}

function bracketed(expression: string): string {
  return /^[\w.'[\]{]+$/.test(expression) || expression.startsWith("'") ? expression : `(${expression})`;
}

/** Numbers from 0 up to `below`, the same on every machine. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
