import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { openSigningKey } from '../evidence/signing-key.ts';
import { openStores, type StoreSettings } from '../open-stores.ts';
import { readPolicy } from '../policy/read-policy.ts';
import type { RunWorkerOptions } from './worker-options.ts';
import type { OpenedWorker } from './worker-program.ts';

/** What a worker is made of: the stores of its service, as the server has them. */
export interface ServiceWorkerSettings extends StoreSettings {
  /** The policy's file. Safeguards' files and base models must be at the same places on each machine that has workers. */
  readonly policy: string;
  /** Folder of the signing key. Default: `keys` in the data folder. */
  readonly keys?: string;
  /** Folder for what jobs work with. Default: `scratch` in the data folder. */
  readonly scratch?: string;
}

/** Opens a worker of a service, on one machine or on Redis. @throws what opening its parts throws */
export async function openServiceWorker(
  settings: ServiceWorkerSettings,
  onProblem: NonNullable<RunWorkerOptions['onProblem']>,
): Promise<OpenedWorker> {
  const { data, keys = join(data, 'keys'), scratch = join(data, 'scratch') } = settings;
  const policy = await readPolicy(settings.policy, { models: 'unseen' });
  // Opened again for each model: a new key signs from then on. What is wrong with it is said now.
  const signingKey = () => openSigningKey(keys);
  await signingKey();
  const stores = await openStores(settings, onProblem);
  return {
    service: { ...stores, policy },
    // Names of machines may hold what an id may not.
    options: {
      id: `${hostname().replaceAll(/[^\w-]/g, '-')}-${process.pid}-${randomBytes(4).toString('hex')}`,
      scratch,
      signingKey,
      onProblem,
    },
    close: () => stores.close(),
  };
}
