/**
 * Which conversations each chat template gives a mask for, as a table: how many tokens are trained, or why it is refused.
 *
 *     node --conditions=safetune-source conformance/mask-table.ts [--texts] [FILE.jinja | FOLDER]...
 *
 * Without files: templates/families.json and templates/marked (as models come with them). With --texts the trained texts too.
 * Where Python has trl, its templates can be given: FOLDER is trl/chat_templates.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { tokenizeChat } from '../packages/datasets/src/index.ts';
import {
  familyTemplates,
  type NamedConversation,
  type NamedTemplate,
  namedConversations,
  plainTemplates,
  templateTokenizer,
  trainedTexts,
} from './template-tokenizer.ts';

const files = process.argv.slice(2).filter((argument) => argument !== '--texts');
const showsTexts = process.argv.includes('--texts');

function givenTemplates(path: string): NamedTemplate[] {
  const paths = statSync(path).isDirectory()
    ? readdirSync(path)
        .filter((file) => file.endsWith('.jinja'))
        .sort()
        .map((file) => join(path, file))
    : [path];
  return paths.map((file) => ({ name: basename(file, '.jinja'), template: readFileSync(file, 'utf8') }));
}

/** The answer in a word, and the rest of it. */
function cell(template: NamedTemplate, conversation: NamedConversation): readonly [string, string] {
  const tokenizer = templateTokenizer(template);
  const { name: _name, ...example } = conversation;
  try {
    const tokenized = tokenizeChat(example, tokenizer);
    const texts = trainedTexts(tokenized, tokenizer);
    return ['masked', showsTexts ? texts.map((text) => JSON.stringify(text)).join(' ') : ''];
  } catch (error) {
    const reason = (error as Error).message.replace(/^example beginning with "[^"]*"(\.\.\.)?: /, '');
    return ['refused', reason];
  }
}

const templates =
  files.length > 0 ? files.flatMap(givenTemplates) : [...familyTemplates(), ...plainTemplates()];
const conversations = namedConversations();
const counts = { masked: 0, refused: 0 };
for (const template of templates) {
  console.log(`\n${template.name}`);
  for (const conversation of conversations) {
    const [answer, more] = cell(template, conversation);
    counts[answer as keyof typeof counts] += 1;
    console.log(`  ${conversation.name.padEnd(24)} ${answer}${more === '' ? '' : `  ${more}`}`);
  }
}
console.log(`\n${templates.length} templates, ${conversations.length} conversations each:`, counts);
