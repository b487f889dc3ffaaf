/** A process that opens a model, tells the id of its process, begins an endless answer and waits to be killed. */
import { openModelProcess } from '../model-process.ts';

const model = await openModelProcess({ path: process.argv[2]!, precision: 'float32', contextTokens: 90_000 });
const { pieces } = model.answer({
  messages: [{ role: 'user', content: 'Hello' }],
  maxTokens: 80_000,
  temperature: 0,
  topP: 1,
  seed: 0,
  stop: [],
});
await pieces.next();
console.log(model.processId);
