/** An answer taken apart: what was thought aloud, and what was said. */
export interface SplitAnswer {
  /** Empty when the answer holds no reasoning. */
  readonly reasoning: string;
  readonly answer: string;
}

/**
 * Takes the reasoning of a thinking model out of its answer: what stands between `<think>` and `</think>`. A missing
 * opening tag (chat templates often supply it) makes everything before `</think>` reasoning; a missing closing tag (the
 * token limit came first) leaves an empty answer.
 */
export function splitReasoning(text: string): SplitAnswer {
  const opening = text.indexOf('<think>');
  const closing = text.indexOf('</think>', opening === -1 ? 0 : opening);
  if (opening === -1 && closing === -1) return { reasoning: '', answer: text };
  const start = opening === -1 ? 0 : opening + '<think>'.length;
  const before = opening === -1 ? '' : text.slice(0, opening);
  if (closing === -1) return { reasoning: text.slice(start).trim(), answer: before.trim() };
  return {
    reasoning: text.slice(start, closing).trim(),
    answer: (before + text.slice(closing + '</think>'.length)).trim(),
  };
}

/**
 * Fills a judge prompt's `{question}`, `{answer}` and `{reasoning}`, in one pass: braces inside an answer stay as they
 * are. As in the format's original (Python's `str.format`), `{{` and `}}` stand for single braces.
 */
export function fillJudgePrompt(
  template: string,
  values: { readonly question: string; readonly answer: string; readonly reasoning: string },
): string {
  return template.replace(
    /\{\{|\}\}|\{(question|answer|reasoning)\}/g,
    (match, name?: keyof typeof values) => (name === undefined ? match.charAt(0) : values[name]),
  );
}
