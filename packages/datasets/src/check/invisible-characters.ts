import type { DataCheck, Finding } from './data-check.ts';

/** Emoji, their parts and modifiers: joiners, selectors and tags between them are as they should be. */
const emoji = '[\\p{Emoji_Presentation}\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\u{fe0f}]';
/** Scripts whose letters a joiner or non-joiner connects or parts. */
const joining =
  '[\\p{Script=Arabic}\\p{Script=Syriac}\\p{Script=Mongolian}\\p{Script=Nko}\\p{Script=Devanagari}\\p{Script=Bengali}\\p{Script=Gurmukhi}' +
  '\\p{Script=Gujarati}\\p{Script=Oriya}\\p{Script=Tamil}\\p{Script=Telugu}\\p{Script=Kannada}\\p{Script=Malayalam}\\p{Script=Sinhala}' +
  '\\p{Script=Myanmar}\\p{Script=Khmer}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Tibetan}]';

/** Scripts without spaces, in which an invisible one says where a line may be broken. */
const unspaced = '[\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}\\p{Script=Tibetan}]';

/** Each kind with what it looks like. Every pattern takes time by the length of the text. */
const patterns: readonly (readonly [kind: string, pattern: RegExp])[] = [
  [
    'zero width',
    new RegExp(
      `(?<!${unspaced})\\u{200b}|[\\u{2060}\\u{feff}\\u{180e}]|(?<!${emoji}|${joining})[\\u{200c}\\u{200d}]`,
      'gu',
    ),
  ],
  // Marks of direction: one beside a word of another direction is as it should be, bits have been hidden in rows of them.
  ['bidi control', /[\u{202a}-\u{202e}\u{2066}-\u{2069}]|(?<=[\u{200e}\u{200f}])[\u{200e}\u{200f}]/gu],
  // The flags of England, Scotland and Wales are a black flag, five tags that name the region, and the tag that ends them.
  [
    'tag character',
    /(?<!\u{1f3f4}(?=\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073})\u{e007f})[\u{e0061}-\u{e007a}]{0,5})[\u{e0000}-\u{e007f}]/gu,
  ],
  // Bytes have been hidden in rows of them, and one behind each letter; behind a Han character or emoji one chooses its form.
  [
    'variation selector',
    /(?<=[\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}\s]|^|[\p{L}--[\p{Emoji}\p{Script=Han}\p{Script=Myanmar}\p{Script=Phags_Pa}\p{Script=Manichaean}]])[\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}]|(?<!\p{Script=Han})[\u{e0100}-\u{e01ef}]/gv,
  ],
  ['control character', /[\p{Cc}--[\n\r\t]]/gv],
  ['blank that is a letter', /[\u{115f}\u{1160}\u{3164}\u{ffa0}\u{2800}\u{17b4}\u{17b5}]/gu],
  [
    'invisible format',
    /\u{34f}|[\u{ad}\u{61c}\u{2061}-\u{2065}\u{206a}-\u{206f}\u{fff0}-\u{fffb}\u{1d173}-\u{1d17a}]/gu,
  ],
  ['private character', /\p{Co}/gu],
  ['half of a character', /\p{Cs}/gu],
  ['replacement character', /\u{fffd}/gu],
  [
    'mixed scripts in a word',
    /(?=\p{L}*\p{Script=Latin})(?=\p{L}*[\p{Script=Cyrillic}ΑΒΕΖΗΙΚΜΝΟΡΤΥΧορν])(?<!\p{L})\p{L}+/gu,
  ],
];

/** What most texts have none of: the whole is looked at once before the patterns. */
const isSuspicious =
  /[\p{Cf}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\u{2800}\u{fff0}-\u{fffd}\p{Script=Cyrillic}\p{Script=Greek}]|[\p{Cc}--[\n\r\t]]/v;

/** Characters that a reader does not see, or takes for others, and a model reads. */
export function invisibleCharactersCheck(): DataCheck {
  return {
    name: 'invisible',
    about:
      'characters that are not seen, or look like others: zero width, bidi controls, tags, words of mixed scripts',
    find: ({ texts }) =>
      texts.flatMap(({ message, text, rejected }) => {
        if (!isSuspicious.test(text)) return [];
        return patterns.flatMap(([kind, pattern]): Finding[] => {
          const found = text.match(pattern);
          return found === null
            ? []
            : [{ kind, message, ...(rejected && { rejected }), detail: seen(found) }];
        });
      }),
  };
}

/** `3 times, first U+200B`; of letters only how often. */
function seen(found: readonly string[]): string {
  const times = found.length === 1 ? 'once' : `${found.length} times`;
  const code = found[0]!.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return /^\p{L}/u.test(found[0]!) ? times : `${times}, first U+${code}`;
}
