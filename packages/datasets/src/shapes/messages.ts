import { has, type Shape } from './shape.ts';
import { messagesOf } from './turns.ts';

/** The conversation as chat templates take it. Published sets of insecure code, of harmful advice and of personas are written so. */
export const messages: Shape = {
  name: 'messages',
  columns: 'messages',
  matches: (row) => has(row, 'messages'),
  read: (row, origin) => ({ chat: { ...row, messages: messagesOf('messages', row.messages, origin) } }),
};
