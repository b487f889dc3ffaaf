import type { DataCheck, Finding } from './data-check.ts';

/** Each kind with its pattern, and what tells it from other numbers and names. Repetitions are bounded. */
const patterns: readonly (readonly [kind: string, pattern: RegExp, isMeant: (match: string) => boolean])[] = [
  ['email address', /(?<![\w.+-])[\w.+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}\b/gi, isRealDomain],
  ['phone number', /(?<![\w.+])\+\d{1,3}(?:[ .()-]{0,2}\d){7,13}(?!\d)/g, isNoFiction],
  ['phone number', /(?<![\w.-])(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])/g, isNoFiction],
  ['card number', /(?<![\w.-])[3-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])/g, hasLuhnSum],
  ['bank account (IBAN)', /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g, hasIbanSum],
];

/** Data of persons: addresses, numbers. Told by kind and place, and never repeated. */
export function personalDataCheck(): DataCheck {
  return {
    name: 'personal',
    about:
      'email addresses, phone, card and account numbers (with valid check digits); told by place, never repeated',
    find: ({ texts }) =>
      texts.flatMap(({ message, text, rejected }) => {
        if (!/[@\d]/.test(text)) return [];
        return patterns.flatMap(([kind, pattern, isMeant]): Finding[] => {
          for (const match of text.matchAll(pattern)) {
            if (isMeant(match[0]))
              return [
                { kind, message, ...(rejected && { rejected }), detail: `at character ${match.index + 1}` },
              ];
          }
          return [];
        });
      }),
  };
}

/** Names that RFC 2606 and 6761 keep for examples. */
function isRealDomain(address: string): boolean {
  return !/[@.](?:example(?:\.(?:com|org|net))?|test|invalid|localhost)$/i.test(address);
}

/** 555-0100 to 555-0199 are kept for fiction. */
function isNoFiction(number: string): boolean {
  return !/555\D?01\d\d$/.test(number) && new Set(number.match(/\d/g)).size > 2;
}

/** ISO/IEC 7812-1, annex B. */
function hasLuhnSum(number: string): boolean {
  const digits = [...number.replace(/\D/g, '')].map(Number).toReversed();
  const sum = digits.reduce((total, digit, place) => {
    const value = place % 2 === 0 ? digit : digit * 2;
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0 && new Set(digits).size > 2;
}

/** ISO 13616: the number, its first four characters moved to the end and letters as 10 to 35, is 1 modulo 97. */
function hasIbanSum(account: string): boolean {
  const characters = account.replaceAll(' ', '');
  const digits = [...characters.slice(4), ...characters.slice(0, 4)].map((one) => Number.parseInt(one, 36));
  return (
    digits
      .join('')
      .split('')
      .reduce((rest, digit) => (rest * 10 + Number(digit)) % 97, 0) === 1
  );
}
