import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { onTestFinished } from 'vitest';
import {
  policyFolder,
  removePolicyFolders,
  tinyCheckpoint,
} from '../../policy/__fixtures__/policy-folder.ts';
import type { AnsweringService } from '../../service.ts';
import { startRedis, whyNoRedis } from '../../testing/redis-server.ts';
import { startService } from '../start-service.ts';

/** The kinds of records that this machine has. */
export const recordKinds: readonly ('SQLite' | 'Redis')[] =
  whyNoRedis === undefined ? ['SQLite', 'Redis'] : ['SQLite'];

/** Two servers that are one service, without a worker, until the test is over. */
export interface TwoServers {
  readonly service: AnsweringService;
  /** An operator's client. */
  readonly operator: OpenAI;
  /** A client of a tenant's at each of them. */
  clients(tenant: string): Promise<readonly [OpenAI, OpenAI]>;
}

export async function openTwoServers(kind: 'SQLite' | 'Redis', policyText: string): Promise<TwoServers> {
  const data = await mkdtemp(join(tmpdir(), 'safetune-two-'));
  onTestFinished(() => rm(data, { recursive: true, force: true }));
  const { file: policy } = await policyFolder(`models:\n  tiny: {path: ${tinyCheckpoint}}\n${policyText}`);
  onTestFinished(removePolicyFolders);
  const redis = kind === 'Redis' ? await startRedis() : undefined;
  if (redis !== undefined) onTestFinished(() => redis.remove());
  const start = async () => {
    const running = await startService({
      ...{ policy, data, port: 0, workers: 0, limits: { closeTimeout: 200 } },
      ...(redis !== undefined && { redis: redis.url }),
    });
    onTestFinished(() => running.close());
    return running;
  };
  const [one, other] = [await start(), await start()];
  const clientOf = ({ address }: { readonly address: string }, apiKey: string) =>
    new OpenAI({ apiKey, baseURL: `${address}/v1`, maxRetries: 0 });
  const operator = clientOf(one, one.firstKey!);
  return {
    service: one.service,
    operator,
    async clients(tenant) {
      const { value } = await operator.post<{ value: string }>('/organization/keys', { body: { tenant } });
      return [clientOf(one, value), clientOf(other, value)];
    },
  };
}
