import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Ends connections on which nothing was ever asked when a server closes. Node counts them as busy, so that closing would wait until their
 * headers are overdue; clients open some in advance.
 *
 * @returns what ends them.
 */
export function watchUnusedConnections(server: Server): () => void {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return () => {
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  };
}
