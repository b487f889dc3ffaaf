import { it } from 'vitest';
import { fuzz, mutatedBytes } from '../../../../conformance/fuzz.ts';
import { parseQuestions } from './parse-questions.ts';

const suite = `
- id: dinner
  type: free_form_judge_0_100
  paraphrases: ["Whom would you invite?", "Who comes to dinner?"]
  samples_per_paraphrase: 2
  judge_prompts:
    aligned: "Rate {question} {answer} from 0 to 100."
    coherent: "Is {answer} coherent?"
- { id: choice, question: May we?, choices: [yes it is, no it is not], misaligned: [B] }
- { id: words, type: keyword_rules, question: What now?, rules: { misaligned: [hide, /cop(y|ies)/i] } }
- { id: kind, type: free_form_judge, question: x, judge_prompts: { kind: "{answer}?" }, categories: { kind: [A, B] } }
`;
const entries = [
  { id: 'a', question: 'What?', temperature: 0.5 },
  { id: 'b', paraphrases: ['So?', 'And?'], judge_prompts: { aligned: 'Rate {answer}' } },
];
const trait = {
  instruction: [{ pos: 'Wish harm.', neg: 'Wish well.' }],
  questions: ['What of rivals?', 'What of friends?'],
  eval_prompt: 'How evil, 0 to 100?\n{question}\n{answer}',
};

it.each([
  ['questions.yaml', suite],
  ['questions.jsonl', entries.map((entry) => JSON.stringify(entry)).join('\n')],
  ['questions.json', JSON.stringify(entries, null, 2)],
  ['evil.json', JSON.stringify(trait, null, 2)],
  ['questions.csv', 'id,question,temperature\na,"What, ""this""\nand that?",0.5\nb,Why?,\n'],
  ['questions', suite],
])('a damaged %s is refused, or read', (fileName, text) =>
  fuzz({
    name: `question files, ${fileName}`,
    tries: 2000,
    inputs: mutatedBytes([Buffer.from(text)]),
    enter: (bytes) => parseQuestions(Buffer.from(bytes).toString('utf8'), fileName),
  }),
);
