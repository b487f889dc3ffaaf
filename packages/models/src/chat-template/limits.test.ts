import { describe, expect, it } from 'vitest';
import { ChatRenderError, ChatTemplateLimitError } from '../errors.ts';
import { chatRenderer } from './chat-template.ts';
import type { RenderLimits } from './jinja/budget.ts';

const messages = [{ role: 'user', content: 'Hi' }];

function failure(template: string, limits?: RenderLimits): unknown {
  const options = { directory: 'model', name: 'default', variables: {}, now: () => new Date(), limits };
  try {
    return chatRenderer(new Map([['default', template]]), options).render(messages).text;
  } catch (error) {
    return error;
  }
}

/** A namespace whose field holds its last value in a new one, round after round. */
function doubled(field: string, next = `[n.${field}, n.${field}]`, first = '[0]', rounds = 60): string {
  const start = `{% if n is not defined %}{% set n = namespace() %}{% endif %}{% set n.${field} = ${first} %}`;
  return `${start}{% for i in range(${rounds}) %}{% set n.${field} = ${next} %}{% endfor %}`;
}

// Each of these would work for hours or take all memory without a limit.
describe('a template that would never end is stopped', () => {
  it.each([
    [
      'nested loops',
      '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}',
      'steps',
    ],
    [
      'a doubling text',
      "{% set n = namespace(s='x') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
      'characters',
    ],
    ['a repeated text', "{{ 'x' * 9000000000 }}", 'characters'],
    ['a repeated list', '{{ ([0] * 9000000000)|length }}', 'steps'],
    ['replacing nothing', "{{ ('x' * 60000000)|replace('', 'yyyyyyyy') }}", 'characters'],
    [
      'macros that call themselves twice',
      '{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}',
      'calls',
    ],
    [
      'macros that branch',
      '{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}',
      'steps',
    ],
    ['a printed list that holds another twice, and so on', `${doubled('x')}{{ n.x }}`, 'steps'],
    ['a printed dict', `${doubled('x', "{'a': n.x, 'b': n.x}")}{{ n.x | string | length }}`, 'steps'],
    ['comparing such lists', `${doubled('x')}${doubled('y')}{{ n.x == n.y }}`, 'steps'],
    ['ordering them', `${doubled('x')}${doubled('y')}{{ [n.x, n.y] | sort | length }}`, 'steps'],
    ['a doubling tuple', doubled('x', 'n.x + n.x', '(0,)'), 'steps'],
    ['values inside each other', `${doubled('x', '[n.x]', '0', 90_000)}{{ n.x }}`, 'nesting'],
    [
      'looking through a long text again and again',
      "{% set t = 'x' * 8000000 %}{% for i in range(90000) %}{% if 'y' in t %}{% endif %}{% endfor %}",
      'steps',
    ],
    [
      'stripping one',
      "{% set t = 'x' * 8000000 %}{% for i in range(90000) %}{% set u = t.strip() %}{% endfor %}",
      'steps',
    ],
    ['deep indents', "{{ ([[[[messages]]]] | tojson(indent=('x' * 60000000))) }}", 'characters'],
  ])('%s', (_what, template, limit) => {
    const error = failure(template);
    if (!ChatTemplateLimitError.isInstance(error)) throw error;
    expect(error.limit).toContain(limit);
    expect(error.message).toMatch(/^model: the chat template goes beyond the limit of/);
  });

  it('in its syntax', () => {
    for (const template of [
      `{{ ${'('.repeat(5000)}`,
      '{% if 1 %}'.repeat(5000),
      `{{ ${'not '.repeat(5000)} 1 }}`,
    ]) {
      expect(ChatTemplateLimitError.isInstance(failure(template))).toBe(true);
    }
  });

  it('at the limits that are asked for', () => {
    const error = failure('{% for i in range(100) %}x{% endfor %}', { steps: 50 });
    if (!ChatTemplateLimitError.isInstance(error)) throw error;
    expect(error.limit).toBe('50 steps');
  });

  it('but ranges as long as the sandbox of transformers forbids are its own error', () => {
    const error = failure('{% for i in range(4000000000) %}{% endfor %}');
    if (!ChatRenderError.isInstance(error)) throw error;
    expect(error.reason).toContain('Range too big');
  });
});

describe('a long conversation', () => {
  it('of 4,000 turns renders', () => {
    const template =
      '{% for m in messages %}{{ "<|" + m.role + "|>" }}{{ m.content | trim }}{% if not loop.last %}\n{% endif %}{% endfor %}';
    const options = { directory: 'model', name: 'default', variables: {}, now: () => new Date() };
    const turns = Array.from({ length: 4000 }, () => messages[0]!);
    expect(chatRenderer(new Map([['default', template]]), options).render(turns).text).toHaveLength(
      4000 * '<|user|>Hi'.length,
    );
  });
});

describe('what is not supported is refused by name', () => {
  it.each([
    ["{{ 'a{}'.format(1) }}", "the method 'format' of a text"],
    ["{{ messages | groupby('role') }}", "the filter 'groupby'"],
    ['{% include "x" %}', '{% include %}'],
    ["{{ '%s' % 'a' }}", "formatting of texts by '%'"],
  ])('%s', (template, named) => {
    const error = failure(template);
    if (!ChatRenderError.isInstance(error)) throw error;
    expect(error.reason).toContain(named);
  });

  it('what changes a value, as the sandbox has it', () => {
    const error = failure('{{ messages.append(1) }}');
    if (!ChatRenderError.isInstance(error)) throw error;
    expect(error.reason).toContain("'append', which would change a value, is undefined");
  });
});
