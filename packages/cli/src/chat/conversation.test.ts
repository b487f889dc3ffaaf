import { expect, it } from 'vitest';
import { Conversation } from './conversation.ts';

it('holds what was said, under the system message of now', () => {
  const conversation = new Conversation(undefined);
  conversation.keep('one?', 'One.');
  conversation.keep('stopped?', ' ');
  conversation.system = 'Be brief.';
  expect(conversation.messagesFor('two?')).toEqual([
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'one?' },
    { role: 'assistant', content: 'One.' },
    { role: 'user', content: 'two?' },
  ]);
  conversation.reset();
  expect(conversation.messagesFor('three?').map(({ content }) => content)).toEqual(['Be brief.', 'three?']);
});
