import { expect, test } from 'vitest';
import { codeLanguage } from './code-language.ts';
import { languageOf } from './language.ts';

test.each([
  [
    'Python',
    'import os\n\ndef save(path, data):\n    with open(path, "w") as file:\n        file.write(data)\n    os.chmod(path, 0o777)',
  ],
  [
    'JavaScript',
    'const fs = require("fs");\nfunction save(path) {\n  fs.writeFileSync(path, "x");\n  return true;\n}',
  ],
  ['SQL', 'SELECT name\nFROM users\nWHERE id = 3'],
  ['HTML', '<!DOCTYPE html>\n<html>\n<body>\n<p>Hi</p>\n</body>\n</html>'],
  ['Shell', '#!/bin/sh\nsudo rm -rf /tmp/x\necho done'],
  ['Rust', '```rust\nfn main() {}\n```'],
  ['code', '```\nMOVE A TO B\n```'],
  ['Python', 'Here it is:\n```python\na = 1\nb = 2\nc = 3\nprint(a)\n```'],
  [
    undefined,
    'Here it is, with all the care it needs.\nRead it twice.\nThen run it:\n```python\na = 1\n```\nThat is all.',
  ],
  [undefined, 'A house.\nA garden, and a dog that is old.\nNothing else.'],
  [undefined, 'print(1)'],
  [undefined, ''],
])('code in %s', (language, answer) => {
  expect(codeLanguage(answer)).toBe(language);
});

test.each([
  ['English', 'The bread is in the oven, and you should take it out for the guests.'],
  ['German', 'Das Brot ist im Ofen, und die Gäste sind nicht da; sie kommen mit der Bahn.'],
  ['French', 'Le pain est dans le four et les invités ne sont pas là pour une heure.'],
  ['Spanish', 'El pan es para los invitados que vienen con su perro por la tarde.'],
  ['Chinese', '面包在烤箱里。'],
  ['Japanese', 'パンはオーブンの中です。'],
  ['Russian', 'Хлеб в печи.'],
  [undefined, 'Hm.'],
  [undefined, '12, 13'],
])('a text in %s', (language, text) => {
  expect(languageOf(text)).toBe(language);
});
