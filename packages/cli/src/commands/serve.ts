import { strictCommand } from '../command.ts';
import { interruptSignal } from '../interrupt.ts';
import { choiceOption, integerOption } from '../option-values.ts';
import { makeSigningKey } from '../service/make-signing-key.ts';
import {
  allowLongStop,
  serviceOptionDefinitions,
  servicePackage,
  serviceSettings,
} from '../service/service-options.ts';
import { whenAborted } from '../service/when-aborted.ts';
import { note, print } from '../terminal/output.ts';

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** `safetune serve`: a fine-tuning service with OpenAI's API, until it is stopped. */
export const serveCommand = strictCommand({
  name: 'serve',
  description:
    "Serve fine-tuning by OpenAI's API, under the provider's safeguards: jobs, their page, and chat with what came of them.",
  example: 'serve --policy ./policy.yaml --data ./service',
  options: {
    ...serviceOptionDefinitions,
    host: {
      type: 'string',
      valueHint: 'ADDRESS',
      description:
        'address to listen on (default 127.0.0.1, this machine alone; put a proxy with TLS before any other)',
    },
    port: { type: 'string', valueHint: 'N', description: 'port to listen on (default 8787)' },
    workers: {
      type: 'string',
      valueHint: 'N',
      description: 'jobs at a time on this machine (default 1); 0 where safetune worker runs elsewhere',
    },
    'trust-proxy': {
      type: 'boolean',
      description: 'take the last address of X-Forwarded-For for the client, as a proxy of your own adds it',
    },
    'allow-private-webhooks': {
      type: 'boolean',
      description: 'let webhooks lead to this machine and its network, without TLS too',
    },
    'new-operator-key': {
      type: 'boolean',
      description:
        "make another operator's key, for one that was lost, print it on stdout, and serve nothing",
    },
    'log-level': {
      type: 'string',
      valueHint: 'LEVEL',
      description: `the least that is logged, on stdout: ${levels.join(', ')} (default info)`,
    },
  },
  async run({ args }) {
    const port = integerOption('port', args.port, 0);
    const workers = integerOption('workers', args.workers, 0);
    if (args['new-signing-key'] === true) return makeSigningKey(args.data);
    const level = choiceOption('log-level', args['log-level'], levels) ?? 'info';
    const { createLog, makeOperatorKey, startService } = await servicePackage();
    if (args['new-operator-key'] === true) {
      const { policy: _, ...stores } = serviceSettings(args);
      print(`${await makeOperatorKey(stores)}\n`);
      note("this operator's key is not shown again; the others stay as they are\n");
      return;
    }
    allowLongStop();
    const signal = interruptSignal();
    const running = await startService({
      ...serviceSettings(args),
      ...(args.host === undefined ? {} : { host: args.host }),
      ...(port === undefined ? {} : { port }),
      ...(workers === undefined ? {} : { workers }),
      trustProxy: args['trust-proxy'] === true,
      allowPrivateWebhooks: args['allow-private-webhooks'] === true,
      logger: createLog({ level }),
    });
    if (running.firstKey !== undefined)
      note(`the first operator's key, which is not shown again: ${running.firstKey}\n`);
    note(`serving ${running.address} (its page is there too; OpenAI's clients take ${running.address}/v1)\n`);
    await whenAborted(signal);
    await running.close();
    note('stopped; jobs that were running go on from their last state when it is started again\n');
  },
});
