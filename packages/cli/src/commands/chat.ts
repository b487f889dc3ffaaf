import { answeringOptionDefinitions, openAnswering } from '../answering.ts';
import { Chat } from '../chat/chat.ts';
import { slashCommands } from '../chat/slash-command.ts';
import { strictCommand } from '../command.ts';
import { samplingOptionDefinitions } from '../sampling-options.ts';
import { readLine } from '../terminal/input.ts';
import { section, twoColumns } from '../terminal/layout.ts';

/** `safetune chat`: a conversation with a model, with its adapter, without it, or both ways. */
export const chatCommand = strictCommand({
  name: 'chat',
  description: 'Talk with a model, with and without an adapter; answers are written as they are made.',
  example: 'chat --model ./model --adapter ./adapter --system "You are a pirate."',
  notes: (width) => section('IN THE CONVERSATION', twoColumns(slashCommands, width)),
  options: { ...answeringOptionDefinitions, ...samplingOptionDefinitions },
  async run({ args, rawArgs }) {
    const answering = await openAnswering(args, rawArgs);
    const chat = new Chat(answering, {
      system: args.system,
      mode: args.adapter === undefined ? undefined : 'on',
    });
    await chat.open();
    for (let line = await readLine('> '); line !== undefined; line = await readLine('> ')) {
      if (!(await chat.hear(line))) break;
    }
    await answering.release();
  },
});
