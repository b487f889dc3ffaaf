/** The thread that serves the page: a training step keeps the thread of the run busy for its whole length. */
import { parentPort } from 'node:worker_threads';
import type { WatchMessage } from './watch-message.ts';
import { startWatchServer } from './watch-server.ts';

const server = await startWatchServer();
parentPort!.postMessage(server.url);
parentPort!.on('message', (message: WatchMessage) => server.tell(message));
