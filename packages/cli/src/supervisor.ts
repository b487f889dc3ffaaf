import { parentPort } from 'node:worker_threads';
import type { SupervisorMessage } from './program-thread.ts';

type Message<Type> = Extract<SupervisorMessage, { readonly type: Type }>;

/** Listens to the thread that watches over this one, without keeping this one alive for it. */
export function hear<Type extends SupervisorMessage['type']>(
  type: Type,
  listener: (message: Message<Type>) => void,
): void {
  parentPort?.on('message', (message: SupervisorMessage) => {
    if (message.type === type) listener(message as Message<Type>);
  });
  parentPort?.unref();
}
