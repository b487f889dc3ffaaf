import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { policyFolder, tinyCheckpoint } from '../../policy/__fixtures__/policy-folder.ts';
import { type RunningService, startService } from '../start-service.ts';

/** A safeguard of the provider's own that does nothing but take its time after each step, so that there is time to pause a run. */
const slow = `export default ({ milliseconds = 0 }) => ({
  name: 'slow', config: {},
  afterStep: () => new Promise((resolve) => setTimeout(resolve, milliseconds)),
});`;

const policy = `models:
  tiny: {path: ${tinyCheckpoint}, price_per_million_tokens: 2, download: true}
limits: {examples: 100, tokens: 100000, completion_tokens: 16}
training: {rank: 4, learning_rate: 0.01, max_length: 64, epochs: 2, batch_size: 2, checkpoint_every: 3, threads: 1}
safeguards:
  mandatory:
    - {type: interleaving, pool: safe.jsonl, share: 0.2}
    - {type: kl, weight: 0.1}
    - {type: ./slow.mjs, milliseconds: 100}
  optional:
    - {safeguard: {type: kl}, up_to: 1}
gate:
  log_odds: {quarantine: 1000}
`;

/** A service as `startService` starts it, with workers, models and chats in processes of their own, and a tiny checkpoint. */
export interface RealService {
  readonly running: RunningService;
  /** What the service keeps. */
  readonly data: string;
  /** A new key of a tenant, made by the API. */
  key(tenant: string): Promise<string>;
  client(tenant: string): Promise<OpenAI>;
  close(): Promise<void>;
}

export async function openRealService(workers: number): Promise<RealService> {
  const data = await mkdtemp(join(tmpdir(), 'safetune-real-'));
  const { file, folder } = await policyFolder(policy, { 'slow.mjs': slow });
  const limits = { closeTimeout: 200 };
  const running = await startService({
    ...{ policy: file, data, port: 0, workers, limits, allowPrivateWebhooks: true },
    chat: { threads: 1 },
  });
  const baseURL = `${running.address}/v1`;
  const operator = new OpenAI({ apiKey: running.firstKey!, baseURL });
  const key = async (tenant: string) => {
    const made = await operator.post<{ value: string }>('/organization/keys', { body: { tenant } });
    return made.value;
  };
  return {
    running,
    data,
    key,
    client: async (tenant) =>
      new OpenAI({ apiKey: await key(tenant), baseURL, maxRetries: 0, webhookSecret: null }),
    async close() {
      await running.close();
      await rm(data, { recursive: true, force: true });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
