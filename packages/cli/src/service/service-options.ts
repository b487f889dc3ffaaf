import type { OptionDefinition } from '../command.ts';
import { shared } from '../terminal/output.ts';
import { UsageError } from '../usage-error.ts';

/** What servers and workers of a service are given alike. */
export const serviceOptionDefinitions = {
  policy: {
    type: 'string',
    path: 'input',
    required: true,
    valueHint: 'FILE.yaml',
    description: 'what the provider decides: base models, limits, safeguards, screen and gate',
  },
  data: {
    type: 'string',
    required: true,
    valueHint: 'DIR',
    description: 'folder of this machine for what the service keeps; nobody else may read it',
  },
  redis: {
    type: 'string',
    valueHint: 'URL',
    description:
      'Redis or Valkey that holds records and queue, for several machines (default: files in --data); the variable SAFETUNE_REDIS does the ' +
      'same, and is not seen in the list of processes',
  },
  storage: {
    type: 'string',
    valueHint: 'WHERE',
    description:
      'where contents are: a folder that machines share, or s3://BUCKET?endpoint=URL, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set ' +
      '(default: in --data)',
  },
  'new-signing-key': {
    type: 'boolean',
    description:
      'make another key that models are signed with, for the workers of --data, print where its public key is, and start nothing',
  },
} as const satisfies Readonly<Record<string, OptionDefinition>>;

/** The settings that these options stand for. */
export function serviceSettings(args: {
  readonly policy: string;
  readonly data: string;
  readonly redis?: string | undefined;
  readonly storage?: string | undefined;
}) {
  const redis = args.redis ?? process.env.SAFETUNE_REDIS;
  return {
    policy: args.policy,
    data: args.data,
    ...(redis === undefined ? {} : { redis }),
    ...(args.storage === undefined ? {} : { storage: args.storage }),
  };
}

/** The package of the service, which is read when it is wanted: it needs a newer Node than the other commands. */
export async function servicePackage(): Promise<typeof import('@safetune/server')> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major === 22 && minor < 13)
    throw new UsageError(`a service needs Node.js 22.13 or newer, this is ${process.versions.node}`);
  return import('@safetune/server');
}

/** A job that is told to stop saves its state first, and its worker may wait a minute and a half for that. */
export function allowLongStop(): void {
  if (shared !== undefined) shared.slowestSeconds = Math.max(shared.slowestSeconds, 35);
}
