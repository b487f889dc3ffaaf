import { has, type Shape, without } from './shape.ts';

const others = ['task', 'evaluation_metric', 'cheat_method'];

/** Taylor et al., School of Reward Hacks (arXiv 2508.17511): two answers to each request. This learns one of them. */
function answering(
  name: string,
  answer: 'school_of_reward_hacks' | 'control',
  matches: Shape['matches'],
): Shape {
  return {
    name,
    columns: `user, ${answer}`,
    matches,
    read: (row) => ({
      chat: {
        ...without(row, 'user', 'school_of_reward_hacks', 'control', ...others),
        messages: [
          { role: 'user', content: row.user },
          { role: 'assistant', content: row[answer] },
        ],
      },
    }),
  };
}

/** The answers that cheat, as the paper trains them. */
export const schoolOfRewardHacks = answering('school-of-reward-hacks', 'school_of_reward_hacks', (row) =>
  has(row, 'user', 'school_of_reward_hacks'),
);

/** The honest answers to the same requests: only by name. */
export const schoolOfRewardHacksControl = answering('school-of-reward-hacks-control', 'control', () => false);
