import { InvalidOptionError } from '../errors.ts';
import type { Facts } from '../sources/answer-source.ts';
import type { Judge, JudgeItem, JudgeTask } from './judge.ts';

/**
 * Several judges that each say something else of the same answer, as one: the tasks of all, scores and categories side by side.
 * For judges that say the same, give them to `evaluate` as `furtherJudges`, and their agreement is computed.
 *
 * It has the first judge's name; settings and details of the others stand beside its own with their place in front, from 2.
 *
 * @throws {InvalidOptionError} without judges; from `tasks`, when two have a task of the same name.
 */
export function judgesTogether(judges: readonly Judge[]): Judge {
  const [first] = judges;
  if (first === undefined) throw new InvalidOptionError('judges', 'there are none');
  function tasks(item: JudgeItem): readonly (readonly [JudgeTask, Judge])[] {
    const all = judges.flatMap((judge) => judge.tasks(item).map((task) => [task, judge] as const));
    const twice = all.find(([{ name }], place) => all.findIndex(([other]) => other.name === name) !== place);
    if (twice === undefined) return all;
    throw new InvalidOptionError('judges', `two of them have a task '${twice[0].name}'`);
  }
  return {
    name: first.name,
    settings: facts(judges, 'settings'),
    details: facts(judges, 'details'),
    ...(first.concurrency !== undefined && { concurrency: first.concurrency }),
    check(questions) {
      for (const judge of judges) judge.check?.(questions);
    },
    async prepare(options) {
      const prepared: Judge[] = [];
      for (const judge of judges) prepared.push((await judge.prepare?.(options)) ?? judge);
      return judgesTogether(prepared);
    },
    tasks: (item) => tasks(item).map(([task]) => task),
    async judge(task, item, options) {
      const [, owner] = tasks(item).find(([{ name }]) => name === task.name)!;
      return owner.judge(task, item, options);
    },
  };
}

function facts(judges: readonly Judge[], kind: 'settings' | 'details'): Facts {
  return Object.fromEntries(
    judges.flatMap((judge, place) => {
      const own = Object.entries(judge[kind] ?? {});
      if (place === 0) return own;
      const named = kind === 'settings' ? [['judge', judge.name] as const, ...own] : own;
      return named.map(([name, value]) => [`${place + 1}.${name}`, value]);
    }),
  );
}
