import { expect, it } from 'vitest';
import { parseSlashCommand } from './slash-command.ts';

it.each([
  ['/reset', { type: 'reset' }],
  ['/quit ', { type: 'quit' }],
  ['/system You are  brief.', { type: 'system', text: 'You are  brief.' }],
  ['/system', { type: 'system', text: undefined }],
  ['/adapter off', { type: 'adapter', mode: 'off' }],
  ['/adapter  both ', { type: 'adapter', mode: 'both' }],
])('%j is understood', (line, command) => {
  expect(parseSlashCommand(line)).toEqual(command);
});

it.each([
  ['/rest', 'there is no /rest; did you mean /reset?'],
  ['/adaptor on', 'did you mean /adapter?'],
  ['/adapter maybe', "/adapter takes one of on, off, both, not 'maybe'"],
  ['/reset now', '/reset takes nothing after it'],
  ['/', 'there is no /.'],
])('%j is refused', (line, message) => {
  expect(() => parseSlashCommand(line)).toThrow(message);
});
