import type { Random } from './random.ts';

const words =
  "the quick brown fox it's don't WE'LL isn't I'm they've Hello world tokenizer naïve café Zoë fußball straße ΣΊΣΥΦΟΣ ОТВЕТ ответ İstanbul " +
  'ﬁne ﬀ ſtop Kelvin 中文 字符 日本語 テスト ひらがな 한국어 각 ภาษาไทย हिन्दी العربية עברית 12 345 6789 ١٢٣ १२३ ½ ① ² Ⅷ 1,000.50 3.14 user@example.com ' +
  'https://a.b/c?d=e function return_value camelCase HTTPServer x+=1 foo(bar) {} [] <b> </b> #! $5 %d &amp; a/b \\n -- ... ?! ¿Qué? «oui» “q” ‘s’ 👍 👨‍👩‍👧‍👦 🏳️‍🌈 ' +
  '🇩🇪 ❤️ 👍🏽 e\u0301 \u0301 o\u0308\u0323 \u1161 가 ـ ﷺ ㎏ ﬄ ℌ ™ … \u200b \u200d \ufeff \u00ad \u2028 \u0085 _under_ snake_case ▁ ▁▁the <0x41> Ġ <unk> ' +
  'do not n ot . , ! cats cat catalog ##ing ing';
const wordList = words.split(' ');
const spaces = [
  ' ',
  ' ',
  ' ',
  ' ',
  ' ',
  '  ',
  '   ',
  '\n',
  '\n\n',
  '\t',
  '\r\n',
  ' \n',
  '\u00a0',
  '\u3000',
  '\u2009',
  '\u0085',
  '\ufeff',
  '\u200b',
  '\x0b',
  '\x0c',
  '\u1680',
];
/** Ranges of characters that need care, beside all of Unicode. */
const ranges: readonly (readonly [number, number])[] = [
  [0x00, 0x7f],
  [0x20, 0x7e],
  [0x80, 0x24f],
  [0x300, 0x36f],
  [0x370, 0x5ff],
  [0x600, 0x6ff],
  [0x900, 0xdff],
  [0x1100, 0x11ff],
  [0x1e00, 0x20cf],
  [0x2100, 0x27bf],
  [0x2c00, 0x2eff],
  [0x3000, 0x30ff],
  [0x4e00, 0x9fff],
  [0xa700, 0xabff],
  [0xac00, 0xd7ff],
  [0xe000, 0xe0ff],
  [0xf900, 0xffff],
  [0x10000, 0x10fff],
  [0x11000, 0x12fff],
  [0x16000, 0x1afff],
  [0x1cc00, 0x1efff],
  [0x1f000, 0x1fbff],
  [0x20000, 0x33fff],
  [0xe0000, 0xe01ff],
];

/**
 * A text to try a tokenizer on: words of many scripts, odd whitespace, single characters of all of Unicode, long runs, and the
 * tokens given.
 */
export function randomText(random: Random, tokens: readonly string[]): string {
  const kind = random.below(10);
  if (kind === 0) return repeated(random, tokens);
  if (kind === 1) return Array.from({ length: 1 + random.below(20) }, () => randomCharacter(random)).join('');
  const parts: string[] = [];
  for (let count = 1 + random.below(14); count > 0; count--) {
    const roll = random.next();
    if (roll < 0.1 && tokens.length > 0) parts.push(random.pick(tokens));
    else if (roll < 0.2) parts.push(randomCharacter(random));
    else if (roll < 0.25) parts.push(random.pick(spaces).repeat(1 + random.below(4)));
    else parts.push(random.pick(wordList));
    if (random.chance(0.75)) parts.push(random.pick(spaces));
  }
  return parts.join('');
}

function repeated(random: Random, tokens: readonly string[]): string {
  const unit =
    random.chance(0.3) && tokens.length > 0
      ? random.pick(tokens)
      : random.pick([...wordList, ...spaces, 'a', '=', '\n ', '0']);
  const text = unit.repeat(1 + random.below(random.chance(0.2) ? 300 : 30));
  return random.chance(0.5) ? text : random.pick(wordList) + text + random.pick(wordList);
}

function randomCharacter(random: Random): string {
  const [first, last] = random.pick(ranges);
  const codePoint = first + random.below(last - first + 1);
  return codePoint >= 0xd800 && codePoint <= 0xdfff ? '가' : String.fromCodePoint(codePoint);
}
