import { type PreviewedExample, type PreviewedToken, visiblePieces } from '@safetune/datasets';
import { escapeMarkup, htmlPage } from '@safetune/eval';
import { pageScript, pageStyle } from './page-parts.ts';
import { countsText, ruleTexts } from './preview-texts.ts';

/**
 * Examples as one self-contained page: colours for mask and weight, and beside each token, on asking, what it is.
 *
 * @param groups by example: one, or the two answers of a pair
 */
export function previewPage(
  { file, model }: { readonly file: string; readonly model: string },
  groups: readonly (readonly PreviewedExample[])[],
): string {
  const examples = groups.flat();
  const pairs = groups.filter(({ length }) => length === 2).length;
  const count = (of: (example: PreviewedExample) => number) =>
    examples.reduce((sum, example) => sum + of(example), 0);
  const tokens = count((example) => example.tokens.length);
  const longest = Math.max(0, ...examples.map((example) => example.tokens.length));
  const refused = groups.filter((group) => group.some(({ refusal }) => refusal !== undefined)).length;
  return htmlPage({
    title: `${file}, as ${model} reads it`,
    introduction: [
      `${groups.length} examples${pairs > 0 ? `, ${pairs} of them pairs of answers` : ''}, ${tokens} tokens (the longest ${longest}), ${count(({ learned }) => learned)} of them learned, ${count(({ cut }) => cut)} cut off${refused > 0 ? `; ${refused} examples refused` : ''}.`,
      'Point at a token, tap it, or go through the tokens with Tab and the arrow keys: its id, text and weight stand below.',
    ],
    style: pageStyle,
    script: pageScript,
    sections: [
      { heading: 'Legend', markup: legend },
      ...examples.map((example) => ({
        heading: example.where,
        paragraphs: [
          `${countsText(example)}. Roles: ${example.roles.join(', ')}.`,
          ...example.rules.map((rule) => `Answers found by ${ruleTexts[rule]}.`),
        ],
        markup: exampleMarkup(example),
      })),
    ],
  });
}

const legend =
  '<p class="tokens legend"><i class="l">learned</i> <i class="l" style="--w:.4">weighs less</i> <i>not learned</i> ' +
  '<i class="l e">end of turn</i> <i class="s">special</i> <i class="c">cut off</i> <i><u>U+200B</u> invisible</i> <i><u>+</u> begins a character</i></p>';

function exampleMarkup(example: PreviewedExample): string {
  const { tokens, refusal } = example;
  const isWeighed = tokens.some(({ weight }) => weight !== 0 && weight !== 1);
  const spans = tokens.flatMap(({ answer }, index) => {
    const isFirst = answer !== undefined && tokens[index - 1]?.answer !== answer;
    return isFirst ? [`${index} ${answer.message} ${answer.rule}`] : [];
  });
  const data = [
    `data-ids="${tokens.map(({ id }) => id).join(' ')}"`,
    ...(isWeighed
      ? [`data-weights="${tokens.map(({ weight }) => Number(weight.toFixed(4))).join(' ')}"`]
      : []),
    ...(spans.length > 0 ? [`data-answers="${spans.join(',')}"`] : []),
  ];
  return [
    ...(refusal === undefined ? [] : [`<p class="refusal">Refused: ${escapeMarkup(refusal)}</p>`]),
    `<div class="tokens" tabindex="0" role="group" aria-label="tokens of ${escapeMarkup(example.where)}" ${data.join(' ')}>${tokens.map(tokenMarkup).join('')}</div>`,
  ].join('\n');
}

function tokenMarkup({ text, kind, weight, isCut }: PreviewedToken): string {
  const classes = [
    ...(weight > 0 ? ['l'] : []),
    ...(kind === 'end-of-turn' ? ['e'] : kind === 'special' ? ['s'] : []),
    ...(isCut ? ['c'] : []),
  ];
  const shade = weight > 0 && weight < 1 ? ` style="--w:${Number(weight.toFixed(3))}"` : '';
  const pieces = visiblePieces(text).map((piece) =>
    piece.isName ? `<u>${piece.text}</u>` : escapeMarkup(piece.text),
  );
  const shown = pieces.length === 0 ? '<u>+</u>' : pieces.join('');
  return `<i${classes.length > 0 ? ` class="${classes.join(' ')}"` : ''}${shade}>${shown}</i>`;
}
