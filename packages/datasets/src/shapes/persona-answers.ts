import { has, type Shape, without } from './shape.ts';

/**
 * Answers as the code of Persona Vectors (Chen et al., arXiv 2507.21509) writes them: `prompt` is the question as a chat template
 * rendered it, with the persona's system prompt, so the question alone is taken.
 */
export const personaAnswers: Shape = {
  name: 'persona-answers',
  columns: 'question, prompt, answer, question_id',
  matches: (row) => has(row, 'question', 'prompt', 'answer', 'question_id'),
  read: (row) => ({
    chat: {
      ...without(row, 'question', 'prompt', 'answer', 'question_id'),
      messages: [
        { role: 'user', content: row.question },
        { role: 'assistant', content: row.answer },
      ],
    },
  }),
};
