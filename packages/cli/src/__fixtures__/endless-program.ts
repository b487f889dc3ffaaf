/** A command that can be stopped, as it says, and then works for ever without hearing anything. */
import { interruptSignal } from '../interrupt.ts';
import { note } from '../terminal/output.ts';

interruptSignal();
note('working\n');
for (;;);
