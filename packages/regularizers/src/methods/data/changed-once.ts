import type { ChatExample } from '@safetune/datasets';

/** The same changed example each time one comes, so that whoever keeps what it made of it (its tokens) finds it again. */
export function changedOnce(
  change: (example: ChatExample) => ChatExample,
): (example: ChatExample) => ChatExample {
  const known = new WeakMap<ChatExample, ChatExample>();
  return (example) => {
    const changed = known.get(example) ?? change(example);
    known.set(example, changed);
    return changed;
  };
}
