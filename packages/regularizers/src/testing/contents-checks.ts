import { isDeepStrictEqual } from 'node:util';
import { defaultCacheDirectory } from '@safetune/tensor';
import { shown } from '../interface/shown.ts';
import { type ContractCheck, check, type Subject } from './subject.ts';

/** What the digests of what a regularizer reads must keep, for a run to be continued by them. */
export function contentsChecks(subject: Subject): ContractCheck[] {
  return [
    check(subject, 'are texts by name, the same when the same is read', async (made, assert) => {
      const context = { adapter: await subject.adapter?.(), cacheDirectory: defaultCacheDirectory() };
      const first = await made.contents!(context);
      assert(typeof first === 'object' && first !== null, `are ${shown(first)}, must be digests by name`);
      assert(
        Object.values(first).every((digest) => typeof digest === 'string' && digest !== ''),
        `are not texts: ${JSON.stringify(first)}`,
      );
      const again = await (await subject.make()).contents!(context);
      assert(isDeepStrictEqual(first, again), 'differ between two that read the same');
    }),
  ];
}
