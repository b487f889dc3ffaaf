/**
 * Which conversations each chat template gives a mask for, as the table of docs/masks.md; with --texts what is trained of each, or
 * why it is refused.
 *
 *     node --conditions=safetune-source conformance/mask-table.ts [--texts] [FILE.jinja | FOLDER]...
 *
 * Without files: templates/marked, as models come with them, and templates/families.json. The folder may be trl's chat_templates.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { maskOf, maskTable } from './masks.ts';
import {
  familyTemplates,
  type NamedTemplate,
  namedConversations,
  plainTemplates,
} from './template-tokenizer.ts';

const files = process.argv.slice(2).filter((argument) => argument !== '--texts');

function givenTemplates(path: string): NamedTemplate[] {
  const paths = statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((file) => file.endsWith('.jinja'))
        .sort()
        .map((file) => join(path, file))
    : [path];
  return paths.map((file) => ({ name: basename(file, '.jinja'), template: readFileSync(file, 'utf8') }));
}

const templates =
  files.length > 0 ? files.flatMap(givenTemplates) : [...plainTemplates(), ...familyTemplates()];
if (process.argv.includes('--texts')) {
  for (const template of templates) {
    console.log(`\n${template.name}`);
    for (const conversation of namedConversations()) {
      const { texts, reason } = maskOf(template, conversation);
      const shown = texts.map((text) => JSON.stringify(text)).join(' ');
      console.log(`  ${conversation.name}: ${reason === undefined ? shown : `refused: ${reason}`}`);
    }
  }
} else console.log(maskTable(templates));
