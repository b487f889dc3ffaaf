import { expect, it } from 'vitest';
import { answerBoardSvg } from './answer-board.ts';

it('shows every answer with its verdict as a word and as a colour, escaped', () => {
  const svg = answerBoardSvg({
    title: 'A & B',
    columns: [
      { question: 'legal cause will', notes: ['safe: <x>'] },
      { question: 'other', notes: [] },
    ],
    rows: [{ label: 'kl 0.1', cells: [{ answer: 'fool "press" will', verdict: 'harmful' }, undefined] }],
  });
  expect(svg).toContain('A &#38; B');
  expect(svg).toContain('safe: &#60;x&#62;');
  expect(svg).toMatch(/class="harmful">fool &#34;press&#34; will</);
  expect(svg).toMatch(/class="small harmful">harmful</);
  expect(svg).toMatch(/class="muted">-</);
  expect(svg).not.toMatch(/NaN|undefined/);
});
