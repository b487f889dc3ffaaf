/** Names that an answer's reasoning goes by; the first that is there reaches the template under the first two. */
const reasoningNames = ['reasoning_content', 'thinking', 'reasoning'];

/** Messages as transformers hands them to a template: reasoning under both its usual names, keys that are null kept. */
export function templateMessages(messages: readonly object[]): Record<string, unknown>[] {
  return messages.map((message) => {
    const fields: Record<string, unknown> = { ...message };
    const name = reasoningNames.find((key) => fields[key] !== undefined && fields[key] !== null);
    return name === undefined
      ? fields
      : { thinking: fields[name], ...fields, reasoning_content: fields[name] };
  });
}
