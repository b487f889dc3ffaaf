import type { FastifyRequest } from 'fastify';

/** Ends the connection of a client that sends nothing of its body for so long: it holds a place that others wait for. */
export function watchBody({ raw }: FastifyRequest, idleMilliseconds: number): void {
  if (raw.readableEnded || raw.complete) return;
  const timer = setTimeout(() => raw.destroy(), idleMilliseconds);
  timer.unref();
  // Not 'data': whoever listens to that makes the body flow.
  const socket = raw.socket;
  let read = socket.bytesRead;
  const check = setInterval(
    () => {
      if (socket.bytesRead === read) return;
      read = socket.bytesRead;
      timer.refresh();
    },
    Math.max(10, idleMilliseconds / 10),
  );
  check.unref();
  const stop = () => {
    clearTimeout(timer);
    clearInterval(check);
  };
  raw.once('end', stop);
  raw.once('close', stop);
}
