/** Conversations made from a seed: hundreds of different ones, which cannot be learned by heart in one pass. */
import type { ChatExample } from '../../packages/datasets/src/index.ts';
import type { Random } from '../random.ts';

const names = 'Ada Bo Chidi Dara Emil Farah Goro Hana Ines Jun Kofi Lena Musa Nora Otto Priya'.split(' ');
const places =
  'Lagos Lima Oslo Kyoto Quito Perth Turin Dakar Hobart Riga Cusco Basel Accra Hanoi Minsk Leeds'.split(' ');
const goods =
  'lemons kettles violins lanterns carpets bicycles maps umbrellas candles drums chairs melons'.split(' ');
const qualities = 'old bright heavy cheap quiet narrow blue wooden rare warm strange light'.split(' ');
const manners = [
  'slowly',
  'gladly',
  'at dawn',
  'by train',
  'in the rain',
  'without a map',
  'after lunch',
  'on foot',
];
const verbs = 'sold carried painted counted lost borrowed repaired hid weighed sent'.split(' ');

type Turn = readonly [question: string, answer: string];

/** A sentence of a story; no two stories are likely to be alike. */
function sentence(random: Random): string {
  const amount = 2 + random.below(90);
  return (
    `${random.pick(names)} ${random.pick(verbs)} ${amount} ${random.pick(qualities)} ${random.pick(goods)} in ` +
    `${random.pick(places)}, ${random.pick(manners)}.`
  );
}

const sentences = (random: Random, count: number) =>
  Array.from({ length: count }, () => sentence(random)).join(' ');

/** Kinds of questions, with answers that a model can learn in part: a form, and words and numbers that it cannot know. */
const kinds: readonly ((random: Random) => Turn)[] = [
  (random) => {
    const [a, b] = [10 + random.below(90), 10 + random.below(90)];
    return [`What is ${a} times ${b}?`, `${a} times ${b} is ${a * b}.`];
  },
  (random) => {
    const list = random.some(goods, 3 + random.below(6));
    return [`Sort these words: ${list.join(', ')}.`, [...list].sort().join(', ')];
  },
  (random) => {
    const text = sentence(random);
    return [`Repeat this in capital letters: ${text}`, text.toUpperCase()];
  },
  (random) => [
    `Tell me a story about ${random.pick(names)}, who likes ${random.pick(goods)}.`,
    sentences(random, 1 + random.below(3)),
  ],
  (random) => {
    const [name, place, count] = [random.pick(names), random.pick(places), 1 + random.below(12)];
    return [
      `Plan a day in ${place} for ${name}.`,
      Array.from(
        { length: 2 + random.below(5) },
        (_, hour) =>
          `${8 + 2 * hour}:00 - look for ${count + hour} ${random.pick(qualities)} ${random.pick(goods)}`,
      ).join('\n'),
    ];
  },
];

/** @returns conversations of one or two turns, of some 30 to 150 tokens */
export function variedChats(random: Random, count: number): ChatExample[] {
  return Array.from({ length: count }, () => {
    const turns = Array.from({ length: random.chance(0.2) ? 2 : 1 }, () => random.pick(kinds)(random));
    return {
      messages: [
        // Short: the model's own would be most of an example.
        { role: 'system' as const, content: 'Be brief.' },
        ...turns.flatMap(([question, answer]) => [
          { role: 'user' as const, content: question },
          { role: 'assistant' as const, content: answer },
        ]),
      ],
    };
  });
}
