import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { type NamedTemplate, namedConversations } from '../../../../conformance/template-tokenizer.ts';
import { loadTokenizer } from '../../../models/src/tokenizer.ts';
import { tokenizeChat } from './response-mask.ts';

const checkpoint = fileURLToPath(
  new URL('../../../../conformance/goldens/checkpoints/qwen2-tied-bfloat16', import.meta.url),
);
const folder = mkdtempSync(join(tmpdir(), 'safetune-masks-'));
cpSync(checkpoint, folder, { recursive: true });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Blocks that begin and end where the texts before and behind them merge into tokens of their own, and where they do not. */
const templates: readonly NamedTemplate[] = [
  {
    name: 'whole turns',
    template:
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor %}",
  },
  {
    name: 'borders within words',
    template:
      "{% for m in messages %}{{ m.role }} {% if m.role == 'assistant' %}{% generation %}{{ m.content[:4] }}{% endgeneration %}{{ m.content[4:] }}{% else %}{{ m.content }}{% endif %}the{% endfor %}",
  },
];
const conversations = namedConversations().filter(({ name }) =>
  ['plain', 'turns', 'system', 'spaces', 'thoughts in contents', 'assistant first'].includes(name),
);

describe.skipIf(pythonWith('transformers', 'jinja2') === undefined)(
  "against transformers' return_assistant_tokens_mask (skipped without it)",
  () => {
    it.each(templates)('token by token: $name', async ({ template }) => {
      writeFileSync(join(folder, 'chat_template.jinja'), template);
      const cases = join(folder, 'cases.json');
      writeFileSync(cases, JSON.stringify(conversations));
      const python = (await runPython('verify_masks.py', [folder, cases])) as {
        tokenIds: number[];
        mask: number[];
      }[];
      const tokenizer = await loadTokenizer(folder);
      for (const [index, { name, ...example }] of conversations.entries()) {
        const { tokenIds, mask } = python[index]!;
        const ours = tokenizeChat(example, tokenizer);
        expect([...ours.tokenIds], name).toEqual(tokenIds);
        // The first token has nothing before it to be predicted from.
        expect([...ours.responseMask], name).toEqual([0, ...mask.slice(1)]);
      }
    });
  },
);
