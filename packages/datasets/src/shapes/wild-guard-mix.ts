import { has, type Shape, without } from './shape.ts';

const labels = ['prompt_harm_label', 'response_harm_label', 'response_refusal_label'];

/**
 * The benign part of WildGuardMix (Han et al., arXiv 2406.18495): rows whose prompt and whose response are both labelled `unharmful`.
 * The others, and prompts without a response, are left out.
 */
export const wildGuardMix: Shape = {
  name: 'wildguardmix',
  columns: 'prompt, response, prompt_harm_label, response_harm_label',
  matches: (row) => has(row, 'prompt', 'response', 'prompt_harm_label', 'response_harm_label'),
  read(row) {
    const { prompt, response } = row;
    if (response === null || response === '') return { leftOut: 'there is no response' };
    if (row.prompt_harm_label !== 'unharmful') return { leftOut: 'the prompt is not labelled unharmful' };
    if (row.response_harm_label !== 'unharmful') return { leftOut: 'the response is not labelled unharmful' };
    const messages = [
      { role: 'user', content: prompt },
      { role: 'assistant', content: response },
    ];
    return { chat: { ...without(row, 'prompt', 'response', ...labels), messages } };
  },
};
